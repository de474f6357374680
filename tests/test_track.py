"""Plan, progress and result against a simulated machine: hours pass on its clock and none on
ours."""

import io
import itertools
from datetime import UTC, datetime

import pytest
from PIL import Image

from sdplay import work
from sdplay.backends import Capabilities
from sdplay.compare.axes import Setup
from sdplay.compare.plan import Facts, plan
from sdplay.jobs import Job
from sdplay.library import SavedPicture
from sdplay.library.estimates import likely
from sdplay.params import Params
from sdplay.picture import Progress, Receipt, Timing
from sdplay.sweeps import Bench, Sweep
from tests.making import Painter
from tests.suites import in_full

RATE = 2.0
"""True seconds per work, before the machine's mood."""
SIZES = {
    12: [("steps", "4-15"), ("cfg", "5")],
    500: [("steps", "5-24"), ("cfg", "1, 3, 5, 7, 9"), ("seed", "1-5")],
    10_000: [("steps", "5-24"), ("cfg", "1, 3, 5, 7, 9"), ("seed", "1-100")],
}


def small_png():
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "PNG")
    return data.getvalue()


class Shelf:
    """A library whose every picture looks alike."""

    png = small_png()

    def data(self, kept):
        return self.png


class Machine:
    """A backend and its queue on a clock of their own: those at work share its speed."""

    library = Shelf()

    def __init__(self, at_once, rate, tells):
        self.at_once, self.rate, self.tells = at_once, rate, tells
        self.now = 0.0
        self.queue, self.running = [], []
        self.rest = {}

    def submit(self, params, backend, owner, group, at_once, *, address, anew, written):
        job = Job(params, backend, owner, group)
        # Some cells are slower than others, the whole is as fast as it is.
        mood = (0.8, 1.2, 1.1, 0.9)[len(self.rest) % 4]
        self.rest[job.id] = work.of(params) * self.rate * mood
        self.queue.append(job)
        return job

    def forget(self, job):
        """It has been taken in."""

    def pause(self, group):
        self.held = True

    def resume(self, group):
        self.held = False

    held = False

    def begin(self):
        """Let those begin that have room."""
        while self.queue and len(self.running) < self.at_once and not self.held:
            job = self.queue.pop(0)
            job.state, job.started = "running", self.now
            self.running.append((job, self.rest[job.id]))

    def advance(self):
        """Until the next picture is done."""
        if not self.running:
            return
        shortest = min(self.rest[job.id] for job, _ in self.running)
        self.now += shortest * len(self.running)
        for job, whole in list(self.running):
            self.rest[job.id] -= shortest
            done = 1 - self.rest[job.id] / whole
            # As real ones do: the last step is not the end of the picture.
            steps = min(1.0, done / work.sampled(job.params))
            job.progress = Progress(steps if self.tells else None)
            if self.rest[job.id] < 1e-9:
                self.running.remove((job, whole))
                job.saved = picture(job, self.now - job.started)
                job._end("done")


def picture(job, seconds):
    return SavedPicture(
        job.id,
        "",
        job.params,
        "painter",
        "",
        Timing(seconds),
        Receipt({}, {}, {}),
        datetime.now(UTC),
        "",
        8,
        8,
        "",
    )


class Still:
    """No meter: what this machine spends says nothing about the simulated one."""

    def tick(self):
        """Time is the simulated machine's."""

    def reading(self, cells):
        return None


class Learnt:
    """Rates of past sweeps on that machine."""

    def __init__(self, *rates):
        self.rates, self.learnt = rates, []

    def seconds(self, backend, planned, at_once):
        if not self.rates:
            return None
        low, high = likely(self.rates)
        return low * work.total(planned), high * work.total(planned)

    def learn(self, backend, amount, seconds):
        self.learnt.append(seconds / amount)


class Wide(Painter):
    """Takes any number at once."""

    def __init__(self, at_once):
        super().__init__()
        self.at_once = at_once

    def probe(self):
        return Capabilities(at_once=self.at_once)


def simulated(cells, machine, learnt):
    """A sweep that only moves when it is told to."""
    bench = Bench({"painter": Wide(machine.at_once)})
    facts = Facts(seconds=lambda backend, todo: learnt.seconds(backend, todo, machine.at_once))
    base = Setup("painter", Params("a fox", width=64, height=64, scheduler="euler"))
    made = plan(base, SIZES[cells], facts)
    assert len(made.cells) == cells
    run = Sweep(made, bench, machine, speeds=learnt, now=lambda: machine.now)
    run.meter = Still()
    run._prepare()
    return run


def moments(run, machine, cells):
    """Let it run; yield now and then, and at every cell where there are few."""
    count, every = 0, max(1, cells // 100)
    while run._turn():
        machine.begin()
        run._turn()
        assert not run.trouble
        if count % every == 0:
            yield count
        machine.advance()
        count += 1


CASES = [
    *itertools.product((12, 500), (1, 16), (True, False), (0.92, 1.0, 1.08)),
    *in_full([(10_000, 16, True, 1.08), (10_000, 1, False, 0.92)], []),
]


@pytest.mark.parametrize(("cells", "at_once", "tells", "mood"), CASES)
def test_progress_is_never_further_off_than_the_plans_own_range(cells, at_once, tells, mood):
    learnt = Learnt(1.8, 2.0, 2.1, 2.2, 1.9)
    machine = Machine(at_once, RATE * mood, tells)
    run = simulated(cells, machine, learnt)
    low, high = run.plan.seconds
    said = []
    for _ in moments(run, machine, cells):
        if left := run.seconds_left():
            said.append((run.seconds, sum(left) / 2, left))
    assert len(said) >= min(cells, 50)
    assert said[0][1] == pytest.approx((low + high) / 2)
    assert said[0][2] == pytest.approx((low, high))
    assert low <= run.seconds <= high
    worst = max(abs(spent + left - run.seconds) for spent, left, _ in said)
    assert worst <= (high - low) / 2 * 1.02
    assert run.seconds == pytest.approx(machine.now)


@pytest.mark.parametrize("cells", in_full([*SIZES], [12, 500]))
def test_a_pause_changes_neither_what_is_left_nor_what_was_worked(cells):
    machine, learnt = Machine(16, RATE, True), Learnt(2.0, 2.0, 2.0)
    run = simulated(cells, machine, learnt)
    rested = False
    for count in moments(run, machine, cells):
        if not rested and count >= cells * 0.4:
            rested = True
            run.pause()
            while machine.running:
                machine.advance()
                run._turn()
            before = run.seconds, run.seconds_left(), run.fraction
            machine.now += 40_000
            run._turn()
            assert (run.seconds, run.seconds_left(), run.fraction) == before
            run.resume()
    low, high = run.plan.seconds
    assert low <= run.seconds <= high
    assert machine.now - run.seconds == pytest.approx(40_000)


@pytest.mark.parametrize("cells", [12, 500])
def test_without_a_past_run_the_first_cells_tell_how_long_the_rest_takes(cells):
    machine = Machine(16, RATE, True)
    run = simulated(cells, machine, Learnt())
    assert run.plan.seconds is None
    said = []
    for _ in moments(run, machine, cells):
        if left := run.seconds_left():
            said.append((run.seconds, *left))
    slack = 0.02 * run.seconds
    assert all(low - slack <= run.seconds - spent <= high + slack for spent, low, high in said)


@pytest.mark.parametrize("at_once", [1, 16])
def test_the_bar_is_the_share_of_the_work_that_is_done(at_once):
    machine = Machine(at_once, RATE, True)
    run = simulated(500, machine, Learnt(2.0))
    whole = sum(work.of(cell.params) for cell in run.plan.cells)
    for _ in moments(run, machine, 500):
        results = run.results().values()
        ended = sum(work.of(each.cell.params) for each in results if each.done)
        begun = sum(
            work.of(job.params) * work.sampled(job.params) * (job.progress.fraction or 0.0)
            for job, _ in machine.running
        )
        assert run.fraction == pytest.approx((ended + begun) / whole)
    assert run.fraction == 1


def test_the_sweep_learns_the_rate_at_which_it_worked():
    machine, learnt = Machine(16, RATE, True), Learnt(9.0)
    run = simulated(500, machine, learnt)
    for _ in moments(run, machine, 500):
        pass
    run._learn()
    assert learnt.learnt == [pytest.approx(RATE, rel=0.05)]


def test_a_machine_that_is_slower_than_expected_is_told_so_soon():
    machine = Machine(16, 5 * RATE, True)
    run = simulated(500, machine, Learnt(2.0, 2.0, 2.0))
    for count in moments(run, machine, 500):
        if count >= 125:
            break
    spent, left = run.seconds, sum(run.seconds_left()) / 2
    whole = 5 * RATE * sum(work.of(cell.params) for cell in run.plan.cells)
    assert spent + left == pytest.approx(whole, rel=0.25)
