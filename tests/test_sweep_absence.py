"""A sweep whose server goes away: it pauses, says so, asks again, and goes on."""

import threading
import time

import pytest

from sdplay.backends import Capabilities
from sdplay.backends.a1111 import A1111
from sdplay.compare.axes import Setup
from sdplay.compare.plan import plan
from sdplay.errors import BackendLost, BackendOffline
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.sweeps import Bench, Speeds, Sweep, absence
from sdplay.sweeps.absence import PATIENCE_SECONDS, PROBE_SECONDS, TRIES, Absence
from tests.making import Painter
from tests.measured_a1111 import measured, restarting

BASE = Params("a fox", width=64, height=64, steps=4, scheduler="euler")


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


def sweep(jobs, backend, axes, base=BASE):
    bench = Bench({backend.name: backend})
    speeds = Speeds(jobs.library.files.folder.parent / "speeds.json", jobs.estimates)
    facts = bench.facts(backend.name, jobs.library, speeds)
    return Sweep(plan(Setup(backend.name, base), axes, facts), bench, jobs, speeds=speeds)


def until(fact, seconds=120):
    end = time.monotonic() + seconds
    while not fact() and time.monotonic() < end:
        time.sleep(0.01)
    assert fact()


def states(run):
    return [result.state for result in run.results().values()]


def test_a_restart_in_the_middle_costs_no_cell(jobs, monkeypatch):
    monkeypatch.setattr(absence, "PROBE_SECONDS", 0.1)
    with measured(most=2) as server, restarting(server) as (go_away, come_back):
        run = sweep(jobs, A1111(server.url), [("seed", "1-6")]).start()
        until(lambda: run.counts().get("made", 0) == 2)
        go_away()
        server.most = 99
        until(lambda: run.waits)
        assert "does not answer; it may be restarting" in run.trouble
        assert (run.paused, run.moving, "failed" in run.counts()) == (True, True, False)
        come_back()
        assert run.wait(120)
    assert (states(run), run.trouble) == (["made"] * 6, "")
    assert len({applied["seed"] for applied in server.applied}) == 6


def test_a_cancelled_wait_ends_at_once(jobs):
    with measured(most=1) as server, restarting(server) as (go_away, _):
        run = sweep(jobs, A1111(server.url), [("seed", "1-4")]).start()
        until(lambda: run.counts().get("made", 0) == 1)
        go_away()
        server.most = 99
        until(lambda: run.waits)
        run.cancel()
        assert run.wait(120)
    assert run.counts().keys() == {"made", "cancelled"}
    assert (run.waits, run.trouble) == (False, "")


def test_a_server_that_was_never_there_is_not_waited_for(jobs):
    run = sweep(jobs, A1111("http://127.0.0.1:9"), [("seed", "1-3")]).start()
    assert run.wait(120)
    assert (states(run), run.waits) == (["failed"] * 3, False)


class Moody(Painter):
    """Loses one cell, always or a few times."""

    def __init__(self, times, error=BackendOffline):
        super().__init__()
        self.times, self.error = times, error

    def generate(self, params):
        if params.seed == 2 and self.times > 0:
            self.times -= 1
            raise self.error("The painter went out of the room.")
        return super().generate(params)


@pytest.mark.parametrize("error", [BackendOffline, BackendLost])
def test_a_cell_that_lost_its_backend_is_made_again(jobs, error):
    run = sweep(jobs, Moody(1, error), [("seed", "1-3")]).start()
    assert run.wait(120)
    assert states(run) == ["made"] * 3


class Held(Moody):
    """Loses its cell only when it is let go."""

    def __init__(self):
        super().__init__(99)
        self.let_go = threading.Event()

    def generate(self, params):
        assert self.let_go.wait(120)
        return super().generate(params)


def test_a_cell_that_is_lost_while_its_sweep_is_cancelled_is_cancelled_too(jobs):
    painter = Held()
    run = sweep(jobs, painter, [("seed", "2")]).start()
    until(lambda: run.jobs.of("") and run.jobs.of("")[0].state == "running")
    with run._lock:  # nothing is taken in meanwhile
        painter.let_go.set()
        assert run.jobs.of("")[0].wait(120)
        run.cancel()
    assert run.wait(120)
    assert (states(run), run.waits) == (["cancelled"], False)


def test_a_cell_that_loses_its_backend_every_time_fails(jobs):
    run = sweep(jobs, Moody(99), [("seed", "1-3")]).start()
    assert run.wait(120)
    assert states(run) == ["made", "failed", "made"]
    assert run.jobs.of("")[1].error == "The painter went out of the room."


class Away(Painter):
    """Counts how often it is asked, and does not answer."""

    asked = 0

    def probe(self):
        self.asked += 1
        return Capabilities("down")


def test_a_backend_that_is_away_is_asked_at_once_then_now_and_then():
    clock = [0.0]
    absence = Absence.of(away := Away(), lambda: clock[0])
    for second in range(11):
        clock[0] = float(second)
        assert not absence.over()
        until(lambda: absence._call is None or absence._call.wait(0))
        assert not absence.over()
    assert away.asked == 1 + 10 // PROBE_SECONDS


def test_after_too_long_somebody_has_to_look():
    clock = [0.0]
    absence = Absence.of(Away(), lambda: clock[0])
    assert not absence.resigned
    clock[0] = PATIENCE_SECONDS + 1
    assert absence.resigned
    assert "has not answered for 15 minutes" in absence.last_words
    assert TRIES > 1
