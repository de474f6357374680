"""Background jobs: fair turns, progress, cancel, and sentences for what went wrong."""

import threading
import time
from dataclasses import replace

import pytest

from sdplay import work
from sdplay.backends import ASKER, Asker
from sdplay.backends.a1111 import A1111, progress
from sdplay.errors import OUR_FAULT, BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.library.estimates import Estimates
from sdplay.params import Params
from sdplay.picture import Enlargement, Progress, Timing
from tests.fakes import a1111, nothing
from tests.local_process import until
from tests.making import Painter, finished

SMALL = {"width": 64, "height": 64}


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


def ended(job):
    assert job.wait(120)
    return job.state


def waits(job):
    """Until its worker has taken it."""
    until(lambda: job.state != "queued")
    assert job.state == "running"
    return job


def test_a_job_ends_with_its_picture_in_the_library(jobs):
    job = jobs.submit(Params(steps=2, **SMALL), Painter(), "ann")
    assert ended(job) == "done"
    assert jobs.library.get(job.saved.id, "ann").params == job.params


def test_waiting_ends_with_the_job_or_with_the_time(jobs):
    painter = Painter(60)
    job = jobs.submit(Params(steps=5, **SMALL), painter)
    assert not job.wait(0.001)
    painter.pause.set()
    assert job.wait(120)
    assert job.saved


@pytest.mark.parametrize("tells_progress", [True, False])
def test_no_thread_is_left_of_pictures_that_a_server_never_answers(
    jobs, tells_progress, monkeypatch
):
    monkeypatch.setattr(progress, "TOLD_SECONDS", 0.5)
    over, taken, before = threading.Event(), [], {*threading.enumerate()}

    def never(http, asked):
        taken.append(asked)
        over.wait()

    with a1111() as fake:
        fake.running = True
        routes = fake.site.routes if tells_progress else {"*": nothing}
        fake.site.routes = routes | {"POST /sdapi/v1/txt2img": never}
        asked = [
            jobs.submit(Params(seed=seed, **SMALL), A1111(fake.url), "ann", at_once=8)
            for seed in range(40)
        ]
        until(lambda: len(taken) >= 8)
        for job in reversed(asked):
            job.cancel()
        until(lambda: not ours({*threading.enumerate()} - before))
        over.set()
    assert {job.state for job in asked} == {"cancelled"}


def ours(threads):
    """Those that make pictures or wait for a server, without the server's own."""
    return [
        thread
        for thread in threads
        if isinstance(thread, threading.Timer) or thread.name.startswith(("job-", "sdplay-"))
    ]


class Sketcher(Painter):
    """Shows what it has at its first step alone."""

    def generate(self, params):
        yield Progress(preview=b"sketch")
        yield from super().generate(params)


def test_the_last_preview_stays_until_there_is_a_later_one(jobs):
    job = jobs.submit(Params(steps=3, **SMALL), Sketcher())
    assert ended(job) == "done"
    assert (job.progress.step, job.progress.preview) == (3, b"sketch")


def test_cancel_stops_the_backend_at_its_next_step(jobs):
    painter = Painter(0.01)
    job = jobs.submit(Params(steps=500, **SMALL), painter)
    until(lambda: job.progress.step)
    job.cancel()
    assert ended(job) == "cancelled"
    until(lambda: painter.stopped)
    assert painter.made == []


def test_a_waiting_job_is_cancelled_at_once(jobs):
    painter = Painter(60)
    first, second = (jobs.submit(Params(steps=40, seed=seed, **SMALL), painter) for seed in (1, 2))
    second.cancel()
    assert second.state == "cancelled"
    painter.pause.set()
    assert ended(first) == "done"
    assert [params.seed for params in painter.made] == [1]


def test_a_job_that_is_cancelled_in_the_moment_of_its_turn_does_not_begin(jobs, monkeypatch):
    startable = jobs._startable

    def cancelled_meanwhile(backend):
        listed = startable(backend)
        for job in listed:
            if job.params.seed == 1:
                job.cancel()
        return listed

    monkeypatch.setattr(jobs, "_startable", cancelled_meanwhile)
    painter = Painter()
    cancelled, fine = (jobs.submit(Params(steps=2, seed=seed, **SMALL), painter) for seed in (1, 2))
    assert [ended(cancelled), ended(fine)] == ["cancelled", "done"]
    assert [params.seed for params in painter.made] == [2]


def test_owners_take_turns(jobs):
    painter = Painter(60)
    sweep = [
        jobs.submit(Params(steps=10, seed=seed, **SMALL), painter, "ann", "sweep")
        for seed in range(5)
    ]
    single = jobs.submit(Params(steps=10, seed=99, **SMALL), painter, "bob")
    painter.pause.set()
    assert [ended(job) for job in (*sweep, single)] == ["done"] * 6
    assert [params.seed for params in painter.made].index(99) <= 1


def test_the_crowd_is_everything_queued_or_at_work(jobs):
    painter = Painter(60)
    crowd = [jobs.submit(Params(steps=50, seed=seed, **SMALL), painter) for seed in range(3)]
    assert jobs.crowd() == 3
    for job in crowd:
        job.cancel()
    painter.pause.set()
    assert [ended(job) for job in crowd] == ["cancelled"] * 3
    assert jobs.crowd() == 0


def test_too_many_waiting_pictures_of_all_owners_are_refused(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "1")
    painter = Painter(60)
    waiting = [waits(jobs.submit(Params(seed=0, **SMALL), painter, "first"))]
    waiting += [jobs.submit(Params(seed=at, **SMALL), painter, f"owner {at}") for at in range(32)]
    with pytest.raises(BadParams, match="32 pictures of everybody are waiting already"):
        jobs.submit(Params(seed=99, **SMALL), painter, "one more")
    painter.pause.set()
    for job in waiting:
        job.cancel()


def test_one_address_has_a_limit_however_many_browsers_it_pretends_to_be(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED_ADDRESS", "3")
    painter = Painter(60)
    near = {"address": "203.0.113.5"}
    waits(jobs.submit(Params(seed=0, **SMALL), painter, "first", **near))
    for at in range(3):
        jobs.submit(Params(seed=at, **SMALL), painter, f"cookie {at}", **near)
    with pytest.raises(BadParams) as refused:
        jobs.submit(Params(seed=9, **SMALL), painter, "one more cookie", **near)
    assert str(refused.value) == (
        "3 pictures from your network address are waiting already, as many as this server takes. "
        "The next of them is number 1 in the queue. Try again in a moment."
    )
    for elsewhere in ("198.51.100.7", ""):
        jobs.submit(Params(seed=9, **SMALL), painter, "far", address=elsewhere)
    for job in list(jobs._jobs.values()):
        job.cancel()
    painter.pause.set()


def test_a_refusal_tells_position_and_wait(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "1")
    for seed in range(5):
        jobs.library.save(finished(10.0, "painter", steps=10, scheduler="euler", seed=seed))
    painter, same = Painter(60), {"scheduler": "euler", "steps": 10, **SMALL}
    waits(jobs.submit(Params(seed=7, **same), painter, "ann"))
    waiting = [jobs.submit(Params(seed=8, **same), painter, owner) for owner in ("bob", "cid")]
    with pytest.raises(BadParams) as refused:
        jobs.submit(Params(seed=9, **same), painter, "cid")
    assert str(refused.value) == (
        "1 of your pictures is waiting already. The next of them is number 2 in the queue and is "
        "there in about 30 s. Wait for some, or cancel them."
    )
    for job in (*waiting, *jobs.of("ann")):
        job.cancel()
    painter.pause.set()


def test_sweeps_leave_a_part_of_the_queue_to_single_pictures(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED_ADDRESS", "8")
    painter, near = Painter(60), {"address": "203.0.113.5"}
    waits(jobs.submit(Params(seed=0, **SMALL), painter, "first", **near))
    for seed in range(7):
        jobs.submit(Params(seed=seed, **SMALL), painter, "ann", "sweep", **near)
    with pytest.raises(BadParams, match="from your network address are waiting"):
        jobs.submit(Params(seed=9, **SMALL), painter, "ann", "sweep", **near)
    single = jobs.submit(Params(seed=9, **SMALL), painter, "bob", **near)
    assert single.state == "queued"
    for job in list(jobs._jobs.values()):
        job.cancel()
    painter.pause.set()


@pytest.mark.parametrize("at_once", [2, 4, 8, 16])
def test_a_newcomer_never_waits_for_a_long_cell_of_somebody_elses_sweep(jobs, at_once):
    slow = Painter(60)
    cells = [
        jobs.submit(Params(seed=seed, **SMALL), slow, "ann", "sweep", at_once)
        for seed in range(2 * at_once)
    ]
    for cell in cells[: at_once - at_once // 8]:
        waits(cell)
    newcomers = [
        jobs.submit(Params(seed=50, **SMALL), slow, "bob", at_once=at_once),
        jobs.submit(Params(seed=51, **SMALL), slow, "cid", "another sweep", at_once),
    ]
    assert [waits(job).state for job in newcomers] == ["running"] * 2
    assert sum(cell.state == "running" for cell in cells) == at_once - at_once // 8
    for job in (*cells, *newcomers):
        job.cancel()
    slow.pause.set()


def test_a_backend_that_makes_one_at_a_time_is_asked_for_one(jobs):
    slow = Painter(60)
    cell = waits(jobs.submit(Params(seed=1, **SMALL), slow, "ann", "sweep"))
    single = jobs.submit(Params(seed=2, **SMALL), slow, "bob")
    time.sleep(0.05)
    assert (single.state, jobs.ahead(single)) == ("queued", 0)
    for job in (cell, single):
        job.cancel()
    slow.pause.set()


def large(shade):
    """An upload of 30 MB."""
    return bytes([shade]) * 30 * 2**20


def test_start_images_that_wait_take_a_bounded_part_of_the_memory(jobs):
    painter, first, second, third = Painter(60), large(1), large(2), large(3)
    for seed in range(3):  # one object in three pictures counts once
        jobs.submit(Params(seed=seed, init=first, **SMALL), painter, "ann")
    jobs.submit(Params(init=second, **SMALL), painter, "ann")
    with pytest.raises(BadParams, match="as large as this server takes at once"):
        jobs.submit(Params(init=third, **SMALL), painter, "ann")
    jobs.submit(Params(init=third, **SMALL), painter, "bob")
    jobs.submit(Params(seed=9, **SMALL), painter, "ann")
    for job in list(jobs._jobs.values()):
        job.cancel()
    painter.pause.set()


def test_jobs_that_ended_are_forgotten_with_their_large_start_images(jobs):
    painter, inits = Painter(), [large(shade) for shade in range(3)]
    for init in inits:
        job = jobs.submit(Params("refuse", steps=1, init=init, **SMALL), painter, "ann")
        assert job.wait(120)
    assert jobs.submit(Params(steps=1, **SMALL), painter, "ann").wait(120)
    assert [job.params.init for job in jobs.of("ann") if job.params.init] == []


@pytest.fixture
def mortal():
    """Until its workers have ended: the death of one is this test's, not the next one's."""
    before = {*threading.enumerate()}
    yield
    until(lambda: not ours({*threading.enumerate()} - before))


class Deadly(Painter):
    """Takes its worker's thread with it."""

    def generate(self, params):
        yield Progress()
        raise SystemExit


@pytest.mark.usefixtures("mortal")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_ends_its_job_with_a_sentence_and_the_next_one_runs(jobs):
    deadly, fine = Deadly(), Painter()
    lost = jobs.submit(Params(steps=1, seed=1, **SMALL), deadly)
    saved = jobs.submit(Params(steps=1, seed=2, **SMALL), fine)
    assert [ended(lost), ended(saved)] == ["failed", "done"]
    assert (
        lost.error == "The picture's worker broke down; another one has taken its place. Try again."
    )


class Stubborn(Painter):
    """Does not close."""

    def generate(self, params):
        try:
            yield Progress()
            yield Progress()
        except GeneratorExit:
            raise SystemExit from None


@pytest.mark.usefixtures("mortal")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_backend_that_does_not_close_costs_no_worker(jobs):
    stubborn = Stubborn()
    job = jobs.submit(Params(steps=1, seed=1, **SMALL), stubborn)
    job.stop.set()
    assert ended(job) == "cancelled"
    assert ended(jobs.submit(Params(steps=1, seed=2, **SMALL), Painter())) == "done"


def test_a_paused_sweep_is_not_counted_as_ahead(jobs):
    painter = Painter(60)
    first = waits(jobs.submit(Params(steps=40, seed=1, **SMALL), painter, "ann"))
    jobs.pause("sweep")
    for seed in (2, 3):
        jobs.submit(Params(steps=1, seed=seed, **SMALL), painter, "bob", "sweep")
    single = jobs.submit(Params(steps=1, seed=4, **SMALL), painter, "ann")
    assert jobs.ahead(single) == 0
    first.cancel()
    painter.pause.set()
    assert ended(single) == "done"


def test_the_wait_counts_those_ahead_and_the_rest_of_the_one_at_work(jobs):
    for seed in range(5):
        jobs.library.save(finished(10.0, "painter", steps=10, scheduler="euler", seed=seed))
    painter = Painter(60)
    jobs_of = [
        jobs.submit(Params(scheduler="euler", steps=10, seed=seed, **SMALL), painter)
        for seed in (7, 8, 9)
    ]
    waits(jobs_of[0])
    assert [jobs.seconds_left(job) for job in jobs_of[1:]] == [pytest.approx(20), pytest.approx(30)]
    painter.pause.set()
    for job in jobs_of:
        job.cancel()


def test_a_picture_that_takes_longer_than_others_did_promises_nothing(jobs):
    for seed in range(5):
        jobs.library.save(finished(0.001, "painter", steps=10, scheduler="euler", seed=seed))
    painter = Painter(60)
    job = waits(jobs.submit(Params(scheduler="euler", steps=10, seed=9, **SMALL), painter))
    until(lambda: time.time() - job.started > 0.05)
    assert jobs.seconds_left(job) is None
    painter.pause.set()
    job.cancel()


class Curious(Painter):
    """Remembers who asked."""

    def generate(self, params):
        self.asker = ASKER.get()
        yield from super().generate(params)


def test_a_backend_can_learn_on_whose_behalf_it_paints(jobs):
    curious = Curious()
    assert ended(jobs.submit(Params(steps=1, **SMALL), curious, "ann", "sweep")) == "done"
    assert curious.asker == Asker("ann", "sweep")


def test_a_sweep_leaves_places_to_single_pictures(jobs):
    painter = Painter(60)
    sweep = [
        jobs.submit(Params(seed=seed, **SMALL), painter, "ann", "sweep", at_once=8)
        for seed in range(20)
    ]
    single = jobs.submit(Params(seed=99, **SMALL), painter, "ann", at_once=8)
    until(lambda: sum(job.state == "running" for job in (*sweep, single)) == 8)
    assert [job.state for job in sweep] == ["running"] * 7 + ["queued"] * 13
    assert single.state == "running"
    painter.pause.set()
    for job in (*sweep, single):
        job.cancel()


def test_the_queue_tells_how_many_are_ahead(jobs):
    painter = Painter(60)
    waiting = [jobs.submit(Params(steps=20, seed=seed, **SMALL), painter) for seed in range(3)]
    waits(waiting[0])
    assert [jobs.ahead(job) for job in waiting[1:]] == [0, 1]
    for job in waiting:
        job.cancel()
    painter.pause.set()
    assert ended(waiting[0]) == "cancelled"


def test_a_refusal_becomes_the_jobs_sentence(jobs):
    job = jobs.submit(Params("refuse", steps=1, **SMALL), Painter())
    assert ended(job) == "failed"
    assert job.error == "The painter has no such colour. Choose another."


def test_a_bug_in_one_job_does_not_stop_the_next(jobs):
    painter = Painter()
    broken = jobs.submit(Params("bug", steps=1, **SMALL), painter)
    fine = jobs.submit(Params(steps=1, **SMALL), painter)
    assert [ended(broken), ended(fine)] == ["failed", "done"]
    assert broken.error == OUR_FAULT


def test_too_many_waiting_pictures_are_refused(jobs, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "2")
    painter = Painter(60)
    kept = [waits(jobs.submit(Params(steps=50, seed=1, **SMALL), painter))]
    kept += [jobs.submit(Params(steps=50, seed=seed, **SMALL), painter) for seed in (2, 3)]
    with pytest.raises(BadParams, match="2 of your pictures are waiting already"):
        jobs.submit(Params(seed=4, **SMALL), painter)
    for job in kept:
        job.cancel()
    painter.pause.set()
    assert ended(kept[0]) == "cancelled"


def test_a_paused_group_waits_until_it_is_resumed(jobs):
    painter = Painter()
    jobs.pause("sweep")
    job = jobs.submit(Params(steps=1, **SMALL), painter, "ann", "sweep")
    time.sleep(0.05)
    assert job.state == "queued"
    jobs.resume("sweep")
    assert ended(job) == "done"


def test_pictures_measured_alone_say_less_about_those_made_together(jobs):
    def timed(seed, seconds, at_once):
        picture = finished(seconds, "painter", steps=10, scheduler="euler", seed=seed)
        timing = Timing(seconds, at_once=at_once, share=seconds / at_once)
        jobs.library.save(replace(picture, timing=timing))

    params = [Params(scheduler="euler", steps=10, seed=seed, **SMALL) for seed in range(16)]
    for seed in range(9):
        timed(seed, 10.0, 1.0)
    (alone_low, alone_high), (low, high) = (
        Estimates(jobs.library).seconds("painter", params, at_once) for at_once in (1, 16)
    )
    assert (low, high) == (pytest.approx(alone_low / 4), pytest.approx(alone_high * 2))
    for seed in range(10, 19):
        timed(seed, 16 * 6.0, 16.0)
    like_low, like_high = Estimates(jobs.library).seconds("painter", params, 16)
    assert like_low < 16 * 6.0 < like_high
    assert like_high - like_low < 0.3 * 16 * 6.0


def test_time_is_estimated_from_past_runs(jobs):
    assert jobs.estimates.seconds("painter", [Params(**SMALL)]) is None
    job = jobs.submit(Params(steps=10, **SMALL), Painter())
    ended(job)
    (past,) = jobs.library.timings("painter")
    low, high = jobs.estimates.seconds("painter", [Params(steps=20, **SMALL)])
    longer = work.of(Params(steps=20, **SMALL)) / work.of(job.params)
    assert low < longer * past.seconds < high
    assert (low + high) / 2 == pytest.approx(longer * past.seconds)


class Enlarger(Painter):
    """Doubles a picture, a tenth at a time."""

    def enlarge(self, image, how):
        done = False
        try:
            for tenth in range(10):
                yield Progress(tenth / 10)
                self.pause.wait(self.seconds_a_step)
            done = True
            yield image.resize([int(side * how.factor) for side in image.size])
        finally:
            self.stopped += not done


def test_a_picture_is_enlarged_through_the_queue(jobs):
    made = jobs.submit(Params(steps=2, **SMALL), Painter(), "ann")
    assert ended(made) == "done"
    job = jobs.enlarge(made.saved, Enlargement("fine"), Enlarger(), "ann")
    assert ended(job) == "done"
    assert (job.saved.width, job.saved.made_from) == (128, made.saved.file)
    assert job.enlarges
    assert job.alone


def test_cancelling_an_enlargement_stops_the_backend_and_leaves_no_trace(jobs):
    made = jobs.submit(Params(steps=2, **SMALL), Painter(), "ann")
    assert ended(made) == "done"
    enlarger = Enlarger(60)
    job = jobs.enlarge(made.saved, Enlargement("fine"), enlarger, "ann")
    until(lambda: job.progress.fraction is not None)
    job.cancel()
    enlarger.pause.set()
    assert ended(job) == "cancelled"
    until(lambda: enlarger.stopped)
    assert len(jobs.library.recent("ann")) == 1


def test_every_new_picture_is_enlarged_where_that_is_wished(jobs):
    job = jobs.submit(Params(steps=2, **SMALL), Enlarger(), "ann", then=Enlargement("fine", 3))
    assert ended(job) == "done"
    until(lambda: len(jobs.library.recent("ann")) == 2)
    large, small = jobs.library.recent("ann")
    assert (small.width, large.width, large.made_from) == (64, 192, small.file)
