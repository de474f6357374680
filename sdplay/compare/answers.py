"""What the numbers say: where a curve settles, which settings are worth their time, and whether it
was the seed."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from sdplay.compare.measures import SHAPE, difference
from sdplay.params import Params
from sdplay.schedulers import find
from sdplay.work import evaluations

Scale = Literal["steps", "evaluations", "seconds"]
ENOUGH = 0.1
"""A curve has settled when it stays below this share of its largest distance."""
UNSEEN = 0.02
"""Distances below this are hard to see whatever the rest of the curve does."""


@dataclass(frozen=True)
class Sample:
    """One picture as the charts need it."""

    params: Params
    image: Image.Image
    seconds: float | None = None
    label: str = ""
    at: tuple[int, ...] = ()
    """Its place in the plan."""


@dataclass(frozen=True)
class Point:
    """One picture's place on the charts."""

    label: str
    steps: int
    evaluations: int
    seconds: float | None
    distance: float
    """To the reference; 0 is the same."""
    at: tuple[int, ...] = ()
    """Whose picture it is: its place in the plan."""

    def along(self, scale: Scale) -> float:
        return math.nan if getattr(self, scale) is None else float(getattr(self, scale))


@dataclass(frozen=True)
class Convergence:
    """How one scheduler comes closer to its reference."""

    label: str
    points: tuple[Point, ...]
    """By steps; the reference is the last one, unless it lies on another curve."""
    settles: Literal["yes", "not yet", "never", "unknown"]
    knee: Point | None
    """From here on more steps change little."""

    @property
    def sentence(self) -> str:
        if self.settles == "never":
            return (
                f"{self.label} never settles: it adds fresh noise at every step, so more steps "
                "give another "
                "picture, not a more finished one."
            )
        if self.settles == "unknown":
            return (
                f"{self.label}: {len(self.points)} step counts are too few to say where "
                "it settles; sweep at least 4."
            )
        most = self.points[-1].steps
        if self.knee is None:
            return f"{self.label} has not settled by {most} steps in this sweep; try more steps."
        hedge = (
            "on this prompt and seed"
            if len(self.points) >= 6
            else "as far as these few points tell"
        )
        return (
            f"{self.label}: {self.knee.steps} steps are enough here; up to {most} little "
            f"changes, {hedge}."
        )


def converge(samples: Sequence[Sample], reference: Image.Image | None = None) -> Convergence:
    """The curve of one scheduler: distance to its own picture at the most steps, or to a chosen
    one."""
    ordered = sorted(samples, key=lambda sample: sample.params.steps)
    own = reference is None
    goal = ordered[-1].image if reference is None else reference
    points = [point_of(sample, difference(sample.image, goal).by(SHAPE)) for sample in ordered]
    entry = find(ordered[0].params.scheduler)
    label = entry.label if entry else ordered[0].params.scheduler
    return curve(points, label, stochastic=adds_noise(ordered[0].params), own=own)


def curve(
    points: Sequence[Point], label: str, *, stochastic: bool = False, own: bool = True
) -> Convergence:
    """Where measured distances settle.  `own`: the last point is the reference itself, so its 0
    proves nothing."""
    points = tuple(sorted(points, key=lambda point: point.steps))
    if stochastic:
        return Convergence(label, points, "never", None)
    if len(points) < 3 + own:
        return Convergence(label, points, "unknown", None)
    knee = _knee(points[:-1] if own else points, own)
    return Convergence(label, points, "yes" if knee else "not yet", knee)


def _knee(points: Sequence[Point], own: bool) -> Point | None:
    """The first point from which every later one stays close, and not the last, which has nothing
    after it."""
    floor = 0.0 if own else min(point.distance for point in points)
    most = max(point.distance for point in points) - floor
    close = max(UNSEEN, ENOUGH * most)
    found = None
    for point in reversed(points):
        if point.distance - floor > close:
            break
        found = point
    return found if own or found is not points[-1] else None


def point_of(sample: Sample, distance: float) -> Point:
    """Where a picture stands on the charts."""
    params = sample.params
    label = sample.label or f"{params.steps} steps"
    return Point(label, params.steps, evaluations(params), sample.seconds, distance, sample.at)


def adds_noise(params: Params) -> bool:
    """Whether more steps lead to another picture instead of closer to one."""
    entry = find(params.scheduler)
    if entry is None or not entry.takes_eta:
        return False
    return (entry.own_eta if params.eta is None else params.eta) > 0


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of those (cost, distance) that no other beats in both, cheapest first; equals
    stand together."""
    order = sorted(range(len(points)), key=lambda at: points[at])
    best: list[int] = []
    for at in order:
        cost, distance = points[at]
        if not best or distance < points[best[-1]][1] or (cost, distance) == points[best[-1]]:
            best.append(at)
    return best


def fastest_within(
    points: Sequence[Point], distance: float, scale: Scale = "seconds"
) -> Point | None:
    """The cheapest setting that comes this close to the reference."""
    close = [
        point
        for point in points
        if point.distance <= distance and not math.isnan(point.along(scale))
    ]
    return min(close, key=lambda point: point.along(scale), default=None)


def bargain(points: Sequence[Point], scale: Scale = "seconds") -> Point | None:
    """The cheapest setting that looks like the reference, or nearly so."""
    known = [point for point in points if not math.isnan(point.along(scale))]
    return fastest_within(
        known, max(UNSEEN, ENOUGH * max((point.distance for point in known), default=0.0)), scale
    )


def trade_sentence(points: Sequence[Point], scale: Scale = "seconds") -> str:
    """One sentence for the chart of cost against distance."""
    known = [point for point in points if not math.isnan(point.along(scale))]
    if len(known) < 3:
        return "Fewer than 3 measured settings: too few for a recommendation."
    best = [known[at] for at in frontier([(point.along(scale), point.distance) for point in known])]
    pick = bargain(known, scale)
    lost = len(known) - len(best)
    told = (
        f"{lost} of {len(known)} settings {'is' if lost == 1 else 'are'} beaten in both "
        f"{scale} and distance by another"
    )
    if pick is None:
        return f"{told}; none comes close to the reference."
    return (
        f"{told}; {pick.label} is the cheapest that comes close to the reference, on "
        "this prompt and machine."
    )


@dataclass(frozen=True)
class Band:
    """One setting over several seeds."""

    label: str
    middle: float
    low: float
    high: float
    count: int


def bands(measured: Mapping[str, Sequence[float]]) -> list[Band]:
    """Median and the span of the middle four fifths, by setting."""
    return [
        Band(
            label,
            statistics.median(values),
            float(np.quantile(values, 0.1)),
            float(np.quantile(values, 0.9)),
            len(values),
        )
        for label, values in measured.items()
        if values
    ]


@dataclass(frozen=True)
class SignTest:
    """Whether one setting is really closer than another, or it was the seed."""

    one: str
    other: str
    wins: int
    losses: int
    ties: int

    @property
    def chance(self) -> float:
        """How often equal settings would look at least this unequal: the exact two-sided sign
        test."""
        count = self.wins + self.losses
        tail = sum(math.comb(count, at) for at in range(min(self.wins, self.losses) + 1))
        return min(1.0, 2.0 * tail / (1 << count))

    @property
    def sentence(self) -> str:
        count = self.wins + self.losses
        if count == 0:
            return f"No difference: {self.one} and {self.other} are the same on every seed."
        ahead, behind = (
            (self.one, self.other) if self.wins >= self.losses else (self.other, self.one)
        )
        score = f"{ahead} is closer than {behind} on {max(self.wins, self.losses)} of {count} seeds"
        if self.chance < 0.05:
            return f"{score}: unlikely to be the seed (chance {self.chance:.1%})."
        few = " 6 seeds are the least that can tell." if count < 6 else ""
        return f"{score}: no difference that chance could not make (chance {self.chance:.0%}).{few}"


def sign_test(one: tuple[str, Sequence[float]], other: tuple[str, Sequence[float]]) -> SignTest:
    """Compare two settings seed by seed; smaller is closer."""
    pairs = list(zip(one[1], other[1], strict=True))
    wins, losses = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    return SignTest(one[0], other[0], wins, losses, len(pairs) - wins - losses)
