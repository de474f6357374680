"""A backend, or the library, that went away in the middle of a sweep: asked now and then until it
is back."""

import time
from collections.abc import Callable
from typing import Self

from sdplay.backends import Backend
from sdplay.http.call import Call
from sdplay.library import Library

PROBE_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
"""A restart takes about a minute; after so long somebody has to look."""
TRIES = 3
"""A cell that loses its backend so often is the reason, and fails."""


class Absence:
    """Begins when the first cell is lost."""

    def __init__(
        self, name: str, answers: Callable[[], bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self._answers = name, answers
        self._now, self._started = now, now()
        self._asked_at = float("-inf")
        self._call: Call[bool] | None = None

    @classmethod
    def of(cls, backend: Backend, now: Callable[[], float] = time.monotonic) -> Self:
        """Of the backend that the cell was lost with."""
        return cls(backend.label, lambda: backend.probe().status in ("ready", "busy"), now)

    @classmethod
    def of_library(cls, library: Library) -> Self:
        """Of the database or the store in which the cell's picture was to be kept."""
        return cls("The library's database or picture store", library.answers)

    @property
    def sentence(self) -> str:
        return (
            f"Paused: {self.name} does not answer; it may be restarting. It is asked "
            "again and again, and the sweep goes on by itself when it is back. Nothing is lost."
        )

    @property
    def resigned(self) -> bool:
        """Whether it took too long."""
        return self._now() - self._started > PATIENCE_SECONDS

    @property
    def last_words(self) -> str:
        """For the person, when it took too long."""
        return (
            f"Paused: {self.name} has not answered for {PATIENCE_SECONDS / 60:.0f} "
            "minutes. Start it, then resume. Nothing is lost."
        )

    def over(self) -> bool:
        """Whether it answered just now; never waits for it."""
        if self._call is None:
            if self._now() - self._asked_at >= PROBE_SECONDS:
                self._asked_at, self._call = self._now(), Call(self._answers)
            return False
        if not self._call.wait(0):
            return False
        call, self._call = self._call, None
        return call.result()
