"""Background jobs: one picture each, made in fair turns, with progress, cancel, and an estimate of
how long it takes."""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from traceback import format_exc
from types import MappingProxyType

from sdplay import studio
from sdplay.backends import ASKER, GUEST_PREFIX, Asker, Backend
from sdplay.errors import (
    OUR_FAULT,
    BackendLost,
    BackendOffline,
    BadParams,
    LibraryAway,
    LibraryError,
    PlayError,
)
from sdplay.library import Library, SavedPicture
from sdplay.library.estimates import Estimates
from sdplay.params import Params
from sdplay.picture import Enlargement, Progress
from sdplay.settings import HIDDEN, without_secrets
from sdplay.sharing.clock import Clock
from sdplay.sharing.room import Reached, Room, Share, queue_room
from sdplay.sharing.turns import BATCH, Claim, Turns, fits, most_workers
from sdplay.wording import duration, many

LOG = logging.getLogger(__name__)
KEEP_FINISHED = 200
KEEP_IMAGES = 8 * 2**20
"""Bytes of start images and guides that finished jobs may still hold."""
IMAGES_ROOM = Room(64 * 2**20, 128 * 2**20, 256 * 2**20)
"""Bytes of start images and guides that waiting pictures may hold."""
DIED = "The picture's worker broke down; another one has taken its place. Try again."

ENLARGING = "enlarge-"
"""How the group of jobs begins that enlarge a picture."""
IDLE = "idle-"
"""How the group of jobs begins that nobody waits for."""


@dataclass
class Job:
    """One picture that somebody asked for.  Only its worker changes it; the page reads it."""

    params: Params
    backend: Backend
    owner: str
    group: str = ""
    address: str = ""
    """The network address that it was asked from; empty for this machine's own, or when unknown."""
    anew: bool = False
    """Make it although the library has it."""
    written: Mapping[str, str] = field(default_factory=dict)
    """The prompts as a person wrote them, where others are sent; the receipt repeats them."""
    source: SavedPicture | None = None
    """The picture to be enlarged, where that is the job."""
    how: Enlargement | None = None
    """How the source, or else the picture once it is made, is enlarged."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: str = "queued"
    """queued, running, done, failed or cancelled."""
    progress: Progress = field(default_factory=Progress)
    saved: SavedPicture | None = None
    reused: bool = False
    """It was in the library already."""
    error: str = ""
    lost: bool = False
    """The backend did not answer, or broke off: asking again later may help."""
    library_away: bool = False
    """The library did not answer: asking again later may help."""
    created: float = field(default_factory=time.time)
    started: float = 0.0
    ended: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    over: threading.Event = field(default_factory=threading.Event, repr=False)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held where it leaves the queue: by a worker that begins it, or by who cancels it."""

    @property
    def active(self) -> bool:
        """Whether it waits or is at work."""
        return self.state in ("queued", "running")

    @property
    def idle(self) -> bool:
        """Whether nobody waits for it, so that it is made while its backend has nothing else to
        do."""
        return self.group.startswith(IDLE)

    @property
    def enlarges(self) -> bool:
        """Whether it makes a picture of the library larger instead of a new one."""
        return self.source is not None

    @property
    def alone(self) -> bool:
        """Whether somebody waits for just this one; cells of a sweep have company."""
        return not self.group or self.enlarges

    def cancel(self) -> None:
        """Stop it: at once while it waits, before the next step while it is at work."""
        self.stop.set()
        with self.turn:
            if self.state == "queued":
                self._end("cancelled")

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most so many seconds; says whether it has."""
        return self.over.wait(seconds)

    def _begin(self) -> bool:
        """Start it, unless it was cancelled meanwhile; says whether it has begun."""
        with self.turn:
            if self.state != "queued":
                return False
            self.started = time.time()
            self.state = "running"
            return True

    def _advance(self, progress: Progress) -> None:
        """Take over new progress; the last preview stays until there is a later one."""
        self.progress = replace(progress, preview=progress.preview or self.progress.preview)

    def _end(self, state: str) -> None:
        """Settle in which state it ended, and wake those who wait for it."""
        self.ended = time.time()
        self.state = state
        self.over.set()


class Jobs:
    """All jobs of one server.  Its threads are daemons, so that a server that is stopped does not
    wait for a picture."""

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
        self,
        params: Params,
        backend: Backend,
        owner: str = "",
        group: str = "",
        at_once: int = 1,
        *,
        address: str = "",
        anew: bool = False,
        written: Mapping[str, str] = MappingProxyType({}),
        then: Enlargement | None = None,
    ) -> Job:
        """Queue one picture; refuses when this browser, its address or all together have too many
        waiting.  `anew` makes it even if the library has it; `then` enlarges it once it is made."""
        job = Job(params, backend, owner, group, address, anew, written, how=then)
        return self._queue(job, at_once)

    def enlarge(
        self,
        source: SavedPicture,
        how: Enlargement,
        backend: Backend,
        owner: str = "",
        *,
        at_once: int = 1,
        address: str = "",
    ) -> Job:
        """Queue a kept picture to be enlarged; refuses as submit() does."""
        group = f"{ENLARGING}{source.id}"
        job = Job(source.params, backend, owner, group, address, source=source, how=how)
        return self._queue(job, at_once)

    def _queue(self, job: Job, at_once: int) -> Job:
        with self._lock:
            self._check_images(job)
            full = self._full_for(job)
            if full is None:
                self._take(job, at_once)
        if full:
            raise BadParams(self._refusal(job, full))
        return job

    def _take(self, job: Job, at_once: int) -> None:
        name = job.backend.name
        self._forget()
        if not job.idle:
            self._stop_idle()
        self._jobs[job.id] = job
        self._waiting.setdefault(name, deque()).append(job)
        self._turns.setdefault(name, Turns())
        self._clocks.setdefault(name, Clock())
        self._at_once[name] = at_once
        self._hire(name, 1)

    def _stop_idle(self) -> None:
        """Somebody waits now: what nobody waits for ends before its next step."""
        for job in self._jobs.values():
            if job.idle and job.state == "running":
                job.stop.set()

    def _full_for(self, job: Job) -> Reached | None:
        """Which limit leaves no room for this job, if one does.  Once a cell of a sweep waits,
        sweeps leave part of the room to single pictures."""
        waiting = [_share(other) for other in self._jobs.values() if other.state == "queued"]
        room = queue_room()
        if not job.alone and any(other.owner == job.owner for other in waiting):
            room = room.for_sweeps()
        return room.reached(_share(job), waiting)

    def _check_images(self, job: Job) -> None:
        """Refuse the job when the start images of waiting jobs take too much memory together."""
        waiting: dict[int, Share] = {}
        for other in self._jobs.values():
            if other.active:
                sizes = _images(other.params)
                waiting |= {at: Share(other.owner, other.address, sizes[at]) for at in sizes}
        size = sum(size for at, size in _images(job.params).items() if at not in waiting)
        full = IMAGES_ROOM.reached(Share(job.owner, job.address, size), [*waiting.values()])
        if size and full and (full.size or full.who != "browser"):  # one picture always has room
            raise BadParams(
                "The start images and guides of the pictures that wait already are as large as "
                "this server takes at once. Wait for some of them, or choose a smaller file."
            )

    def _refusal(self, job: Job, full: Reached) -> str:
        """How many wait and whose, when the next of them is made, and what to do."""
        standing = "" if not job.alone else self._standing(job, full.who)  # nobody reads a cell's
        if full.who == "browser":
            return (
                f"{full.size:,} of your pictures {'is' if full.size == 1 else 'are'} waiting "
                f"already.{standing} Wait for some, or cancel them."
            )
        pictures = many(full.size, "picture")
        whose = "from your network address" if full.who == "address" else "of everybody"
        return (
            f"{pictures} {whose} are waiting already, as many as this server takes.{standing} "
            "Try again in a moment."
        )

    def _standing(self, job: Job, who: str) -> str:
        """When the first waiting job that counts for this limit is made: its place in the queue,
        and the seconds where they are known."""
        earliest = next((other for other in self._queued() if _belongs(other, job, who)), None)
        if earliest is None:
            return ""
        left = self.seconds_left(earliest)
        wait = "" if left is None else f" and is there in {duration(left, left)}"
        return f" The next of them is number {self.ahead(earliest) + 1:,} in the queue{wait}."

    def lines(self) -> dict[str, list[Job]]:
        """The queue of each backend: the jobs at work, those that wait in the order of their turns,
        and those that are paused."""
        with self._lock:
            return {name: self._line(name) for name in self._waiting}

    def _line(self, backend: str) -> list[Job]:
        active = [job for job in self._jobs.values() if job.active and job.backend.name == backend]
        order = self._order(backend)
        listed = {job.id for job in order}
        working = [job for job in active if job.state == "running"]
        paused = [job for job in active if job.state == "queued" and job.id not in listed]
        return [*working, *order, *paused]

    def _queued(self) -> list[Job]:
        """All waiting jobs, by backend, in the order of their turns."""
        with self._lock:
            return [job for backend in self._waiting for job in self._order(backend)]

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

    def crowd(self) -> int:
        """How many jobs of everybody wait or are at work."""
        with self._lock:
            return sum(job.active for job in self._jobs.values())

    def ahead(self, job: Job) -> int:
        """How many jobs start before this one."""
        return len(self._before(job))

    def seconds_left(self, job: Job) -> float | None:
        """How long until this job ends, learnt from earlier pictures; None when there are none."""
        if job.state == "running" and job.progress.seconds_left is not None:
            return job.progress.seconds_left
        if job.enlarges:
            return None  # past pictures say nothing about it
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
        """Let the waiting jobs of this group wait on; the ones at work go on."""
        with self._lock:
            self._paused.add(group)

    def resume(self, group: str) -> None:
        """Let the jobs of this group take turns again."""
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
        """The jobs that start before this one, in their order."""
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
        """The waiting jobs that are not paused, in the order of their turns.  Idle ones are among
        them only when there is nothing else."""
        ready = [
            job
            for job in self._waiting.get(backend, ())
            if job.state == "queued" and job.group not in self._paused
        ]
        if self._people(backend):
            ready = [job for job in ready if not job.idle]
        return self._turns[backend].order(ready, _claim) if ready else []

    def _people(self, backend: str) -> bool:
        """Whether a person waits for a picture of this backend."""
        return any(
            job.active
            and not job.idle
            and job.backend.name == backend
            and job.group not in self._paused
            for job in self._jobs.values()
        )

    def _hire(self, backend: str, waiting: int) -> None:
        """Start workers for so many waiting jobs, at most as many as the backend wants at once."""
        most = most_workers(self._at_once.get(backend, 1))
        for _ in range(min(waiting, most - self._busy.get(backend, 0))):
            threading.Thread(
                target=self._work, args=(backend,), name=f"job-{backend}", daemon=True
            ).start()
            self._busy[backend] = self._busy.get(backend, 0) + 1

    def _work(self, backend: str) -> None:
        """The loop of one worker: it takes jobs in turns until none waits.  If its thread dies,
        another one takes over."""
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
            job = next((job for job in self._startable(backend) if job._begin()), None)
            waiting = self._waiting.get(backend, ())
            self._waiting[backend] = deque(other for other in waiting if other.state == "queued")
            if job:
                self._turns[backend].serve(_claim(job))
            return job

    def _startable(self, backend: str) -> list[Job]:
        """The waiting jobs that may start now beside those at work."""
        working = [
            _claim(job)
            for job in self._jobs.values()
            if job.state == "running" and job.backend.name == backend
        ]
        places = self._at_once.get(backend, 1)
        return [job for job in self._order(backend) if fits(_claim(job), working, places)]

    def _run(self, job: Job) -> None:
        ASKER.set(Asker(job.owner, job.group))
        HIDDEN.set(job.backend.secrets)
        events = self._events(job)
        try:
            job.reused = True
            for event in events:
                if isinstance(event, SavedPicture):
                    job.saved = _sharing_images(event, job.params)
                    job._end("done")
                    self._follow(job, event)
                    return
                job.reused = False
                job._advance(event)
                if job.stop.is_set():
                    break
            job._end("cancelled")
        except PlayError as error:
            job.lost = isinstance(error, BackendOffline | BackendLost)
            job.library_away = isinstance(error, LibraryAway)
            job.error = without_secrets(str(error))
            self._fail(job)
        except Exception:
            # A worker serves everybody: a bug in one job is logged and told, and the next one runs.
            failure = without_secrets(format_exc())
            LOG.error("job %s failed\n%s", job.id, failure)  # noqa: TRY400 - that prints keys
            job.error = OUR_FAULT
            self._fail(job)
        finally:
            # A generator: closing it stops the backend.
            events.close()  # type: ignore[attr-defined]

    def _events(self, job: Job) -> Iterator[Progress | SavedPicture]:
        if job.source and job.how:
            return studio.enlarge(job.source, job.how, job.backend, self.library, job.owner)
        return studio.make(
            job.params,
            job.backend,
            self.library,
            job.owner,
            clock=self._clocks[job.backend.name],
            anew=job.anew,
            written=job.written,
        )

    def _follow(self, job: Job, made: SavedPicture) -> None:
        """Enlarge what was just made, where that is wished for; a full queue leaves it as it is."""
        if job.how is None or job.enlarges:
            return
        with suppress(BadParams):
            at_once = self._at_once.get(job.backend.name, 1)
            self.enlarge(
                made,
                job.how,
                copy(job.backend),
                job.owner,
                at_once=at_once,
                address=job.address,
            )

    def _is_over(self, backend: str) -> bool:
        """Whether this backend is a visitor's server that nobody uses any more, so that its line
        can be forgotten."""
        return (
            backend.startswith(GUEST_PREFIX)
            and not self._waiting[backend]
            and not self._busy.get(backend)
            and not any(job.active and job.backend.name == backend for job in self._jobs.values())
        )

    def _fail(self, job: Job) -> None:
        """End a job that made no picture.  If a person asked for it, the library keeps a trace of
        it; a sweep tells of its cells itself."""
        stopped = job.stop.is_set()
        is_watched = not job.group or job.group.startswith(BATCH)
        if is_watched and not (stopped or job.library_away):
            with suppress(LibraryError):
                failures = self.library.failures
                failures.add(job.owner, job.backend.name, job.params, job.error)
        job._end("cancelled" if stopped else "failed")

    def forget(self, job: Job) -> None:
        """Drop an ended job whose result has been taken, because its picture would stay in
        memory."""
        with self._lock:
            if not job.active:
                self._jobs.pop(job.id, None)

    def _forget(self) -> None:
        """Drop old ended jobs; their pictures are in the library."""
        for name in [name for name in self._waiting if self._is_over(name)]:
            for memory in (self._waiting, self._busy, self._at_once, self._turns, self._clocks):
                memory.pop(name, None)
        images: dict[int, int] = {}
        finished = [job for job in reversed(self._jobs.values()) if not job.active]
        for number, job in enumerate(finished):
            images |= _images(job.params)
            if number >= KEEP_FINISHED or sum(images.values()) > KEEP_IMAGES:
                del self._jobs[job.id]


def _share(job: Job) -> Share:
    """What this job counts for among those of its browser and its network address."""
    return Share(job.owner, job.address)


def _belongs(other: Job, job: Job, who: str) -> bool:
    """Whether the other job counts for the same limit: that of the browser, of the address, or of
    everybody."""
    same = {"browser": other.owner == job.owner, "address": other.address == job.address}
    return same.get(who, True)


def _claim(job: Job) -> Claim:
    return Claim(job.owner, single=job.alone)


def _images(params: Params) -> dict[int, int]:
    """The size of each picture that these settings start from, by the object that holds it: cells
    of a sweep share one object, and it counts once."""
    pictures = [params.init, params.mask, *(unit.image for unit in params.control)]
    return {id(data): len(data) for data in pictures if isinstance(data, bytes) and data}


def _sharing_images(saved: SavedPicture, params: Params) -> SavedPicture:
    """The saved picture with the job's own settings, whose images are in memory already, instead of
    copies read from the disk."""
    return replace(saved, params=params) if saved.params == params else saved
