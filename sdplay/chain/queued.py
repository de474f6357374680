"""A workshop whose pictures wait their turn in the queue, like everybody's on the page."""

import threading
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field

from sdplay.chain.stages import Workshop
from sdplay.errors import BackendRefused, Cancelled
from sdplay.jobs import Job, Jobs
from sdplay.library import SavedPicture
from sdplay.params import Params
from sdplay.picture import Enlargement, Progress

GLANCE_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class QueuedWorkshop(Workshop):
    """Makes and enlarges pictures as jobs."""

    jobs: Jobs
    address: str = ""
    at_once: int = 1
    stopped: threading.Event = field(default_factory=threading.Event)
    """Is set to stop the work."""

    def make(self, params: Params) -> Iterator[Progress | SavedPicture]:
        """Yields progress, then the picture."""
        backend, address = copy(self.backend), self.address
        return self._ended(
            self.jobs.submit(params, backend, self.owner, "", self.at_once, address=address)
        )

    def enlarge(self, source: SavedPicture, how: Enlargement) -> Iterator[Progress | SavedPicture]:
        """Yields progress, then the picture enlarged."""
        backend, at_once, address = copy(self.backend), self.at_once, self.address
        job = self.jobs.enlarge(source, how, backend, self.owner, at_once=at_once, address=address)
        return self._ended(job)

    def _ended(self, job: Job) -> Iterator[Progress | SavedPicture]:
        try:
            while not job.wait(GLANCE_SECONDS):
                if self.stopped.is_set():
                    job.cancel()
                yield job.progress
        finally:
            job.cancel()
            self.jobs.forget(job)
        if job.saved is None:
            if job.error:
                raise BackendRefused(job.error)
            raise Cancelled("The chain was stopped.")
        yield job.saved
