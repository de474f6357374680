"""Background jobs: fair turns between owners, progress, cancel, and how long it will take."""

import logging
import statistics
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sdplay import studio
from sdplay.backends import ASKER, Asker, Backend
from sdplay.errors import BadParams, PlayError
from sdplay.library import Kept, Library
from sdplay.params import Params
from sdplay.picture import Progress
from sdplay.schedulers import find
from sdplay.settings import setting, without_secrets

LOG = logging.getLogger(__name__)
KEEP_FINISHED = 200


@dataclass
class Job:
    """One picture on its way.  Only its worker changes it; the page reads."""

    params: Params
    backend: Backend
    owner: str
    group: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: str = "queued"
    """queued, running, done, failed or cancelled."""
    progress: Progress = field(default_factory=Progress)
    kept: Kept | None = None
    reused: bool = False
    """It was in the library already."""
    error: str = ""
    created: float = field(default_factory=time.time)
    started: float = 0.0
    ended: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    over: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    def cancel(self) -> None:
        """Stop it, in the queue at once, at work before its next step."""
        self.stop.set()
        if self.state == "queued":
            self._end("cancelled")

    def wait(self, seconds: float) -> bool:
        """Until it has ended, at most so long; says whether it has."""
        return self.over.wait(seconds)

    def _advance(self, progress: Progress) -> None:
        """News takes the place of what was known; the last preview stays until there is a later
        one."""
        self.progress = replace(progress, preview=progress.preview or self.progress.preview)

    def _end(self, state: str) -> None:
        self.ended = time.time()
        self.state = state
        self.over.set()


class Jobs:
    """All jobs of one server.  Threads are daemons, so that a stopped server never waits for a
    picture."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.estimates = Estimates(library)
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, deque[Job]] = {}
        self._busy: dict[str, int] = {}
        self._at_once: dict[str, int] = {}
        self._turns: dict[str, float] = {}
        self._paused: set[str] = set()
        self._lock = threading.Lock()

    def submit(
        self, params: Params, backend: Backend, owner: str = "", group: str = "", at_once: int = 1
    ) -> Job:
        """Queue one picture; refuses when this owner has too many waiting."""
        job = Job(params, backend, owner, group)
        with self._lock:
            limit = int(setting("SDPLAY_MAX_QUEUED"))
            if (
                sum(
                    1
                    for other in self._jobs.values()
                    if other.owner == owner and other.state == "queued"
                )
                >= limit
            ):
                raise BadParams(
                    f"{limit} of your pictures are waiting already. Wait for some, or cancel them."
                )
            self._forget()
            self._jobs[job.id] = job
            self._waiting.setdefault(backend.name, deque()).append(job)
            self._at_once[backend.name] = at_once
            self._hire(backend.name, 1)
        return job

    def get(self, id: str) -> Job | None:
        """The job of that id, while it is remembered."""
        return self._jobs.get(id)

    def of(self, owner: str, group: str | None = None) -> list[Job]:
        """This owner's jobs, oldest first."""
        with self._lock:
            return [
                job
                for job in self._jobs.values()
                if job.owner == owner and group in (None, job.group)
            ]

    def ahead(self, job: Job) -> int:
        """How many pictures start before this one."""
        with self._lock:
            waiting = [
                other
                for other in self._waiting.get(job.backend.name, ())
                if other.state == "queued"
            ]
            order = sorted(waiting, key=self._turn_order(waiting))
            return order.index(job) if job in order else 0

    def seconds_left(self, job: Job) -> float | None:
        """Until this job ends, learnt from past runs; None when there were none."""
        if job.state == "running" and job.progress.seconds_left is not None:
            return job.progress.seconds_left
        low_high = self.estimates.seconds(job.backend.name, [job.params])
        if low_high is None:
            return None
        typical = sum(low_high) / 2
        if job.state == "running":
            return max(0.0, typical - (time.time() - job.started))
        return typical * (self.ahead(job) + 1)

    def pause(self, group: str) -> None:
        """Jobs of this group wait; the one at work goes on."""
        with self._lock:
            self._paused.add(group)

    def resume(self, group: str) -> None:
        """Jobs of this group take turns again."""
        with self._lock:
            self._paused.discard(group)
            names = [
                job.backend.name
                for job in self._jobs.values()
                if job.group == group and job.state == "queued"
            ]
            for name in dict.fromkeys(names):
                self._hire(name, names.count(name))

    def paused(self, group: str) -> bool:
        return group in self._paused

    def _hire(self, backend: str, wanted: int) -> None:
        """Start workers for so many waiting jobs, up to what the backend wants at once."""
        for _ in range(min(wanted, self._at_once.get(backend, 1) - self._busy.get(backend, 0))):
            self._busy[backend] = self._busy.get(backend, 0) + 1
            threading.Thread(
                target=self._work, args=(backend,), name=f"job-{backend}", daemon=True
            ).start()

    def _work(self, backend: str) -> None:
        """One worker: takes turns until nothing waits."""
        while job := self._next(backend):
            self._run(job)

    def _next(self, backend: str) -> Job | None:
        with self._lock:
            waiting = self._waiting.get(backend, deque())
            ready = [
                job for job in waiting if job.state == "queued" and job.group not in self._paused
            ]
            if self._full_of_sweeps(backend):
                ready = [job for job in ready if not job.group]
            self._waiting[backend] = deque(job for job in waiting if job.state == "queued")
            if not ready:
                self._busy[backend] -= 1
                return None
            job = min(ready, key=self._turn_order(ready))
            self._waiting[backend].remove(job)
            self._turns[job.owner] = time.monotonic()
            job.started = time.time()
            job.state = "running"
            return job

    def _full_of_sweeps(self, backend: str) -> bool:
        """Where many are made at once, sweeps leave an eighth of the places to people's single
        pictures."""
        at_once = self._at_once.get(backend, 1)
        cells = [job for job in self._jobs.values() if job.group and job.state == "running"]
        return sum(job.backend.name == backend for job in cells) >= at_once - at_once // 8

    def _turn_order(self, waiting: Iterable[Job]):  # type: ignore[no-untyped-def]
        """Owners in turn, the longest unserved first; among one owner's jobs single pictures before
        a sweep's."""
        place: dict[str, tuple[int, float, float]] = {}
        count: dict[str, int] = {}
        for job in sorted(waiting, key=lambda job: (bool(job.group), job.created)):
            count[job.owner] = count.get(job.owner, -1) + 1
            place[job.id] = (count[job.owner], self._turns.get(job.owner, 0.0), job.created)
        return lambda job: place[job.id]

    def _run(self, job: Job) -> None:
        ASKER.set(Asker(job.owner, job.group))
        events = studio.make(job.params, job.backend, self.library, job.owner)
        try:
            job.reused = True
            for event in events:
                if isinstance(event, Kept):
                    job.kept = event
                    job._end("done")
                    return
                job.reused = False
                job._advance(event)
                if job.stop.is_set():
                    break
            job._end("cancelled")
        except PlayError as error:
            job.error = without_secrets(str(error))
            job._end("cancelled" if job.stop.is_set() else "failed")
        except (
            Exception
        ):  # a worker serves everybody: a bug in one job is logged and told, and the next one runs
            LOG.exception("job %s failed", job.id)
            job.error = "Something went wrong inside the app; the log has the details. Try again."
            job._end("failed")
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator: closing it stops the backend

    def _forget(self) -> None:
        """Old finished jobs go; their pictures are in the library."""
        finished = [job.id for job in self._jobs.values() if not job.active]
        for id in finished[: max(0, len(finished) - KEEP_FINISHED)]:
            del self._jobs[id]


class Estimates:
    """Seconds per picture, learnt from what the library kept."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._known: dict[str, tuple[float, list[tuple[str, int, float, float]]]] = {}

    def seconds(self, backend: str, planned: list[Params]) -> tuple[float, float] | None:
        """The likely least and most for all these pictures, one after the other; None without a
        past run."""
        past = self._past(backend)
        if not past:
            return None
        low = high = 0.0
        for params in planned:
            work = _work_of(params.scheduler, params.steps, params.width, params.height, params.cfg)
            like = [rate for name, _, _, rate in past if name == params.scheduler] or [
                rate for *_, rate in past
            ]
            middle = statistics.median(like)
            spread = statistics.median(abs(rate - middle) for rate in like)
            low += max(0.0, middle - 2 * spread) * work
            high += (middle + 2 * spread) * work
        return low, high

    def _past(self, backend: str) -> list[tuple[str, int, float, float]]:
        """Scheduler, steps, seconds and seconds per work of past runs; read again every few
        seconds."""
        at, rows = self._known.get(backend, (0.0, []))
        if time.monotonic() - at > 5:
            rows = [
                (name, steps, seconds, seconds / _work_of(name, steps, width, height, cfg))
                for name, steps, width, height, cfg, seconds in self.library.timings(backend, 200)
            ]
            self._known[backend] = (time.monotonic(), rows)
        return rows


def _work_of(scheduler: str, steps: int, width: int, height: int, cfg: float) -> float:
    """Model evaluations times pixels: what the time grows with."""
    entry = find(scheduler)
    evaluations = entry.evaluations(steps) if entry else steps
    return evaluations * (1 if cfg == 1 else 2) * width * height / 1e6
