"""Several people on one real page, without browsers: what their clicks and waits come to."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sdplay.params import KNOBS
from sdplay.ui.generate.result import PATIENCE_SECONDS
from tests.fakes import a1111
from tests.serving import forked
from tests.visitor import Visitor

LONG = "?prompt=a+red+apple&steps=150&width=160&height=160"
"""A picture that takes a second or more."""
LASTING = "?backend=a1111&prompt=a+red+apple&steps=150&width=64&height=64"
"""One that takes minutes, on a fast machine too, until the server is told to hurry."""
ENDLESS = "?prompt=a+red+apple&steps=500&width=256&height=256"
"""One of the built-in model's, that nobody waits for to its end."""
SHORT = "?prompt=a+red+apple&steps=4&width=96&height=96"


@pytest.fixture(scope="module")
def server():
    """It waits at each step and computes nothing."""
    with a1111(step_seconds=1.0) as fake:
        yield fake


@pytest.fixture(scope="module")
def url(tmp_path_factory, server):
    process, url = forked(tmp_path_factory.mktemp("home"), SDPLAY_A1111_URL=server.url)
    try:
        with Visitor(url + SHORT) as first:
            first.generate(1)
            first.see(1)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def visitor(url):
    """Somebody whose pictures take long enough to look at while they are made."""
    with Visitor(url + LONG) as visitor:
        yield visitor


@pytest.fixture
def slow(url, server):
    """Their pictures, each of which lasts until it may be finished."""
    server.hurry.clear()
    yield url + LASTING
    server.hurry.set()


@pytest.fixture
def hasty(url):
    """Somebody whose pictures are there at once."""
    with Visitor(url + SHORT) as visitor:
        yield visitor


def waiting(visitor):
    """The run that waits for the picture has begun."""
    assert visitor.look(lambda: PATIENCE_SECONDS in visitor.intervals())


def cancelled(visitor):
    """The page says so. Whoever leaves sooner may leave an endless picture at work."""
    return visitor.look(lambda: any("Cancelled" in each for each in visitor.sentences))


def test_one_run_waits_for_the_picture_and_its_previews_move(visitor):
    began = time.monotonic()
    visitor.generate(1)
    assert visitor.see(1)
    # The button's, and one that waits and then draws the picture; more only where patience ends.
    assert visitor.ticks <= 2 + 2 * ((time.monotonic() - began) // PATIENCE_SECONDS)
    assert visitor.previews > 1


def test_others_who_come_and_go_cost_one_who_waits_no_run(url):
    def listed(pictures):
        """So many pictures stand in the list that this visitor looks at."""
        return visitor.look(lambda: lengths()[-1:] == [str(pictures)])

    def lengths():
        return re.findall(r"The queue: (\d+) picture", "\n".join(visitor.texts))

    people = [Visitor(url + ENDLESS) for _ in range(3)]
    with people[0] as visitor, people[1] as other, people[2] as third:
        other.generate(1)
        waiting(other)
        visitor.generate(2)
        assert listed(2)
        began, runs = time.monotonic(), visitor.ticks
        third.generate(3)
        waiting(third)
        assert listed(3)
        third.press("cancel")
        assert listed(2)
        patience = (time.monotonic() - began) // PATIENCE_SECONDS
        assert visitor.ticks <= runs + 2 * patience
        for person in (visitor, other):
            person.press("cancel")
            assert cancelled(person)


def test_a_picture_comes_though_the_browser_asks_no_more(slow, server):
    with Visitor(slow) as visitor:
        visitor.generate(1)
        waiting(visitor)
        visitor.stop_asking()
        server.hurry.set()
        assert visitor.see(1)


def test_cancel_ends_a_run_that_waits(slow):
    with Visitor(slow) as visitor:
        visitor.generate(1)
        waiting(visitor)
        visitor.press("cancel")
        assert cancelled(visitor)


def test_a_click_in_another_part_is_answered_while_a_picture_is_waited_for(slow, server):
    with Visitor(slow) as visitor:
        visitor.generate(1)
        waiting(visitor)
        visitor.press("request")
        assert visitor.look(lambda: "payload_keep" in visitor.drawn())
        runs = visitor.runs
        waiting(visitor)
        visitor.press("payload_keep")
        assert visitor.look(lambda: visitor.runs > runs)
        assert not visitor.seeds
        server.hurry.set()
        assert visitor.see(1)


def test_a_click_on_generate_draws_no_page_before_the_picture(hasty):
    runs = hasty.runs
    hasty.generate(1)
    assert hasty.see(1)
    assert hasty.runs == runs


def test_a_picture_has_every_setting_that_was_changed_before_the_click(visitor):
    chosen = {
        "prompt": "a blue (apple:1.2)",
        "negative": "red",
        "steps": 7,
        "cfg": 3.5,
        "seed": 11,
        "width": 160,
        "height": 96,
        "eta": 0.5,
        "variation_seed": 5,
        "variation_strength": 0.25,
    }
    apart = {"scheduler", "strength", "extra"}  # a list, and what means something with others
    assert visitor.drawn() & set(KNOBS) <= chosen.keys() | apart
    visitor.fill(**chosen, scheduler="DDIM")
    runs = visitor.runs
    visitor.press("go")
    assert visitor.see(11)
    assert visitor.runs == runs
    picture = visitor.pictures[-1]
    assert {name: picture[name] for name in chosen} == chosen
    assert picture["scheduler"] == "ddim"


def test_a_click_for_several_pictures_ends_with_the_last_of_them(url):
    with Visitor(url + SHORT) as visitor:
        visitor.fill(seed=20, count=3)
        visitor.press("go")
        assert visitor.see(22)
        runs = visitor.runs
        assert visitor.look(lambda: visitor.runs > runs and not visitor.running)


def test_what_cannot_be_made_is_told_and_stays_told(visitor):
    visitor.fill(width=100)
    visitor.press("go")
    assert visitor.look(lambda: any("multiple of 32" in each for each in visitor.sentences))
    visitor.look(lambda: False, 1)
    assert visitor.look(lambda: not visitor.running)
    assert not visitor.intervals()


def test_a_second_click_on_generate_shows_the_second_picture(slow, server):
    with Visitor(slow) as visitor:
        visitor.generate(1)
        waiting(visitor)
        visitor.generate(2)
        server.hurry.set()
        assert visitor.see(2)


def test_a_reload_finds_the_picture_that_was_waited_for(slow, server):
    with Visitor(slow, owner="a" * 32) as before:
        before.generate(1)
        waiting(before)
    with Visitor(slow, owner="a" * 32) as after:
        server.hurry.set()
        assert after.see(1)


def test_a_finished_picture_stands_in_the_page_that_is_drawn_after_it(hasty):
    hasty.generate(1)
    hasty.see(1)
    runs = hasty.runs
    assert hasty.look(lambda: hasty.runs > runs and not hasty.running)
    assert not hasty.intervals()


def test_everybody_gets_their_own_pictures_in_turns(url):
    def sit(number):
        with Visitor(url + SHORT) as visitor:
            for seed in range(1000 * number, 1000 * number + 3):
                visitor.generate(seed)
                assert visitor.see(seed)
            return visitor.seeds

    with ThreadPoolExecutor(6) as people:
        seen = list(people.map(sit, range(1, 7)))
    assert all({seed // 1000 for seed in seeds} == {number} for number, seeds in enumerate(seen, 1))
