"""Shares out the time of pictures that are made at the same moment, so that no second counts
twice."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from sdplay.picture import Timing


class Clock:
    """The time that one backend is at work, shared by the pictures that it is making."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._count, self._looked, self._divided = 0, now(), 0.0

    def begin(self) -> "TimeShare":
        """Count a picture in; it shares the clock until its share ends."""
        with self._lock:
            self._count += 1
            return TimeShare(self, self._now(), self._advanced(self._count - 1))

    def end(self, share: "TimeShare") -> None:
        """Count a picture out."""
        with self._lock:
            self._advanced(self._count)
            self._count -= 1

    def since(self, share: "TimeShare") -> tuple[float, float]:
        """The seconds since it began, and the part of them that counts as its own."""
        with self._lock:
            return self._now() - share.began, self._advanced(self._count) - share.mark

    def _advanced(self, count: int) -> float:
        """The seconds that fall to a picture which was there all the time; since the last look
        `count` pictures shared them."""
        now = self._now()
        if count:
            self._divided += (now - self._looked) / count
        self._looked = now
        return self._divided


class TimeShare:
    """The part of the clock that belongs to one picture."""

    def __init__(self, clock: Clock, started: float, mark: float) -> None:
        self._clock, self.began, self.mark = clock, started, mark

    def noted(self, timing: Timing) -> Timing:
        """The picture's times, with its part of the clock and how many pictures shared it."""
        seconds, share = self._clock.since(self)
        company = seconds / share if share else 1.0
        return replace(timing, at_once=round(company, 2), share=share)

    def end(self) -> None:
        self._clock.end(self)
