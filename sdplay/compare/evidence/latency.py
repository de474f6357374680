"""Latency: one cell made again and again, its first picture counted apart."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdplay.compare.plan import Plan
from sdplay.compare.results import Result
from sdplay.picture import Timing
from sdplay.wording import lasting, many

AXIS = "repeat"
TELLING = 10
"""With fewer repeats the slowest tenth is a single picture."""
SLOWER = 1.2
"""So many times the median is a cold start."""
At = tuple[int, ...]


@dataclass(frozen=True)
class Latency:
    """How long one cell takes, over its repeats."""

    label: str
    cold: float
    """Seconds of the first picture."""
    warm: tuple[float, ...]
    """Seconds of the others, in the order they were made."""
    pictures: int = 1
    """How many different pictures came out."""
    at: At = ()

    @property
    def median(self) -> float:
        return statistics.median(self.warm)

    @property
    def p90(self) -> float:
        return float(np.quantile(self.warm, 0.9))

    @property
    def sentence(self) -> str:
        times = (
            f"median {lasting(self.median)}, nine in ten within {lasting(self.p90)} over "
            f"{many(len(self.warm), 'repeat')}"
        )
        start = f"{self.label}: " if self.label else ""
        text = f"{times}; {self._first}."
        return f"{start}{text if start else text[0].upper() + text[1:]}"

    @property
    def _first(self) -> str:
        """The time of the first picture, for which the model may have had to be loaded."""
        ratio = self.cold / self.median if self.median else 1.0
        if ratio < SLOWER:
            return f"the first was no slower ({lasting(self.cold)})"
        if self.cold <= max(self.warm):
            return f"the first took {lasting(self.cold)}, no more than the slowest of them"
        return f"the first, cold, took {lasting(self.cold)}, {ratio:.1f} times the median"


@dataclass(frozen=True)
class Latencies:
    """Every cell that was repeated."""

    cells: tuple[Latency, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        return (*(cell.sentence for cell in self.cells), *self._cautions)

    @property
    def _cautions(self) -> list[str]:
        fewest = min(len(cell.warm) for cell in self.cells)
        sentences = []
        if fewest < TELLING:
            sentences.append(
                f"{many(fewest, 'repeat')} {'is' if fewest == 1 else 'are'} few to say what nine "
                f"in ten take: repeat {TELLING + 1} times or more to rely on it."
            )
        unsteady = [cell for cell in self.cells if cell.pictures > 1]
        if unsteady:
            most = max(cell.pictures for cell in unsteady)
            sentences.append(
                f"The same settings gave up to {many(most, 'different picture')}: this backend "
                "does not repeat a picture."
            )
        else:
            sentences.append("Every repeat gave the same picture, pixel for pixel.")
        return sentences


def latencies(plan: Plan, results: Mapping[At, Result]) -> Latencies | None:
    """What the repeats say; nothing where nothing was repeated."""
    names = [varied.axis.id for varied in plan.varied]
    if AXIS not in names:
        return None
    along = names.index(AXIS)
    groups: dict[At, list[Result]] = {}
    for at, result in sorted(results.items(), key=lambda item: item[0][along]):
        if result.done and result.timing:
            groups.setdefault((*at[:along], *at[along + 1 :]), []).append(result)
    cells = tuple(_latency(group, along) for group in groups.values() if len(group) > 1)
    return Latencies(cells) if cells else None


def _latency(group: Sequence[Result], along: int) -> Latency:
    cell = group[0].cell
    seconds = [_waited(result.timing) for result in group if result.timing]
    label = " · ".join(phrase for at, phrase in enumerate(cell.said) if at != along)
    pictures = len({result.pixels for result in group})
    return Latency(label, seconds[0], tuple(seconds[1:]), pictures, cell.at)


def _waited(timing: Timing) -> float:
    """The seconds from the request to the picture, without the wait for other people's."""
    return max(0.0, timing.total - (timing.queued or 0.0) - (timing.company or 0.0))
