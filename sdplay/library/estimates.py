"""Estimates how long pictures will take, from the times of earlier pictures in the library."""

import statistics
import time
from collections.abc import Sequence

from sdplay import work
from sdplay.library import Library, Timed
from sdplay.params import Params

Range = tuple[float, float]
"""The shortest and the longest time that is likely."""
ROWS = 200
REREAD_SECONDS = 5.0
MOST_BACKENDS = 64
"""The most backends whose times are held in memory, because visitors may name any number of
servers."""
MOST_GAIN = 4
"""Pictures made together take at least this part of the time that they take one by one: a quarter.
"""
MOST_LOSS = 2
"""Pictures made together take at most this many times as long as one by one, since they slow each
other down."""


def likely(rates: Sequence[float]) -> Range:
    """The range in which the next measurement will probably lie. It is wide where there are few
    measurements."""
    middle = statistics.median(rates)
    scatter = 2 * statistics.median(abs(rate - middle) for rate in rates)
    spread = min(0.9 * middle, max(scatter, (0.1 + 0.3 / len(rates)) * middle))
    return middle - spread, middle + spread


class Estimates:
    """The measured seconds for a unit of work, by backend, scheduler and number of pictures made at
    once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._read: dict[str, tuple[float, list[Timed]]] = {}

    def seconds(self, backend: str, planned: Sequence[Params], at_once: int = 1) -> Range | None:
        """Seconds for all these pictures, so many at a time. None if there was no such picture
        before, or if a server's script may change the time."""
        past = self._past(backend)
        if not past or not all(map(work.is_counted, planned)):
            return None
        company = max(1, min(at_once, len(planned)))
        todo: dict[str, float] = {}
        for params in planned:
            todo[params.scheduler] = todo.get(params.scheduler, 0.0) + work.total([params])
        ranges = [
            (amount * low, amount * high)
            for scheduler, amount in todo.items()
            for low, high in [_rates(past, scheduler, company)]
        ]
        return sum(low for low, _ in ranges), sum(high for _, high in ranges)

    def _past(self, backend: str) -> list[Timed]:
        """The earlier pictures of a backend, read from the library again every few seconds."""
        at, rows = self._read.get(backend, (0.0, []))
        if not rows or time.monotonic() - at > REREAD_SECONDS:
            rows = self.library.timings(backend, ROWS)
            if len(self._read) >= MOST_BACKENDS:
                self._read.clear()
            self._read[backend] = (time.monotonic(), rows)
        return rows


def _rates(past: Sequence[Timed], scheduler: str, company: int) -> Range:
    """Seconds for a unit of work, if possible from pictures of the same scheduler that were made as
    many at once."""
    same = [timed for timed in past if timed.scheduler == scheduler] or past
    like = [
        timed for timed in same if timed.at_once and company / 2 <= timed.at_once <= company * 2
    ]
    low, high = likely([timed.rate for timed in like or same])
    if like or company == 1:
        return low, high
    # Measured alone, they will share batches or run side by side.
    return low / min(company, MOST_GAIN), high * MOST_LOSS
