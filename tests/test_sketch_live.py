"""Pictures that follow a drawing: which is asked for, which waits, and which is shown."""

from itertools import count
from types import SimpleNamespace

import pytest

from sdplay.errors import BadParams
from sdplay.jobs import Job
from sdplay.params import Params
from sdplay.ui.sketch.live import MOST_FRAMES, MOST_TRIES, Live


class Clock:
    def __init__(self):
        self.at = 100.0

    def __call__(self):
        return self.at


class Desk:
    """Jobs that end when a test says so."""

    def __init__(self):
        self.jobs, self.forgotten = [], []

    def submit(self, params):
        self.jobs.append(Job(params, backend=None, owner="me"))
        return self.jobs[-1]

    def forget(self, job):
        self.forgotten.append(job)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(clock):
    return Live(clock)


@pytest.fixture
def desk():
    return Desk()


NAMES = count()


def finish(job, name=""):
    job.saved = SimpleNamespace(id=name or f"picture-{next(NAMES)}", params=job.params)
    job._end("done")


def fail(job, error="It broke."):
    job.error = error
    job._end("failed")


def stroke(live, number, desk):
    live.ask(Params(prompt=f"stroke {number}"), number)
    return live.advance(desk)


def prompts(desk):
    return [job.params.prompt for job in desk.jobs]


def test_a_run_that_is_cut_short_leaves_the_request_waiting(live, desk):
    class CutShort(Desk):
        def submit(self, params):
            raise KeyboardInterrupt

    live.ask(Params(prompt="a fox"), 1)
    with pytest.raises(KeyboardInterrupt):
        live.advance(CutShort())
    assert live.busy
    live.advance(desk)
    assert [job.params.prompt for job in desk.jobs] == ["a fox"]


def test_one_picture_is_at_work_and_only_the_newest_drawing_waits(live, desk):
    for number in range(1, 6):
        stroke(live, number, desk)
    assert (prompts(desk), live.waits) == (["stroke 1"], 1)
    finish(desk.jobs[0])
    live.advance(desk)
    assert (prompts(desk), live.waits) == (["stroke 1", "stroke 5"], 0)


def test_the_picture_of_the_last_drawing_is_shown_in_the_end(live, desk):
    for number in range(1, 4):
        stroke(live, number, desk)
    finish(desk.jobs[0])
    assert live.advance(desk)
    finish(desk.jobs[1])
    assert live.advance(desk)
    assert (live.answer.request.stroke, live.busy) == (3, False)


def test_a_failed_request_makes_room_for_the_newer_drawing(live, desk):
    stroke(live, 1, desk)
    stroke(live, 2, desk)
    fail(desk.jobs[0])
    live.advance(desk)
    assert (prompts(desk), live.trouble) == (["stroke 1", "stroke 2"], "")


def test_the_last_drawing_is_tried_again_after_a_failure(live, desk, clock):
    stroke(live, 1, desk)
    fail(desk.jobs[0])
    live.advance(desk)
    assert (live.trouble, len(desk.jobs)) == ("It broke.", 1)
    clock.at += 1
    live.advance(desk)
    finish(desk.jobs[1])
    live.advance(desk)
    assert (live.answer.request.stroke, live.trouble) == (1, "")


def test_what_always_fails_is_not_tried_for_ever(live, desk, clock):
    stroke(live, 1, desk)
    for _ in range(20):
        for job in desk.jobs:
            if job.active:
                fail(job)
        live.advance(desk)
        clock.at += 5
    assert (len(desk.jobs), live.busy, live.trouble) == (MOST_TRIES, False, "It broke.")


def test_a_request_that_never_ends_keeps_nobody_waiting(live, desk, clock):
    stroke(live, 1, desk)
    clock.at += 20
    stroke(live, 2, desk)
    assert desk.jobs[0].stop.is_set()
    assert prompts(desk) == ["stroke 1"]
    desk.jobs[0].state = "running"  # its worker hangs, and hears of nothing
    desk.jobs[0].over.clear()
    clock.at += 5
    live.advance(desk)
    live.advance(desk)
    assert prompts(desk) == ["stroke 1", "stroke 2"]


def test_an_old_answer_never_takes_the_place_of_a_newer_one(live, desk, clock):
    stroke(live, 1, desk)
    desk.jobs[0].state = "running"
    clock.at += 20
    stroke(live, 2, desk)
    clock.at += 5
    live.advance(desk)
    live.advance(desk)
    finish(desk.jobs[1], "new")
    assert live.advance(desk)
    finish(desk.jobs[0], "old")
    assert not live.advance(desk)
    assert live.answer.picture.id == "new"
    assert desk.forgotten == [desk.jobs[1], desk.jobs[0]]


def test_off_means_off(live, desk):
    stroke(live, 1, desk)
    stroke(live, 2, desk)
    live.stop()
    live.advance(desk)
    assert (prompts(desk), live.busy, live.answer) == (["stroke 1"], False, None)


def test_strokes_are_gathered_only_while_pictures_are_slow(live, desk, clock):
    for seconds in (0.3, 2.0, 2.0):
        stroke(live, 1, desk)
        clock.at += 0.3
        live.advance(desk)
        clock.at += seconds
        finish(desk.jobs[-1])
        live.advance(desk)
    assert len(desk.jobs) == 3
    stroke(live, 4, desk)
    assert len(desk.jobs) == 3
    clock.at += 0.26
    live.advance(desk)
    assert len(desk.jobs) == 4


def test_a_button_waits_for_no_further_stroke(live, desk, clock):
    for _ in range(2):
        stroke(live, 1, desk)
        clock.at += 3
        live.advance(desk)
        clock.at += 3
        finish(desk.jobs[-1])
        live.advance(desk)
    live.ask(Params(), 1, timed=False)
    live.advance(desk)
    assert len(desk.jobs) == 3


def test_a_request_that_is_refused_is_told_and_nothing_waits(live, desk):
    def refuse(params):
        raise BadParams("The queue is full.")

    desk.submit = refuse
    stroke(live, 1, desk)
    assert (live.trouble, live.busy) == ("The queue is full.", False)


def test_ended_jobs_are_forgotten_and_frames_have_an_end(live, desk):
    for number in range(MOST_FRAMES + 20):
        stroke(live, number, desk)
        finish(desk.jobs[-1], f"id {number}")
        live.advance(desk)
    assert len(desk.forgotten) == MOST_FRAMES + 20
    assert len(live.frames) == MOST_FRAMES
    assert live.frames[-1] == f"id {MOST_FRAMES + 19}"
