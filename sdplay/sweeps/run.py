"""A sweep at work: it hands cells to the jobs a few at a time, and can be paused, resumed,
cancelled and retried."""

import io
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

import psutil
from PIL import Image

from sdplay import work
from sdplay.compare.evidence.measures import look, pixels_hash
from sdplay.compare.experiment import Told
from sdplay.compare.explore.refine import Finer
from sdplay.compare.plan import Cell, Plan
from sdplay.compare.results import SPARED, Result
from sdplay.errors import BadParams, LibraryAway, LibraryError, PlayError
from sdplay.jobs import Job, Jobs
from sdplay.library import SavedPicture
from sdplay.library.estimates import Range
from sdplay.params import differing
from sdplay.picture import WRITTEN
from sdplay.sweeps.absence import TRIES, Absence
from sdplay.sweeps.bench import Bench
from sdplay.sweeps.machine.meter import Meter
from sdplay.sweeps.speeds import Speeds
from sdplay.sweeps.track import Track
from sdplay.wording import duration, lasting, many

LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.02
LOOK_SECONDS = 0.5
"""So long at most it looks through cells that are there already, before it takes in what ended."""
SAME_FAILURES = 5
"""After so many cells in a row that failed with one sentence the sweep waits: the rest would only
fail as well."""
BROKEN = "Paused: something went wrong inside the app; its log has the details."
DIED = "The sweep broke down inside the app; its log has the details. Try again."
At = tuple[int, ...]


class Shared(Protocol):
    """A place where other processes work on the same plan."""

    def admit(self, cell: Cell) -> Result | bool:
        """The cell's picture when it is there already, else whether it may be made here now."""

    def share(self, cells: int) -> int:
        """How many of so many open cells may be at work here."""

    def picture(self, result: Result) -> Image.Image | None:
        """The pixels of a cell that lies there."""


class Sweep:
    """One plan at work.  A thread of its own feeds the jobs, so that no page needs to stay open."""

    def __init__(
        self,
        plan: Plan,
        bench: Bench,
        jobs: Jobs,
        *,
        owner: str = "",
        address: str = "",
        speeds: Speeds | None = None,
        now: Callable[[], float] = time.monotonic,
        shared: "Shared | None" = None,
        anew: bool = False,
        written: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.plan, self.bench, self.jobs, self.owner, self.speeds = plan, bench, jobs, owner, speeds
        self.address = address
        """The network address that it was asked from."""
        self.group = f"sweep-{id(self):x}-{time.time_ns():x}"
        self.trouble = ""
        """Why it paused by itself."""
        self.anew = anew
        """Whether every picture is made although the library has it."""
        self.written = written
        """The base's prompts as a person wrote them, by the names that a receipt has for them."""
        self.before: Mapping[At, Told] = {}
        """The run that this one repeats, to be laid against."""
        self.shared = shared
        """Where other machines work at the same plan."""
        self.meter = Meter()
        self.cpu_seconds = 0.0
        """Processor time of this process while it ran."""
        self._results: dict[At, Result] = {
            cell.at: Result(cell, "skipped" if cell.skip else "planned") for cell in plan.cells
        }
        self._todo = deque(cell for cell in plan.cells if not cell.skip and cell.twin is None)
        self._finer = Finer(plan, self._pixels) if plan.refine else None
        """Says which cells are worth making once those before them are there."""
        self._later: dict[At, Cell] = {}
        if self._finer:
            first = self._finer.first()
            self._later = {cell.at: cell for cell in self._todo if cell.at not in first}
            self._todo = deque(cell for cell in self._todo if cell.at in first)
        self._twins = [cell for cell in plan.cells if cell.twin is not None and not cell.skip]
        self._active: dict[At, Job] = {}
        self._lock = threading.RLock()
        self._paused = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = psutil.Process()
        self._alike = ("", 0)
        self._absence: Absence | None = None
        self._lost: dict[At, int] = {}
        """How often a cell has lost its backend."""
        self._track = Track(plan.cells, now)
        self._at_once: dict[str, int] = {}
        self._alone = any(cell.setup.repeat for cell in plan.cells)
        """Pictures that are there to be timed have no company."""

    def start(self) -> "Sweep":
        """Begin, or go on after a retry."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._prepare()
                self._thread = threading.Thread(target=self._feed, name=self.group, daemon=True)
                self._thread.start()
        return self

    def recall(self, pictures: Mapping[At, SavedPicture]) -> "Sweep":
        """Show what was made before instead of making it; retry() makes the rest."""
        with self._lock:
            self._todo.clear()
            self._twins.clear()
            self._later.clear()
            for cell in self.plan.cells:
                if not cell.skip:
                    picture = pictures.get(cell.at)
                    self._results[cell.at] = (
                        self._found(cell, picture, "reused")
                        if picture
                        else Result(cell, SPARED if self.plan.refine else "cancelled")
                    )
                    if picture:
                        self._track.end(cell.at, made=False)
        return self

    def results(self) -> dict[At, Result]:
        """Every cell by its place on the grid, as it is now."""
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
    def to_make(self) -> int:
        """Cells that wait or are at work; none once the sweep's thread has ended."""
        return len(self._todo) + len(self._active) if self.running else 0

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    @property
    def moving(self) -> bool:
        """Whether cells will change without anybody's help: it has not ended, and it is not paused
        with nothing left at work."""
        rests = self.paused and not self.waits and "running" not in self.counts()
        return self.running and not rests

    @property
    def waits(self) -> bool:
        """Whether it is paused only until its backend is back, and then goes on by itself."""
        return self._absence is not None

    @property
    def fraction(self) -> float:
        """The share of the work that is done, 0 to 1, that of the cells at work included."""
        with self._lock:
            return self._track.fraction

    @property
    def seconds(self) -> float:
        """Seconds of work, without pauses and waiting for others; cells made at the same time count
        once."""
        return self._track.seconds

    def seconds_left(self) -> Range | None:
        """The likely least and most of work until the end; None when nothing is known."""
        with self._lock:
            return self._track.left()

    @property
    def standing(self) -> str:
        """How far it is, in words for people."""
        counts, seconds = self.counts(), self.seconds
        made, done = counts.get("made", 0), counts.get("made", 0) + counts.get("reused", 0)
        parts = [f"{done:,} of {many(len(self.plan.cells) - counts.get('skipped', 0), 'picture')}"]
        if "running" in counts:
            parts.append(f"{counts['running']:,} in the making")
        if self.running:
            parts.append(f"{int(100 * self.fraction)} % of the work done")
            if left := self.seconds_left():
                parts.append(f"{duration(*left)} {'of work ' * self.paused}left")
        if made and seconds:
            parts.append(f"{lasting(seconds)} of work, {lasting(seconds / made)} per picture")
        if "reused" in counts:
            parts.append(f"{counts['reused']:,} from the library or shared")
        if SPARED in counts:
            parts.append(f"{counts[SPARED]:,} spared")
        if "failed" in counts:
            parts.append(f"{counts['failed']:,} failed")
        return " · ".join(parts)

    def pause(self) -> None:
        """Start no further cell; those at work end."""
        self._paused.set()
        self.jobs.pause(self.group)

    def resume(self) -> None:
        """Let cells start again after a pause."""
        self.trouble, self._alike, self._absence = "", ("", 0), None
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
            for position, result in self._results.items():
                if result.state in ("failed", "cancelled") and at in (None, position):
                    self._results[position] = Result(result.cell)
                    self._track.again(position)
                    self._put_off(result.cell)
        self._stopped.clear()
        self.resume()
        self.start()

    def _put_off(self, cell: Cell) -> None:
        """Put a cell back among those that are still to be made."""
        if cell.twin is not None:
            self._twins.append(cell)
        elif self._finer and not self._finer.asked(cell.at):
            self._later[cell.at] = cell
        else:
            self._todo.append(cell)

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has ended; False when the time was too short."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.running

    def _prepare(self) -> None:
        """Ask once how many cells each backend wants at once, and how long they should take."""
        if not self._at_once:
            names = dict.fromkeys(cell.setup.backend for cell in self.plan.cells)
            self._at_once = {name: self.bench.told(name).at_once for name in names}
            self._track.expect(self._expected, self._at_once)
        self._track.rest()

    def _expected(self, backend: str, cells: list[Cell]) -> Range | None:
        """The seconds that the plan says for these cells, by the same estimate."""
        if not self.speeds:
            return None
        planned = [cell.params for cell in cells]
        return self.speeds.seconds(backend, planned, self._at_once[backend])

    def _feed(self) -> None:
        """The sweep's own thread: fills the backends' room and takes in what has ended."""
        cpu = _cpu(self._process)
        try:
            while self._turn() or self._look_closer():
                time.sleep(POLL_SECONDS)
            self._learn()
        finally:
            self.cpu_seconds += _cpu(self._process) - cpu
            if self._active or self._todo:  # nothing that _turn foresees: this thread is dying
                self._break_down()

    def _turn(self) -> bool:
        """Take in what has ended, and hand out new cells; says whether there is more to come."""
        with self._lock:
            try:
                self._take_in()
                self._look_after()
                self.meter.tick()
                if self._stopped.is_set():
                    self._give_up()
                elif not self._paused.is_set():
                    self._fill()
                if not self._active and not self._todo and not self._later:
                    self._share()
            except PlayError as error:  # where it is written to is full, or away
                self.trouble = str(error)
                self.pause()
                self._end_lost()
            except Exception:  # the sweep rests instead of being lost: what is made stays
                LOG.exception("%s failed", self.group)
                self.trouble = BROKEN
                self.pause()
                self._end_lost()
            return bool(self._active or self._todo)

    def _look_closer(self) -> bool:
        """Take on the cells between neighbours that differ; says whether there is more to do.

        Measuring takes a while, so the page may read the results meanwhile.
        """
        if not self._later or self._finer is None:
            return False
        try:
            further = self._finer.further(self.results())
        except PlayError as error:  # the library is away
            self.trouble = str(error)
            self._stopped.set()
            return True
        with self._lock:
            self._todo.extend(self._later.pop(at) for at in further if at in self._later)
            if not self._todo:
                self._spare()
        return True

    def _spare(self) -> None:
        """Leave out the remaining cells, which lie between neighbours that look the same."""
        for at, cell in self._later.items():
            self._results[at] = Result(cell, SPARED)
            self._track.end(at, made=False)
        self._later.clear()

    def fill(self) -> None:
        """Make the cells that were left out, too."""
        with self._lock:
            self._finer = None
            for at, result in self._results.items():
                if result.state == SPARED:
                    self._results[at] = Result(result.cell)
                    self._track.again(at)
                    self._todo.append(result.cell)
        self._stopped.clear()
        self.resume()
        self.start()

    def _pixels(self, result: Result) -> Image.Image | None:
        """A finished cell's picture, in the library or where others share it."""
        if result.file and self.shared:
            return self.shared.picture(result)
        picture = self.jobs.library.get(result.picture, self.owner) if result.picture else None
        if picture is None:
            return None
        with Image.open(io.BytesIO(self.jobs.library.data(picture))) as opened:
            return opened.convert("RGB")

    def _end_lost(self) -> None:
        """Call those cells failed that were taken in and got no result."""
        for at, result in self._results.items():
            if result.state in ("queued", "running") and at not in self._active:
                self._results[at] = Result(result.cell, "failed", error=BROKEN)
                self._track.end(at, made=False)

    def _break_down(self) -> None:
        """End all waiting cells with a sentence; a retry starts a new thread."""
        with self._lock:
            self.trouble = DIED
            for at, job in self._active.items():
                job.cancel()
                self._results[at] = Result(self._results[at].cell, "cancelled", error=DIED)
                self._track.again(at)
            self._active.clear()
            self._give_up()

    def _fill(self) -> None:
        """Submit cells while there is room; a cell that another machine has waits."""
        room, waiting = self._room(), deque[Cell]()
        looked = time.monotonic() + LOOK_SECONDS
        try:
            while self._todo and max(room.values()) > 0 and time.monotonic() < looked:
                waiting.append(self._todo.popleft())
                if self._begin(waiting[-1], room):
                    waiting.pop()
        finally:
            self._todo.extendleft(reversed(waiting))

    def _begin(self, cell: Cell, room: dict[str, int]) -> bool:
        """Submit a cell where there is room for it, or take its picture if it is there already."""
        name = cell.setup.backend
        if room[name] <= 0:
            return False
        admitted = self.shared is None or self.shared.admit(cell)
        if isinstance(admitted, Result):
            self._results[cell.at] = admitted
            self._track.end(cell.at, made=False)
            return True
        if admitted and self._submit(cell, self._at_once[name]):
            room[name] -= 1
            return True
        room[name] = 0 if admitted else room[name]
        return False

    def _room(self) -> dict[str, int]:
        """Twice as many cells as a backend wants at once, so that it never waits for this thread;
        beside other machines only our share."""
        open_cells = len(self._todo) + len(self._active)
        most = self.shared.share(open_cells) if self.shared else open_cells
        room = {
            name: 1 if self._alone else min(2 * count, most)
            for name, count in self._at_once.items()
        }
        for at in self._active:
            room[self._results[at].cell.setup.backend] -= 1
        return room

    def _submit(self, cell: Cell, at_once: int) -> bool:
        backend = self.bench.backend(cell.setup.backend)
        try:
            self._active[cell.at] = self.jobs.submit(
                cell.params,
                backend,
                self.owner,
                self.group,
                at_once,
                address=self.address,
                anew=self.anew or cell.setup.repeat > 0,
                written=self._as_written(cell),
            )
        except BadParams:
            return False  # this owner's queue is full: the cell waits here instead
        self._results[cell.at] = Result(cell, "queued")
        return True

    def _as_written(self, cell: Cell) -> dict[str, str]:
        """What a person wrote for this cell, where no axis has changed that prompt."""
        changed = set(differing(self.plan.base.params, cell.params))
        return {
            name: text
            for name, text in self.written.items()
            if name.removeprefix(WRITTEN) not in changed
        }

    def _take_in(self) -> None:
        self._track.tick({job.backend.name for job in self._active.values() if _works(job)})
        ended = []
        for at, job in list(self._active.items()):
            if not job.active:
                ended.append((at, job))
                continue
            if job.state == "running":
                self._track.at_work(at, job.progress.fraction)
            if self._results[at].state != job.state:
                self._results[at] = replace(self._results[at], state=job.state)
        load = self.meter.reading(len(ended)) if ended else None
        for at, job in ended:
            del self._active[at]
            received = self._received(at, job)
            if received is None:
                continue
            result = replace(received, load=load)
            self._results[at] = result
            self.jobs.forget(job)
            if result.state == "cancelled":
                self._track.again(at)
            else:
                self._track.end(at, made=result.state == "made")
            self._notice_trouble(result.error)

    def _received(self, at: At, job: Job) -> Result | None:
        """The cell's result; None when it waits to be asked for again."""
        if job.lost and self._put_back(at, job):
            return None
        if not job.library_away:
            with suppress(LibraryAway):
                return self._ended(self._results[at].cell, job)
        self._wait_for(at, Absence.of_library(self.jobs.library))
        return None

    def _put_back(self, at: At, job: Job) -> bool:
        """A cell whose backend went away waits for it, unless that keeps happening to this cell or
        nobody was there from the beginning."""
        cell = self._results[at].cell
        capabilities = self.bench.told(cell.setup.backend)
        self._lost[at] = self._lost.get(at, 0) + 1
        gone = (
            capabilities.status == "down"
            or capabilities.price is not None
            or self._lost[at] >= TRIES
        )
        if gone:
            return False
        self._wait_for(at, Absence.of(job.backend))
        return True

    def _wait_for(self, at: At, absence: Absence) -> None:
        """Make the cell again once what is absent is back."""
        self._results[at] = Result(self._results[at].cell)
        self._track.again(at)
        self._todo.appendleft(self._results[at].cell)
        if not self.paused and not self._stopped.is_set():
            self._absence = absence
            self.trouble = absence.sentence
            self.pause()

    def _look_after(self) -> None:
        """Go on when the backend that went away is back; leave it to the person after too long."""
        if self._absence is None:
            return
        if self._absence.over():
            self.resume()
        elif self._absence.resigned:
            self.trouble, self._absence = self._absence.last_words, None

    def _ended(self, cell: Cell, job: Job) -> Result:
        if job.saved is None:
            return Result(cell, job.state, error=job.error)
        return self._found(cell, job.saved, "reused" if job.reused else "made")

    def _found(self, cell: Cell, picture: SavedPicture, state: str) -> Result:
        """The result of a cell whose picture was there already."""
        try:
            with Image.open(io.BytesIO(self.jobs.library.data(picture))) as opened:
                image = opened.convert("RGB")
        except LibraryAway:
            raise
        except (LibraryError, OSError) as error:
            return Result(cell, "failed", error=str(error))
        return Result(
            cell,
            state,
            pixels_hash(image),
            look(image),
            picture.timing,
            picture.model,
            picture.receipt.warnings,
            picture.receipt.applied,
            picture=picture.id,
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
        for cell in (*self._todo, *self._twins, *self._later.values()):
            self._results[cell.at] = Result(cell, "cancelled")
        self._todo.clear()
        self._twins.clear()
        self._later.clear()

    def _share(self) -> None:
        """Cells with the same settings as another one show its picture."""
        for cell in self._twins:
            result = self._results[cell.twin or ()]
            self._results[cell.at] = replace(
                result, cell=cell, state="reused" if result.done else result.state
            )
        self._twins.clear()

    def _learn(self) -> None:
        """Remember how fast it went; backends that worked side by side say nothing about one."""
        made = [result.cell for result in self._results.values() if result.state == "made"]
        backends = {cell.setup.backend for cell in made}
        counted = all(work.is_counted(cell.params) for cell in made)
        if self.speeds and len(backends) == 1 and counted:
            amount = work.total(cell.params for cell in made)
            self.speeds.learn(backends.pop(), amount, self.seconds)


def _works(job: Job) -> bool:
    """Whether the job was at work since the last turn: neither in a queue, ours or the server's,
    nor found in the library."""
    waits = job.state == "queued" or (job.active and job.progress.position is not None)
    return not waits and not (job.saved and job.reused)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
