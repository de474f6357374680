"""Pictures that follow a drawing: one is made at a time, only the newest drawing waits, and the
last one is always made."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Protocol

from sdplay.errors import PlayError
from sdplay.jobs import Job
from sdplay.library import SavedPicture
from sdplay.params import Params
from sdplay.picture import Progress

SLOW_SECONDS = 1.5
"""If pictures take longer than this, several strokes in a row are waited for."""
GRACE_SECONDS = 0.25
PATIENCE_SECONDS = 12.0
"""A picture that takes longer than this is cancelled in favour of a newer drawing."""
FAREWELL_SECONDS = 4.0
"""A cancelled picture that does not end within this time is no longer waited for."""
MOST_TRIES = 5
RETRY_SECONDS = 0.4
MOST_FRAMES = 400


@dataclass(frozen=True)
class Request:
    """A drawing for which somebody asked for a picture."""

    params: Params
    stroke: int
    """The number of the drawing."""
    turn: int
    """Counts the requests, so that a later one has a larger number."""
    due: float
    """The earliest moment to begin."""
    timed: bool = True
    """Whether a stroke asked for it, not a button."""
    tries: int = 1


@dataclass(frozen=True)
class Rendering:
    """The picture of a drawing."""

    request: Request
    picture: SavedPicture


class Maker(Protocol):
    """Makes the pictures."""

    def submit(self, params: Params) -> Job: ...

    def forget(self, job: Job) -> None: ...


@dataclass
class _Errand:
    request: Request
    job: Job
    started: float
    cancelled: float = 0.0


class Live:
    """The picture at work and the request that waits, of one visit."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.answer: Rendering | None = None
        self.trouble = ""
        """The error of the latest request, if it gave no picture."""
        self.frames: deque[str] = deque(maxlen=MOST_FRAMES)
        """The ids of the pictures in the library, in their order."""
        self._now = now
        self._turn = 0
        self._waiting: Request | None = None
        self._errand: _Errand | None = None
        self._late: list[_Errand] = []
        self._seconds: deque[float] = deque(maxlen=3)

    @property
    def busy(self) -> bool:
        """Whether a picture is at work or waits for its turn."""
        return self._errand is not None or self._waiting is not None

    @property
    def progress(self) -> Progress | None:
        """The progress of the picture at work; None while there is none."""
        return self._errand.job.progress if self._errand else None

    @property
    def waits(self) -> int:
        """How many drawings wait: one at most."""
        return int(self._waiting is not None)

    def ask(self, params: Params, stroke: int, timed: bool = True) -> None:
        """Asks for a picture of this drawing, in place of any drawing that still waits."""
        self._turn = max(self._turn + 1, time.time_ns() // 10**6)
        is_slow = bool(self._seconds) and median(self._seconds) > SLOW_SECONDS
        due = self._now() + (GRACE_SECONDS if timed and is_slow else 0.0)
        self._waiting = Request(params, stroke, self._turn, due, timed)
        self.trouble = ""

    def stop(self) -> None:
        """Cancels the picture at work and the request that waits."""
        self._waiting = None
        if self._errand:
            self._errand.job.cancel()

    def advance(self, maker: Maker) -> bool:
        """Takes a picture that is done and begins one that waits, and returns whether there is a
        new picture."""
        before = self.answer
        for errand in [*self._late, *filter(None, [self._errand])]:
            if not errand.job.active:
                self._end(errand, maker)
        self._lose_patience()
        if self._waiting and self._errand is None and self._now() >= self._waiting.due:
            self._begin(self._waiting, maker)
        return self.answer is not before

    def rest(self, seconds: float) -> None:
        """Waits until the picture at work has ended, at most so many seconds."""
        if self._errand:
            self._errand.job.wait(seconds)
        elif self._waiting:
            time.sleep(max(0.0, min(seconds, self._waiting.due - self._now())))

    def _begin(self, request: Request, maker: Maker) -> None:
        """Submits the request that waits. If the page's run is cut short meanwhile, the request
        stays."""
        try:
            self._errand = _Errand(request, maker.submit(request.params), self._now())
        except PlayError as error:
            self.trouble = str(error)
        self._waiting = None

    def _end(self, errand: _Errand, maker: Maker) -> None:
        if errand is self._errand:
            self._errand = None
        else:
            self._late.remove(errand)
        maker.forget(errand.job)
        if errand.job.saved:
            self._seconds.append(self._now() - errand.started)
            self._take(Rendering(errand.request, errand.job.saved))
        elif errand.job.state == "failed":
            self._try_again(errand)

    def _take(self, answer: Rendering) -> None:
        """Takes a finished picture, but never that of an older drawing in place of a newer
        one's."""
        if self.answer and answer.request.turn < self.answer.request.turn:
            return
        self.answer, self.trouble = answer, ""
        self.frames.append(answer.picture.id)

    def _try_again(self, errand: _Errand) -> None:
        """Asks again if the request for the last drawing failed. Nobody waits for older ones."""
        request = errand.request
        if request.turn < self._turn:
            return
        self.trouble = errand.job.error
        if request.tries < MOST_TRIES:
            due = self._now() + RETRY_SECONDS * request.tries
            self._waiting = replace(request, due=due, tries=request.tries + 1)

    def _lose_patience(self) -> None:
        """Gives up a request that does not end, so that it blocks nobody."""
        errand, now = self._errand, self._now()
        if errand is None or self._waiting is None:
            return
        if not errand.cancelled and now - errand.started > PATIENCE_SECONDS:
            errand.cancelled = now
            errand.job.cancel()
        elif errand.cancelled and now - errand.cancelled > FAREWELL_SECONDS:
            self._late.append(errand)
            self._errand = None
