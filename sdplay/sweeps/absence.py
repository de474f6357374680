"""A backend that went away in the middle of a sweep: asked now and then until it is back."""

import time
from collections.abc import Callable

from sdplay.backends import Backend, Capabilities
from sdplay.http.call import Call

PROBE_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
"""A restart takes about a minute; after so long somebody has to look."""
TRIES = 3
"""A cell that loses its backend so often is the reason, and fails."""


class Absence:
    """Begins when the first cell is lost."""

    def __init__(self, backend: Backend, now: Callable[[], float] = time.monotonic) -> None:
        self.backend, self._now, self._began = backend, now, now()
        self._asked = float("-inf")
        self._call: Call[Capabilities] | None = None

    @property
    def sentence(self) -> str:
        return (
            f"Paused: {self.backend.label} does not answer; it may be restarting. It is asked "
            "again and again, and the sweep goes on by itself when it is back. Nothing is lost."
        )

    @property
    def resigned(self) -> bool:
        """Whether it took too long."""
        return self._now() - self._began > PATIENCE_SECONDS

    @property
    def last_words(self) -> str:
        """For the person, when it took too long."""
        return (
            f"Paused: {self.backend.label} has not answered for {PATIENCE_SECONDS / 60:.0f} "
            "minutes. Start it, then resume. Nothing is lost."
        )

    def over(self) -> bool:
        """Whether it answered just now; never waits for it."""
        if self._call is None:
            if self._now() - self._asked >= PROBE_SECONDS:
                self._asked, self._call = self._now(), Call(self.backend.probe)
            return False
        if not self._call.wait(0):
            return False
        status = self._call.result().status
        self._call = None
        return status in ("ready", "busy")
