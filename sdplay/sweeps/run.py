"""A sweep at work: cells go to the jobs a few at a time; it can be paused, resumed, cancelled and
mended."""

import io
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import psutil
from PIL import Image

from sdplay import work
from sdplay.compare.measures import look, pixels_hash
from sdplay.compare.plan import Cell, Plan
from sdplay.compare.results import Result
from sdplay.errors import BadParams, LibraryError
from sdplay.jobs import Job, Jobs
from sdplay.library import Kept
from sdplay.params import Params
from sdplay.sweeps.bench import Bench
from sdplay.sweeps.speeds import Speeds

POLL_SECONDS = 0.02
SAME_FAILURES = 5
"""After so many cells in a row that failed with one sentence the sweep waits: the rest would only
fail as well."""
At = tuple[int, ...]


class Sweep:
    """One plan on its way.  A thread of its own feeds the jobs, so that no page needs to stay
    open."""

    def __init__(
        self, plan: Plan, bench: Bench, jobs: Jobs, *, owner: str = "", speeds: Speeds | None = None
    ) -> None:
        self.plan, self.bench, self.jobs, self.owner, self.speeds = plan, bench, jobs, owner, speeds
        self.group = f"sweep-{id(self):x}-{time.time_ns():x}"
        self.trouble = ""
        """Why it paused by itself."""
        self.started = self.ended = 0.0
        self.cpu_seconds = 0.0
        """Processor time of this process while it ran."""
        self._results: dict[At, Result] = {
            cell.at: Result(cell, "skipped" if cell.skip else "planned") for cell in plan.cells
        }
        self._todo = deque(cell for cell in plan.cells if not cell.skip and cell.twin is None)
        self._twins = [cell for cell in plan.cells if cell.twin is not None and not cell.skip]
        self._active: dict[At, Job] = {}
        self._lock = threading.RLock()
        self._paused = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = psutil.Process()
        self._alike = ("", 0)
        self._rested = False

    def start(self) -> "Sweep":
        """Begin, or go on after a retry."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self.started, self.ended = self.started or time.time(), 0.0
                self._thread = threading.Thread(target=self._feed, name=self.group, daemon=True)
                self._thread.start()
        return self

    def recall(self, kept: Mapping[At, Kept]) -> "Sweep":
        """Show what was made before instead of making it; retry() makes the rest."""
        with self._lock:
            self._todo.clear()
            self._twins.clear()
            for cell in self.plan.cells:
                if not cell.skip:
                    one = kept.get(cell.at)
                    self._results[cell.at] = (
                        self._found(cell, one, "reused") if one else Result(cell, "cancelled")
                    )
        return self

    def results(self) -> dict[At, Result]:
        """Every cell by its place, as it stands now."""
        with self._lock:
            return dict(self._results)

    def counts(self) -> dict[str, int]:
        """How many cells are in each state."""
        states = [result.state for result in self.results().values()]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    @property
    def moving(self) -> bool:
        """Whether cells will change by themselves: not at the end, and not at rest with nothing
        left at work."""
        return self.running and not (self.paused and "running" not in self.counts())

    @property
    def fraction(self) -> float:
        """How far it has come, 0 to 1: the cells that were made or failed, and the steps done of
        those at work."""
        with self._lock:
            states = [
                result.state for result in self._results.values() if result.state != "skipped"
            ]
            ended = sum(state in ("made", "reused", "failed") for state in states)
            begun = sum(job.progress.fraction or 0.0 for job in self._active.values())
        return min(1.0, (ended + begun) / max(1, len(states)))

    @property
    def seconds(self) -> float:
        """Since it began, until it ended."""
        return (self.ended or time.time()) - self.started if self.started else 0.0

    def seconds_left(self) -> tuple[float, float] | None:
        """The likely least and most until the end."""
        rest = [
            result.cell.params
            for result in self.results().values()
            if result.state in ("planned", "queued", "running") and not result.cell.twin
        ]
        done = [result.cell.params for result in self.results().values() if result.state == "made"]
        if done and self.seconds > 1:
            typical = self.seconds / work.total(done) * work.total(rest)
            return 0.8 * typical, 1.3 * typical
        backend = self.plan.base.backend
        return (
            self.speeds.seconds(backend, rest, self.bench.told(backend).at_once)
            if self.speeds
            else None
        )

    def pause(self) -> None:
        """Start no further cell; those at work end."""
        self._rested = True
        self._paused.set()
        self.jobs.pause(self.group)

    def resume(self) -> None:
        """Go on."""
        self.trouble, self._alike = "", ("", 0)
        self._paused.clear()
        self.jobs.resume(self.group)

    def cancel(self) -> None:
        """Stop everything; what is finished stays."""
        self._stopped.set()
        with self._lock:
            for job in self._active.values():
                job.cancel()
        self.resume()

    def stop(self) -> None:
        """Stop, and remember why."""
        trouble = self.trouble
        self.cancel()
        self.trouble = trouble

    def retry(self, at: At | None = None) -> None:
        """Try one cell that failed or was cancelled again, or all of them."""
        with self._lock:
            for place, result in self._results.items():
                if result.state in ("failed", "cancelled") and at in (None, place):
                    self._results[place] = Result(result.cell)
                    (self._twins if result.cell.twin is not None else self._todo).append(
                        result.cell
                    )
        self._stopped.clear()
        self.resume()
        self.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False when the time was too short."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.running

    def _feed(self) -> None:
        """The sweep's own thread: fills the backends' room and takes in what has ended."""
        psutil.cpu_percent()
        cpu = _cpu(self._process)
        while True:
            with self._lock:
                self._take_in()
                if self._stopped.is_set():
                    self._give_up()
                elif not self._paused.is_set():
                    self._fill()
                if not self._active and not self._todo:
                    self._share()
                    break
            time.sleep(POLL_SECONDS)
        self.ended = time.time()
        self.cpu_seconds += _cpu(self._process) - cpu
        self._learn()

    def _fill(self) -> None:
        """Twice as many as a backend wants at once, so that none waits for this thread."""
        names = {cell.setup.backend for cell in self.plan.cells}
        room = {name: 2 * self.bench.told(name).at_once for name in names}
        for at in self._active:
            room[self._results[at].cell.setup.backend] -= 1
        waiting = deque[Cell]()
        while self._todo and any(left > 0 for left in room.values()):
            cell = self._todo.popleft()
            name = cell.setup.backend
            if room[name] > 0 and self._submit(cell, self.bench.told(name).at_once):
                room[name] -= 1
            else:
                room[name] = 0
                waiting.append(cell)
        self._todo.extendleft(reversed(waiting))

    def _submit(self, cell: Cell, at_once: int) -> bool:
        backend = self.bench.backend(cell.setup.backend)
        try:
            self._active[cell.at] = self.jobs.submit(
                cell.params, backend, self.owner, self.group, at_once
            )
        except BadParams:
            return False  # this owner's queue is full: the cell waits here instead
        self._results[cell.at] = Result(cell, "queued")
        return True

    def _take_in(self) -> None:
        for at, job in list(self._active.items()):
            if job.active:
                if self._results[at].state != job.state:
                    self._results[at] = replace(self._results[at], state=job.state)
                continue
            del self._active[at]
            self._results[at] = self._ended(self._results[at].cell, job)
            self._notice_trouble(self._results[at].error)

    def _ended(self, cell: Cell, job: Job) -> Result:
        if job.kept is None:
            return Result(cell, job.state, error=job.error)
        found = self._found(cell, job.kept, "reused" if job.reused else "made")
        return replace(
            found, cpu_percent=psutil.cpu_percent(), ram_mb=self._process.memory_info().rss / 1e6
        )

    def _found(self, cell: Cell, kept: Kept, state: str) -> Result:
        """A cell with its picture."""
        try:
            with Image.open(io.BytesIO(self.jobs.library.data(kept))) as opened:
                image = opened.convert("RGB")
        except (LibraryError, OSError) as error:
            return Result(cell, "failed", error=str(error))
        return Result(
            cell,
            state,
            pixels_hash(image),
            look(image),
            kept.timing,
            kept.model,
            kept.receipt.warnings,
            kept.receipt.applied,
            picture=kept.id,
        )

    def _notice_trouble(self, error: str) -> None:
        """Wait when one thing fails again and again."""
        self._alike = (
            (self._alike[0], self._alike[1] + 1)
            if error and error == self._alike[0]
            else (error, 1)
        )
        if error and self._alike[1] >= SAME_FAILURES and self._todo and not self.paused:
            self.trouble = f"Paused: {SAME_FAILURES} pictures in a row failed the same way. {error}"
            self.pause()

    def _give_up(self) -> None:
        for cell in (*self._todo, *self._twins):
            self._results[cell.at] = Result(cell, "cancelled")
        self._todo.clear()
        self._twins.clear()

    def _share(self) -> None:
        """Cells with the same settings as another one show its picture."""
        for cell in self._twins:
            result = self._results[cell.twin or ()]
            self._results[cell.at] = replace(
                result, cell=cell, state="reused" if result.done else result.state
            )
        self._twins.clear()

    def _learn(self) -> None:
        made: dict[str, list[Params]] = {}
        for result in self._results.values():
            if result.state == "made":
                made.setdefault(result.cell.setup.backend, []).append(result.cell.params)
        if self.speeds and len(made) == 1 and not self._rested:
            backend, done = made.popitem()
            self.speeds.learn(backend, work.total(done), self.seconds)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
