"""The lens: five values on one's own prompt, made only while nobody waits for anything."""

import threading
import time

import pytest

from sdplay.backends import Backend, Capabilities, connect
from sdplay.jobs import IDLE, Jobs
from sdplay.lessons.lens import COUNT, SENTENCES, five, settles_sentence
from sdplay.library import Library
from sdplay.params import KNOBS, Params
from sdplay.picture import Progress
from tests.making import finished
from tests.paging import pause_for_pictures, sentences


@pytest.mark.parametrize("name", SENTENCES)
def test_a_lens_has_five_values_of_one_setting_alone(name):
    base = Params(prompt="a fox", init=b"x")
    settings = five(name, base, Capabilities())
    assert len({getattr(params, name) for params in settings}) == COUNT
    assert {params.with_(**{name: getattr(base, name)}) for params in settings} == {base}
    assert SENTENCES[name].count(". ") == 1
    assert name in KNOBS


@pytest.mark.parametrize("name", ["width", "height"])
def test_sizes_of_a_lens_are_those_that_the_built_in_model_takes(name):
    settings = five(name, Params(), connect("builtin").probe())
    assert [getattr(params, name) for params in settings] == [96, 128, 160, 192, 256]


def test_the_lens_begins_with_what_is_to_be_avoided_now():
    settings = five("negative", Params(negative="fog"), connect("builtin").probe())
    assert [params.negative for params in settings][:2] == ["fog", ""]


def test_a_scheduler_that_a_backend_has_not_is_left_out():
    settings = five("scheduler", Params(), Capabilities(schedulers=("euler", "ddim", "lms")))
    assert [params.scheduler for params in settings] == ["euler", "ddim"]


@pytest.mark.parametrize(
    ("gaps", "sentence"),
    [
        ([0.5, 0.3, 0.05, 0.02], "On your prompt it stops mattering at about 16."),
        ([0.5, 0.3, 0.4, 0.3], "On your prompt it matters to the end of this strip."),
        ([0.01, 0.02, 0.0, 0.0], "On your prompt it hardly matters."),
        ([0.5, None, 0.05, 0.02], ""),
        ([], ""),
    ],
)
def test_where_a_setting_stops_mattering_is_told_from_the_pictures(gaps, sentence):
    assert settles_sentence("steps", (4, 8, 16, 24, 40), gaps) == sentence


def test_of_seeds_there_is_no_more_and_less():
    assert settles_sentence("seed", (1, 2, 3, 4, 5), [0.5, 0.1, 0.0, 0.0]) == ""


class Gated(Backend):
    """Makes a picture when it is let, and writes down whose."""

    name = label = "gated"

    def __init__(self):
        self.gate, self.order = threading.Event(), []

    def generate(self, params):
        self.order.append(params.prompt)
        assert self.gate.wait(30)
        yield finished(prompt=params.prompt)


def test_a_picture_that_nobody_waits_for_is_made_after_everybodys(tmp_path):
    library = Library(tmp_path)
    jobs, backend = Jobs(library), Gated()
    running = jobs.submit(Params(prompt="first"), backend, "ann")
    idle = jobs.submit(Params(prompt="idle"), backend, "ann", f"{IDLE}steps")
    late = [jobs.submit(Params(prompt=f"late {n}"), backend, "bob", f"sweep-{n}") for n in (1, 2)]
    backend.gate.set()
    for job in (running, *late, idle):
        assert job.wait(30)
    assert backend.order == ["first", "late 1", "late 2", "idle"]
    library.close()


class Stepping(Backend):
    """Yields a step at a time until it is closed."""

    name = label = "stepping"

    def __init__(self):
        self.began, self.closed = threading.Event(), threading.Event()

    def generate(self, params):
        try:
            while params.prompt == "idle":
                self.began.set()
                time.sleep(0.005)
                yield Progress()
            yield finished(prompt=params.prompt)
        finally:
            if params.prompt == "idle":
                self.closed.set()


def test_a_picture_that_nobody_waits_for_stops_as_soon_as_somebody_asks_for_one(tmp_path):
    library = Library(tmp_path)
    jobs, backend = Jobs(library), Stepping()
    idle = jobs.submit(Params(prompt="idle"), backend, "ann-lens", f"{IDLE}steps")
    assert backend.began.wait(30)
    asked = jobs.submit(Params(prompt="a fox"), backend, "bob")
    assert backend.closed.wait(30)
    assert asked.wait(30)
    assert (idle.state, asked.state) == ("cancelled", "done")
    library.close()


def test_the_lens_fills_its_strips_and_says_where_steps_stop_mattering(page):
    page.query_params.update(steps="4", width="96", height="96")
    page.run()
    page.toggle(key="lens").set_value(True).run()
    assert not page.exception
    for _ in range(600):
        if "stops mattering" in sentences(page) or "matters" in sentences(page):
            break
        pause_for_pictures()
        page.run()
    said = sentences(page)
    assert all(SENTENCES[name] in said for name in ("steps", "negative", "width", "height"))
    assert "On your prompt it" in said
    from sdplay.ui import session

    library, owner = session.jobs().library, page.session_state["owner"]
    assert library.total(owner=owner).count == 0, "the lens fills nobody's library"
    assert library.total(owner=f"{owner}-lens").count >= COUNT - 1


def test_the_form_without_the_lens_asks_for_nothing(page):
    page.run()
    from sdplay.ui import session

    assert session.jobs().crowd() == 0
    assert SENTENCES["steps"] not in sentences(page)
