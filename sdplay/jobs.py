"""Background jobs: fair turns between owners, progress, cancel, and how long it will take."""

import logging
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field, replace
from traceback import format_exc

from sdplay import studio
from sdplay.backends import ASKER, Asker, Backend
from sdplay.clock import Clock
from sdplay.compare.plan import many
from sdplay.errors import BackendLost, BackendOffline, BadParams, PlayError
from sdplay.estimates import Estimates
from sdplay.library import Kept, Library
from sdplay.params import Params
from sdplay.picture import Progress
from sdplay.settings import setting, without_secrets
from sdplay.turns import Claim, Turns, for_sweeps

LOG = logging.getLogger(__name__)
KEEP_FINISHED = 200
OWNERS_WORTH = 32
"""All together may have as many waiting as so many owners: an owner is a cookie, and a cookie costs
nothing."""
DIED = "The picture's worker broke down; another one has taken its place. Try again."


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
    lost: bool = False
    """The backend did not answer, or broke off: asking again later may help."""
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
        self._turns: dict[str, Turns] = {}
        self._clocks: dict[str, Clock] = {}
        self._paused: set[str] = set()
        self._lock = threading.Lock()

    def submit(
        self, params: Params, backend: Backend, owner: str = "", group: str = "", at_once: int = 1
    ) -> Job:
        """Queue one picture; refuses when this owner has too many waiting."""
        job = Job(params, backend, owner, group)
        with self._lock:
            self._check_room(owner)
            self._forget()
            self._jobs[job.id] = job
            self._waiting.setdefault(backend.name, deque()).append(job)
            self._turns.setdefault(backend.name, Turns())
            self._clocks.setdefault(backend.name, Clock())
            self._at_once[backend.name] = at_once
            self._hire(backend.name, 1)
        return job

    def _check_room(self, owner: str) -> None:
        """Refuses when this owner, or all of them together, have too many waiting."""
        limit = queue_limit()
        owners = [job.owner for job in self._jobs.values() if job.state == "queued"]
        if owners.count(owner) >= limit:
            raise BadParams(
                f"{limit} of your pictures {'is' if limit == 1 else 'are'} waiting already. Wait "
                "for some, or cancel them."
            )
        if len(owners) >= OWNERS_WORTH * limit:
            raise BadParams(
                f"{many(len(owners), 'picture')} of everybody are waiting already, as many as "
                "this server takes. Try again in a moment."
            )

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
        return len(self._before(job))

    def seconds_left(self, job: Job) -> float | None:
        """Until this job ends, learnt from past runs; None when there were none."""
        if job.state == "running" and job.progress.seconds_left is not None:
            return job.progress.seconds_left
        before = [] if job.state == "running" else self._before(job)
        backend, running = job.backend.name, self._at_work(job.backend.name)
        at_once = self._at_once.get(backend, 1)
        todo = [*(each.params for each in before), job.params]
        low_high = self.estimates.seconds(backend, todo, at_once)
        if low_high is None:
            return None
        typical = sum(low_high) / 2
        if job.state == "running":
            left = typical * len(running) - (time.time() - job.started)
            return left if left > 0 else None
        rest = self.estimates.seconds(backend, [each.params for each in running], at_once)
        done = sum(each.progress.fraction or 0.0 for each in running) / max(1, len(running))
        return typical + (1 - done) * sum(rest or (0.0,)) / 2

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

    def _before(self, job: Job) -> list[Job]:
        """Those that start before this one, in their order."""
        with self._lock:
            order = self._order(job.backend.name)
            return order[: order.index(job)] if job in order else []

    def _at_work(self, backend: str) -> list[Job]:
        with self._lock:
            return [
                job
                for job in self._jobs.values()
                if job.state == "running" and job.backend.name == backend
            ]

    def _order(self, backend: str) -> list[Job]:
        """What waits and is not paused, whose turn is next first."""
        ready = [
            job
            for job in self._waiting.get(backend, ())
            if job.state == "queued" and job.group not in self._paused
        ]
        return self._turns[backend].order(ready, _claim) if ready else []

    def _hire(self, backend: str, wanted: int) -> None:
        """Start workers for so many waiting jobs, up to what the backend wants at once."""
        for _ in range(min(wanted, self._at_once.get(backend, 1) - self._busy.get(backend, 0))):
            threading.Thread(
                target=self._work, args=(backend,), name=f"job-{backend}", daemon=True
            ).start()
            self._busy[backend] = self._busy.get(backend, 0) + 1

    def _work(self, backend: str) -> None:
        """One worker: takes turns until nothing waits.  If it dies, another takes its place."""
        try:
            while job := self._next(backend):
                try:
                    self._run(job)
                finally:
                    if job.active:  # nothing that _run foresees: its thread is dying
                        job.error = DIED
                        job._end("failed")
        finally:
            with self._lock:
                self._busy[backend] -= 1
                self._hire(backend, len(self._startable(backend)))

    def _next(self, backend: str) -> Job | None:
        with self._lock:
            ready = self._startable(backend)
            waiting = self._waiting.get(backend, ())
            self._waiting[backend] = deque(job for job in waiting if job.state == "queued")
            if not ready:
                return None
            job = ready[0]
            self._waiting[backend].remove(job)
            self._turns[backend].serve(_claim(job))
            job.started = time.time()
            job.state = "running"
            return job

    def _startable(self, backend: str) -> list[Job]:
        """What may start now: where many are made at once, sweeps leave an eighth of the places to
        people's single pictures."""
        order = self._order(backend)
        cells = [job for job in self._jobs.values() if job.group and job.state == "running"]
        sweeping = sum(job.backend.name == backend for job in cells)
        if sweeping >= for_sweeps(self._at_once.get(backend, 1)):
            return [job for job in order if not job.group]
        return order

    def _run(self, job: Job) -> None:
        ASKER.set(Asker(job.owner, job.group))
        clock = self._clocks[job.backend.name]
        events = studio.make(job.params, job.backend, self.library, job.owner, clock=clock)
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
            job.lost = isinstance(error, BackendOffline | BackendLost)
            job.error = without_secrets(str(error))
            job._end("cancelled" if job.stop.is_set() else "failed")
        except Exception:
            # A worker serves everybody: a bug in one job is logged and told, and the next one runs.
            failure = without_secrets(format_exc())
            LOG.error("job %s failed\n%s", job.id, failure)  # noqa: TRY400 - that prints keys
            job.error = "Something went wrong inside the app; the log has the details. Try again."
            job._end("failed")
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator: closing it stops the backend

    def forget(self, job: Job) -> None:
        """Its asker has what it needs of this ended job, whose pictures would stay in memory."""
        with self._lock:
            if not job.active:
                self._jobs.pop(job.id, None)

    def _forget(self) -> None:
        """Old finished jobs go; their pictures are in the library."""
        finished = [job.id for job in self._jobs.values() if not job.active]
        for id in finished[: max(0, len(finished) - KEEP_FINISHED)]:
            del self._jobs[id]


def queue_limit() -> int:
    """Pictures that one owner may have waiting."""
    value = setting("SDPLAY_MAX_QUEUED")
    if not value.isdecimal() or int(value) < 1:
        raise BadParams(
            f"SDPLAY_MAX_QUEUED must be a whole number from 1, not {value!r}. Set it like this: 64"
        )
    return int(value)


def _claim(job: Job) -> Claim:
    return Claim(job.owner, single=not job.group)
