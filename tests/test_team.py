"""Several people on one real page, without browsers: what their clicks and waits come to."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sdplay.ui.generate.result import PATIENCE_SECONDS
from tests.serving import served
from tests.visitor import Visitor

LONG = "?prompt=a+red+apple&steps=150&width=160&height=160"
"""A picture that takes a second or more."""
SHORT = "?prompt=a+red+apple&steps=4&width=96&height=96"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    process, url = served(tmp_path_factory.mktemp("home"))
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
    with Visitor(url + LONG) as visitor:
        yield visitor


def waiting(visitor):
    """The run that waits for the picture has begun."""
    assert visitor.look(lambda: visitor.ticks)


def test_one_run_waits_for_the_picture_and_its_previews_move(visitor):
    began = time.monotonic()
    visitor.generate(1)
    assert visitor.see(1)
    # One that waits, one that draws the picture, and more only where patience ends.
    assert visitor.ticks <= 3 + 2 * (time.monotonic() - began) / PATIENCE_SECONDS
    assert visitor.previews > 1


def test_a_picture_comes_though_the_browser_asks_no_more(visitor):
    visitor.generate(1)
    waiting(visitor)
    visitor.stop_asking()
    assert visitor.see(1)


def test_cancel_ends_a_run_that_waits(visitor):
    visitor.generate(1)
    waiting(visitor)
    visitor.press("cancel")
    assert visitor.look(lambda: any("Cancelled" in each for each in visitor.sentences))


def test_a_click_in_another_part_is_answered_while_a_picture_is_waited_for(visitor):
    visitor.generate(1)
    waiting(visitor)
    visitor.press("request")
    assert visitor.look(lambda: "payload_keep" in visitor.buttons())
    ticks, runs = visitor.ticks, visitor.runs
    assert visitor.look(lambda: visitor.ticks > ticks)
    visitor.press("payload_keep")
    assert visitor.look(lambda: visitor.runs > runs)
    assert not visitor.seeds
    assert visitor.see(1)


def test_a_second_click_on_generate_shows_the_second_picture(visitor):
    visitor.generate(1)
    waiting(visitor)
    visitor.generate(2)
    assert visitor.see(2)


def test_a_reload_finds_the_picture_that_was_waited_for(url):
    with Visitor(url + LONG, owner="a" * 32) as before:
        before.generate(1)
        waiting(before)
    with Visitor(url + LONG, owner="a" * 32) as after:
        assert after.see(1)


def test_a_finished_picture_stands_in_the_page_that_is_drawn_after_it(visitor):
    visitor.generate(1)
    visitor.see(1)
    runs = visitor.runs
    assert visitor.look(lambda: visitor.runs > runs and not visitor.running)
    assert not visitor.asks()


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
