"""How the clock is divided among pictures that are made at the same time, so that no second is
counted twice."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from sdplay.picture import Timing


class Clock:
    """The time that one backend is at work, and who shares it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._count, self._looked, self._divided = 0, now(), 0.0

    def begin(self) -> "TimeShare":
        """A picture begins; it shares the clock until its share ends."""
        with self._lock:
            self._count += 1
            return TimeShare(self, self._now(), self._advanced(self._count - 1))

    def end(self, share: "TimeShare") -> None:
        """A picture is over."""
        with self._lock:
            self._advanced(self._count)
            self._count -= 1

    def since(self, share: "TimeShare") -> tuple[float, float]:
        """The seconds since it began, and its part of them."""
        with self._lock:
            return self._now() - share.began, self._advanced(self._count) - share.mark

    def _advanced(self, count: int) -> float:
        """The seconds that each picture got that was there all the time, `count` of them since the
        last look."""
        now = self._now()
        if count:
            self._divided += (now - self._looked) / count
        self._looked = now
        return self._divided


class TimeShare:
    """One picture's part of the clock."""

    def __init__(self, clock: Clock, started: float, mark: float) -> None:
        self._clock, self.began, self.mark = clock, started, mark

    def noted(self, timing: Timing) -> Timing:
        """The picture's times with the conditions under which they were measured."""
        seconds, share = self._clock.since(self)
        company = seconds / share if share else 1.0
        return replace(timing, at_once=round(company, 2), share=share)

    def end(self) -> None:
        self._clock.end(self)
