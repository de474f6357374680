"""How far a sweep is and how long the rest will take: by the work that is done, and the seconds in
which anything was at work."""

import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sdplay import work
from sdplay.compare.plan import Cell
from sdplay.library.estimates import Range

At = tuple[int, ...]
Expected = Callable[[str, list[Cell]], Range | None]
LEAST_SPREAD = 0.05
FEW = 4
"""So many cells must have ended until they outweigh what was expected of one."""
CLEAR = 0.2
"""What was expected is no vaguer than this, as a share either way."""
NEARLY = 0.9
"""A cell whose backend tells no progress is never taken to be further than this."""


@dataclass
class Lane:
    """One backend's part of a sweep: what was expected, and what is seen since."""

    planned: float
    """Work of the cells that are to be made."""
    cell: float
    """Work of a typical one."""
    at_once: int
    expected: Range | None
    """Seconds that the plan says for them."""
    seconds: float = 0.0
    """In which any cell was at work."""
    divided: float = 0.0
    """The same, each second divided by how many cells were at work: what one of them got."""
    made: float = 0.0
    """Work of the cells that were made."""
    tells: bool = False
    """Its backend says how far single pictures are."""
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    """Divided seconds per work of the last cells."""

    def left(self, rest: float, begun: float) -> Range | None:
        """The likely least and most for this much work; `begun` is what cells at work have done."""
        done = self.made + begun
        if self.expected is None and (done < self.cell or not self.seconds):
            return None
        middle, spread = self._rate(done, rest)
        return rest * middle * (1 - spread), rest * middle * (1 + spread)

    def typical(self) -> float | None:
        """Divided seconds per work of a cell."""
        planned_rate = [sum(self.expected) / 2 / self.planned] if self.expected else []
        rates = [*self.lately, *planned_rate * max(0, FEW - len(self.lately))]
        return statistics.median(rates) if rates else None

    def _rate(self, done: float, rest: float) -> tuple[float, float]:
        """Seconds per work, and how far they may be off either way, as a share.

        What was expected weighs as much as two rounds of as many cells as are made at once, and
        less if it was vague.
        """
        few = max(1.0, min(done, rest) / self.cell)
        measured = min(0.6, max(LEAST_SPREAD, 0.6 / few**0.5))
        if self.expected is None:
            return self.seconds / done, measured
        low, high = self.expected
        spread = (high - low) / (high + low) if high else 0.0
        weight = 2 * self.at_once * self.cell * min(1.0, CLEAR / max(spread, 0.01)) ** 2
        rate = ((low + high) / 2 / self.planned * weight + self.seconds) / (weight + done)
        unseen = weight / (weight + done)
        return rate, max(LEAST_SPREAD, unseen * spread + (1 - unseen) * min(spread, measured))


class Track:
    """Follows a sweep's cells.  Told by the sweep's thread, which holds the sweep's lock."""

    def __init__(self, cells: Iterable[Cell], now: Callable[[], float] = time.monotonic) -> None:
        self._cells = {cell.at: cell for cell in cells if not cell.skip and cell.twin is None}
        self._work = {at: work.total([cell.params]) for at, cell in self._cells.items()}
        self._now, self._looked = now, now()
        self._lanes: dict[str, Lane] = {}
        self._ended: set[At] = set()
        self._begun: dict[At, tuple[float, float | None]] = {}
        """When it began, in its lane's divided seconds; the fraction that its backend tells."""
        self._furthest = 0.0
        self.seconds = 0.0
        """In which any cell was at work: no queue, no pause, and what is shared once."""

    def expect(self, expected: Expected, at_once: Mapping[str, int]) -> None:
        """What the plan says beforehand for each backend's cells."""
        for backend, count in at_once.items():
            mine = [cell for cell in self._cells.values() if cell.setup.backend == backend]
            todo = [cell for cell in mine if cell.to_make] or mine
            if todo:
                amounts = [self._work[cell.at] for cell in todo]
                typical = statistics.mean(amounts)
                span = expected(backend, todo)
                self._lanes[backend] = Lane(sum(amounts), typical, min(count, len(todo)), span)

    def tick(self, worked: Collection[str]) -> None:
        """Time has gone by, and these backends had cells of this sweep at work."""
        now = self._now()
        passed, self._looked = now - self._looked, now
        self.seconds += passed if worked else 0.0
        company = Counter(self._cells[at].setup.backend for at in self._begun)
        for backend in worked:
            self._lanes[backend].seconds += passed
            self._lanes[backend].divided += passed / max(1, company[backend])

    def rest(self) -> None:
        """Leave the time since the last look out of the count: nothing was at work."""
        self._looked = self._now()

    def at_work(self, at: At, fraction: float | None) -> None:
        """This cell is being made."""
        start = self._begun[at][0] if at in self._begun else self._lane(at).divided
        self._begun[at] = start, fraction
        lane = self._lane(at)
        lane.tells = lane.tells or fraction is not None

    def end(self, at: At, *, made: bool) -> None:
        """This cell has ended; `made` says that it cost its work and has its picture."""
        if at not in self._cells:
            return
        self._ended.add(at)
        start, _ = self._begun.pop(at, (None, None))
        if made:
            lane, amount = self._lane(at), self._work[at]
            lane.made += amount
            if start is not None:
                lane.lately.append((lane.divided - start) / amount)

    def again(self, at: At) -> None:
        """This cell is to be made once more, or was cancelled."""
        self._ended.discard(at)
        self._begun.pop(at, None)
        self._furthest = 0.0

    @property
    def fraction(self) -> float:
        """The share of the work that is done, 0 to 1: cells that ended, and of those at work what
        they have behind them."""
        whole = sum(self._work.values())
        done = sum(self._work[at] for at in self._ended) + sum(self._behind().values())
        # A backend may begin to tell only later, and less than was guessed: never let the bar go
        # back.
        self._furthest = max(self._furthest, min(1.0, done / whole if whole else 1.0))
        return self._furthest

    def left(self) -> Range | None:
        """The likely least and most until the end, at work and without pauses.

        Backends work side by side: at best the slowest one decides, at worst they hinder each
        other.
        """
        rest = dict.fromkeys(self._lanes, 0.0)
        for at, cell in self._cells.items():
            if at not in self._ended and not cell.in_library:
                rest[cell.setup.backend] += self._work[at]
        begun = self._behind()
        ranges = [
            lane.left(max(0.0, rest[name] - begun[name]), begun[name])
            for name, lane in self._lanes.items()
            if rest[name]
        ]
        complete = [each for each in ranges if each]
        if len(complete) < len(ranges) or not ranges:
            return None
        return max(low for low, _ in complete), sum(high for _, high in complete)

    def _lane(self, at: At) -> Lane:
        return self._lanes[self._cells[at].setup.backend]

    def _behind(self) -> dict[str, float]:
        """By backend the work that cells have done that are not at their end."""
        behind = dict.fromkeys(self._lanes, 0.0)
        for at, (start, fraction) in self._begun.items():
            lane, amount = self._lane(at), self._work[at]
            if fraction is not None:
                done = fraction * work.sampled(self._cells[at].params)
            elif (typical := lane.typical()) and not lane.tells:
                done = min(NEARLY, (lane.divided - start) / (typical * amount))
            else:
                done = 0.0
            behind[self._cells[at].setup.backend] += done * amount
        return behind
