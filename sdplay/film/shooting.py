"""A film at work: a thread of its own hands the frames to the jobs, so that no page needs to stay
open."""

import time
from collections import deque
from copy import copy
from dataclasses import dataclass

from PIL import Image

from sdplay import metadata
from sdplay.backends import Backend, Capabilities
from sdplay.errors import BadParams
from sdplay.film.storyboard import Storyboard
from sdplay.jobs import Job, Jobs
from sdplay.library import SavedPicture
from sdplay.picture import Progress
from sdplay.sharing.room import Share
from sdplay.sharing.undertakings import Undertaking
from sdplay.wording import duration, many

GLANCE_SECONDS = 0.2
LACKS = {
    "img2img": "cannot start from a picture, so no frame can be made from another.",
    "variation": "cannot mix two seeds, so there is no way from one to the other.",
}
"""What a backend without a feature says to a film that needs it."""


@dataclass(frozen=True)
class Crew:
    """Who makes a film, and for whom."""

    jobs: Jobs
    backend: Backend
    owner: str = ""
    address: str = ""
    at_once: int = 1


def check(storyboard: Storyboard, backend: Backend, capabilities: Capabilities) -> None:
    """Refuses a film that this backend cannot make, before its first frame."""
    for need in storyboard.needs:
        if not capabilities.offers(need):
            raise BadParams(f"{backend.label} {LACKS[need]} Choose another backend.")


class Shooting(Undertaking):
    """One film at work."""

    def __init__(self, storyboard: Storyboard, crew: Crew) -> None:
        self.storyboard, self.crew = storyboard, crew
        self.group = f"film-{id(self):x}-{time.time_ns():x}"
        super().__init__(self.group, Share(crew.owner, crew.address), crew.backend.name)
        self.frames: list[SavedPicture] = []
        """The frames that are made so far, in their order."""
        self._window = 1 if storyboard.chained else 2 * max(1, crew.at_once)
        self._waiting: deque[Job] = deque()

    def cancel(self) -> None:
        """Stops the film. The frames that are made stay."""
        super().cancel()
        for job in list(self._waiting):
            job.cancel()

    @property
    def done(self) -> bool:
        """Whether every frame is made."""
        return len(self.frames) == self.storyboard.count

    @property
    def fraction(self) -> float:
        """The share of the frames that is made. The frame at work counts in part."""
        now = self.progress
        part = (now.fraction or 0.0) if now and self.running else 0.0
        return min(1.0, (len(self.frames) + part) / self.storyboard.count)

    @property
    def progress(self) -> Progress | None:
        """How far the frame at work is."""
        jobs = list(self._waiting)
        return jobs[0].progress if jobs else None

    @property
    def standing(self) -> str:
        """How far it is, in words for people."""
        there, count = len(self.frames), self.storyboard.count
        sentence = f"{there:,} of {many(count, 'frame')}"
        seconds = self._seconds_a_frame()
        if not self.running or seconds is None:
            return sentence
        left = seconds * (count - there)
        return f"{sentence} · {duration(left, left)} left"

    def _seconds_a_frame(self) -> float | None:
        """The mean seconds of the last frames. None if fewer than two are made."""
        made = [frame.timing.total for frame in self.frames[-20:]]
        return sum(made) / len(made) if len(made) > 1 else None

    def _work(self) -> None:
        try:
            while not self.stopped.is_set() and (self._fill() or self._waiting):
                self._take()
        finally:
            self._leave()

    def _leave(self) -> None:
        """Keeps the waiting frames that are finished, and cancels the others."""
        for job in self._waiting:
            job.cancel()
        while self._waiting and (frame := self._waiting.popleft().saved):
            self.frames.append(frame)
        self._waiting.clear()

    def _fill(self) -> bool:
        """Asks for as many frames as may be at work at once. Returns whether more are to be asked
        for."""
        while len(self._waiting) < self._window and self._next < self.storyboard.count:
            self._waiting.append(self._submit(self._next))
        return self._next < self.storyboard.count

    @property
    def _next(self) -> int:
        return len(self.frames) + len(self._waiting)

    def _submit(self, at: int) -> Job:
        crew = self.crew
        before = self._pixels(self.frames[-1]) if self.storyboard.chained and self.frames else None
        return crew.jobs.submit(
            self.storyboard.params(at, before),
            copy(crew.backend),
            crew.owner,
            self.group,
            crew.at_once,
            address=crew.address,
        )

    def _take(self) -> None:
        """Waits a moment for the next frame, and takes it if it is made."""
        job = self._waiting[0]
        if not job.wait(GLANCE_SECONDS):
            return
        self._waiting.popleft()
        self.crew.jobs.forget(job)
        if job.saved:
            self.frames.append(job.saved)
            return
        self.stopped.set()
        self.trouble = job.error

    def _pixels(self, frame: SavedPicture) -> Image.Image:
        return metadata.decoded(self.crew.jobs.library.data(frame)).convert("RGB")
