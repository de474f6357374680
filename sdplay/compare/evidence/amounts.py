"""What changes as one setting grows: how far each value is from the one before, where the picture
stops changing, and where its colours clip."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from sdplay.compare.evidence.answers import span
from sdplay.compare.evidence.measures import COLOUR, Measure
from sdplay.wording import listed, many

FEWEST = 4
"""With fewer values nobody can say where something stops."""
BURNT = 0.1
"""So much larger a share of clipped pixels is seen as burnt colours."""


@dataclass(frozen=True)
class Level:
    """The picture at one value of the setting."""

    value: float
    words: str
    """The value with its setting: `CFG 7`."""
    at: tuple[int, ...] = ()
    clipped: float = 0.0
    """The share of pixels with a colour at its limit."""
    moved: float = math.nan
    """Its distance to the picture at the value before; the first has none."""
    beside: float = math.nan
    """The same by the other measure."""
    left: float = 0.0
    """Its distance to the picture at the largest value."""


@dataclass(frozen=True)
class Course:
    """All values of the setting, at one place on the other axes."""

    label: str
    levels: tuple[Level, ...]
    """By value."""

    def settles(self, unseen: float) -> Level | None:
        """The first value after which the eye sees no more change, shown by two further values."""
        return _lasting([level.left <= unseen for level in self.levels], self.levels, after=2)

    def burns(self) -> Level | None:
        """The first value from which far more colours are clipped than where the fewest are."""
        lowest = min(level.clipped for level in self.levels)
        burnt = [level.clipped - lowest >= BURNT for level in self.levels]
        return _lasting(burnt, self.levels, after=0)


def _lasting(holds: Sequence[bool], levels: Sequence[Level], after: int) -> Level | None:
    """The first level from which the condition holds to the end, with at least so many levels after
    it."""
    start = len(holds)
    while start and holds[start - 1]:
        start -= 1
    return levels[start] if start < len(levels) - after else None


@dataclass(frozen=True)
class Gap:
    """The step from one value to the next, measured on all courses."""

    words: str
    width: float
    distance: float
    """The median."""
    spread: float
    count: int


@dataclass(frozen=True)
class Amounts:
    """A setting whose values are amounts, and what its pictures say about it."""

    setting: str
    courses: tuple[Course, ...]
    over: str = "seed"
    """What the courses are counted in."""
    measure: Measure = field(default=COLOUR)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All sentences that seeds and the eye support."""
        gaps = self.gaps
        if all(gap.distance == gap.spread == 0 for gap in gaps):
            return (
                f"Every value gives the same picture, pixel for pixel: {self.setting} changes "
                "nothing here.",
            )
        if self._values < FEWEST:
            return (
                self._most(gaps),
                f"{many(self._values, 'value')} are too few to say where it stops changing; sweep "
                f"at least {FEWEST}.",
            )
        return self._most(gaps), self._end(gaps[-1]), self._clipping()

    @property
    def headline(self) -> str:
        """The most telling sentence: where the picture stops changing, or else where it changes
        most."""
        gaps = self.gaps
        if all(gap.distance == gap.spread == 0 for gap in gaps):
            return self.sentences[0]
        if self._values >= FEWEST and self._knees:
            return self._end(gaps[-1])
        return self._most(gaps, f"More {self.setting} changes the picture")

    @property
    def _values(self) -> int:
        return max(len(course.levels) for course in self.courses)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Every gap between neighbouring values that was measured on most courses."""
        measured: dict[tuple[float, float], list[tuple[str, float]]] = {}
        for course in self.courses:
            for before, level in zip(course.levels, course.levels[1:], strict=False):
                words = f"from {before.words} to {level.words}"
                measured.setdefault((before.value, level.value), []).append((words, level.moved))
        most = max(map(len, measured.values()))
        return tuple(
            _gap(values, pairs) for values, pairs in sorted(measured.items()) if len(pairs) == most
        )

    def _most(self, gaps: Sequence[Gap], subject: str = "It changes") -> str:
        """The sentence about where the picture changes most; none when several gaps are too
        alike."""
        best = max(gaps, key=lambda gap: gap.distance)
        low = min(gap.distance for gap in gaps)
        name = self.measure.label
        if best.distance <= self.measure.unseen:
            return (
                f"From each value to the next {_inside(subject)} less than the eye sees ({name} at "
                f"most {best.distance:.3f})."
            )
        if len(gaps) == 1:
            return f"{subject} {best.words} by {best.distance:.2f} ({name}){self._hedge}."
        alike = [gap for gap in gaps if self._tie(gap, best)]
        if len(alike) == len(gaps):
            return (
                f"{subject} about evenly, by {low:.2f} to {best.distance:.2f} ({name}) from each "
                f"value to the next{self._hedge}."
            )
        least = min(gap.distance for gap in alike)
        far = f"{best.distance:.2f}" if len(alike) == 1 else f"{least:.2f} to {best.distance:.2f}"
        tie = "" if len(alike) == 1 else ", too close to tell apart"
        return (
            f"{subject} most {listed([gap.words for gap in alike])} ({name} {far}{tie})"
            f"{self._hedge}.{_unequal(gaps)}"
        )

    def _tie(self, gap: Gap, best: Gap) -> bool:
        return best.distance - gap.distance <= max(self.measure.unseen, gap.spread, best.spread)

    def _end(self, last: Gap) -> str:
        """The sentence about whether and where the picture stops changing."""
        knees = self._knees
        largest = max((course.levels[-1] for course in self.courses), key=lambda at: at.value)
        if knees:
            knee = max(knees, key=lambda level: level.value)
            return (
                f"From {knee.words} on nothing changes that the eye sees, up to {largest.words}"
                f"{self._counted(len(knees))}."
            )
        if last.distance > self.measure.unseen:
            return f"It still changes at the end: {last.words} by {last.distance:.2f}."
        return (
            f"The last change, {last.words}, is less than the eye sees; larger values would say "
            "whether it has stopped."
        )

    @property
    def _knees(self) -> list[Level]:
        """The value at which each course stops changing, for those that do."""
        return [knee for course in self.courses if (knee := course.settles(self.measure.unseen))]

    def _clipping(self) -> str:
        """The sentence about clipped colours, counted in pixels that have a colour at its limit."""
        burnt = [(level, course) for course in self.courses if (level := course.burns())]
        if not burnt:
            return "Clipped colours do not become many more over these values."
        level, course = max(burnt, key=lambda pair: pair[0].value)
        lowest = min(course.levels, key=lambda level: level.clipped)
        shares = [f"{end.clipped:.0%}".replace("%", " %") for end in (level, lowest)]
        return (
            f"Colours clip from {level.words} on{self._counted(len(burnt))}: {shares[0]} of the "
            f"pixels have one at its limit there, {shares[1]} at {lowest.words}."
        )

    @property
    def _hedge(self) -> str:
        return "" if len(self.courses) > 1 else ", on this prompt and seed"

    def _counted(self, count: int) -> str:
        """On how many of the courses it is so."""
        total = len(self.courses)
        if total == 1:
            return self._hedge
        if count == total:
            return f", on both {self.over}s" if total == 2 else f", on all {total} {self.over}s"
        return f", on {count} of {many(total, self.over)}"


def _gap(values: tuple[float, float], pairs: Sequence[tuple[str, float]]) -> Gap:
    distances = [distance for _, distance in pairs]
    low, high = span(distances)
    return Gap(
        pairs[0][0], values[1] - values[0], statistics.median(distances), high - low, len(pairs)
    )


def _inside(subject: str) -> str:
    """A name as it stands inside a sentence, not at its beginning."""
    return f"{subject[0].lower()}{subject[1:]}"


def _unequal(gaps: Sequence[Gap]) -> str:
    """A warning when the values lie unevenly, wide gaps beside narrow ones."""
    widths = [gap.width for gap in gaps]
    if max(widths) <= 1.01 * min(widths):
        return ""
    return " The gaps between the values are not equal: a wider one has more room to change."
