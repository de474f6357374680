"""Parity: whether two backends give the same picture for the same settings."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sdplay.compare.evidence.measures import COLOUR, SHAPE, Difference
from sdplay.compare.plan import Plan
from sdplay.compare.results import Result
from sdplay.params import KNOBS
from sdplay.wording import listed, many

AXIS = "backend"
At = tuple[int, ...]


@dataclass(frozen=True)
class SameCell:
    """The same cell on two backends."""

    left: Result
    right: Result
    difference: Difference

    @property
    def applied(self) -> dict[str, tuple[str, str]]:
        """The settings that the two backends say they applied differently, by name."""
        left, right = self.left.applied, self.right.applied
        return {
            name: (str(left[name]), str(right[name]))
            for name in KNOBS
            if name in left and name in right and left[name] != right[name]
        }


@dataclass(frozen=True)
class Parity:
    """Two backends against each other, over every cell that both have."""

    left: str
    right: str
    pairs: tuple[SameCell, ...]
    missing: int = 0
    """Cells that one of them has not made."""

    @property
    def level(self) -> Literal["same", "alike", "shapes", "differs"]:
        """How alike: the same pixels, no visible difference, the same shapes in other colours, or
        other pictures."""
        differences = [pair.difference for pair in self.pairs]
        if all(difference.same for difference in differences):
            return "same"
        if max(difference.colour for difference in differences) <= COLOUR.unseen:
            return "alike"
        alike = max(1 - difference.ssim for difference in differences) <= SHAPE.unseen
        return "shapes" if alike else "differs"

    @property
    def sentence(self) -> str:
        """The verdict."""
        names = f"{self.left} and {self.right}"
        where = "" if len(self.pairs) == 1 else f" on all {len(self.pairs)} cells"
        distances = [pair.difference.colour for pair in self.pairs]
        far = f"colour distance {_span(distances)}"
        verdicts = {
            "same": f"{names} give the same picture, pixel for pixel{where}.",
            "alike": f"{names} agree{where}: they differ less than the eye sees ({far}).",
            "shapes": f"{names} draw the same shapes in other colours ({far}).",
            "differs": f"{names} do not agree: {self._unlike} ({far}).",
        }
        return " ".join(filter(None, (verdicts[self.level], self._reason, self._gap)))

    @property
    def _gap(self) -> str:
        cells = many(self.missing, "more cell")
        return f"{cells} could not be compared: a picture is missing." if self.missing else ""

    @property
    def _unlike(self) -> str:
        unlike = sum(pair.difference.colour > COLOUR.unseen for pair in self.pairs)
        if len(self.pairs) == 1:
            return "the pictures differ"
        return f"{unlike} of {many(len(self.pairs), 'cell')} differ visibly"

    @property
    def _reason(self) -> str:
        """What their receipts name as a cause."""
        differing: dict[str, tuple[str, str]] = {}
        for pair in self.pairs:
            differing = pair.applied | differing
        if self.level == "same":
            return ""
        if not differing:
            models = {result.model for pair in self.pairs for result in (pair.left, pair.right)}
            return "They used different models." if len(models - {""}) > 1 else ""
        causes = [
            f"{KNOBS[name].name_inside} {left} on {self.left}, {right} on {self.right}"
            for name, (left, right) in differing.items()
        ]
        return f"Their receipts name a reason: {listed(causes)}."


def parities(
    plan: Plan,
    results: Mapping[At, Result],
    measured: Callable[[Result, Result], Difference | None],
) -> tuple[Parity, ...]:
    """The plan's first backend against each of its others; empty when it has only one."""
    names = [varied.axis.id for varied in plan.varied]
    if AXIS not in names:
        return ()
    along = names.index(AXIS)
    labels = [mark.label for mark in plan.varied[along].marks]
    judged = []
    for number, label in enumerate(labels[1:], 1):
        both = [
            (results.get((*at[:along], 0, *at[along + 1 :])), result)
            for at, result in sorted(results.items())
            if at[along] == number and result.state != "skipped"
        ]
        if pairs := _pairs(both, measured):
            judged.append(Parity(labels[0], label, pairs, len(both) - len(pairs)))
    return tuple(judged)


def _pairs(
    both: Sequence[tuple[Result | None, Result]],
    measured: Callable[[Result, Result], Difference | None],
) -> tuple[SameCell, ...]:
    return tuple(
        SameCell(left, right, difference)
        for left, right in both
        if left and left.done and right.done and (difference := measured(left, right))
    )


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    if f"{low:.2f}" == f"{high:.2f}":
        return f"{high:.2f}"
    return f"{low:.2f} to {high:.2f}, {statistics.median(values):.2f} in the middle"
