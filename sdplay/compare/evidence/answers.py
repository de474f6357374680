"""Turns distances into answers: where a curve settles, which settings are worth their cost, and
whether the seed decided."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdplay import schedulers
from sdplay.compare.evidence.measures import COLOUR, Measure
from sdplay.params import Params
from sdplay.wording import listed, many

Scale = Literal["steps", "evaluations", "seconds"]
Settles = Literal["yes", "not yet", "never", "unknown"]


@dataclass(frozen=True)
class Point:
    """One point of a chart: a picture, or one setting over all its seeds."""

    label: str
    steps: int
    evaluations: int
    distance: float
    """To the reference; 0 is the same."""
    seconds: float | None = None
    at: tuple[int, ...] = ()
    """Whose picture it is: its place in the plan."""
    spread: float = 0.0
    """How far the distance reaches over the seeds."""
    beside: float = math.nan
    """The distance by the other measure."""
    weighed: float | None = None
    """Its evaluations weighed by their pixels, in a sweep where these differ."""

    @property
    def cost(self) -> float:
        """What it costs, in evaluations."""
        return self.evaluations if self.weighed is None else self.weighed

    def along(self, scale: Scale) -> float:
        if scale == "evaluations":
            return float(self.cost)
        return math.nan if getattr(self, scale) is None else float(getattr(self, scale))


@dataclass(frozen=True)
class Convergence:
    """How one scheduler comes closer to its reference while the other settings stay the same."""

    label: str
    scheduler: str
    points: tuple[Point, ...]
    """By steps; the reference is the last one, unless it lies on another curve."""
    settles: Settles
    knee: Point | None
    """From here on more steps change little."""

    @property
    def most(self) -> int:
        """The largest number of steps that was tried."""
        return self.points[-1].steps


def curve(
    points: Sequence[Point],
    label: str,
    *,
    close: float,
    stochastic: bool = False,
    own: bool = True,
) -> Convergence:
    """The curve of measured distances, and where it settles: where it stays within `close`.  With
    `own` the last point is the reference itself, so its distance of 0 proves nothing."""
    points = tuple(sorted(points, key=lambda point: point.steps))
    settles: Settles = "never" if stochastic else "unknown"
    knee = None
    if not stochastic and len(points) >= 3 + own:
        knee = _knee(points[:-1] if own else points, close, own)
        settles = "yes" if knee else "not yet"
    return Convergence(label, label, points, settles, knee)


def closeness(distances: Iterable[float], measure: Measure = COLOUR) -> float:
    """The distance up to which pictures count as close, the same for a whole sweep."""
    return max(measure.unseen, measure.enough * max(distances, default=0.0))


def _knee(points: Sequence[Point], close: float, own: bool) -> Point | None:
    """The first point after which all stay close.  The last point cannot be it, because nothing
    after it shows that."""
    floor = 0.0 if own else min(point.distance for point in points)
    knee = None
    for point in reversed(points):
        if point.distance - floor > close:
            break
        knee = point
    return knee if own or knee is not points[-1] else None


def settling_sentences(curves: Sequence[Convergence], over: str = "seed") -> list[str]:
    """One sentence for each scheduler, counted over its curves; schedulers with the same answer
    share one."""
    by_scheduler: dict[str, list[Convergence]] = {}
    for curve in curves:
        by_scheduler.setdefault(curve.scheduler, []).append(curve)
    alike: dict[Settles, list[str]] = {"never": [], "unknown": []}
    sentences = []
    for name, group in by_scheduler.items():
        kinds = {member.settles for member in group}
        if len(kinds) == 1 and (kind := group[0].settles) in alike:
            alike[kind].append(name)
        else:
            sentences.append(_settling(name, group, over))
    return [*sentences, *_alike(alike, curves)]


def _settling(name: str, group: Sequence[Convergence], over: str) -> str:
    """Where one scheduler settles, counted over its seeds or what else was varied."""
    clear = [curve for curve in group if curve.settles in ("yes", "not yet")]
    knees = sorted(curve.knee.steps for curve in clear if curve.knee)
    most, count = max(curve.most for curve in clear), many(len(clear), over)
    if not knees:
        of_all = "" if len(clear) == 1 else f" on {_none_of(len(clear), over)}"
        return f"{name} has not settled by {most} steps{of_all} in this sweep; try more steps."
    if len(clear) == 1:
        hedge = "on this prompt and seed"
        if len(clear[0].points) < 6:
            hedge = "as far as these few points tell"
        return (
            f"{name}: {_steps(knees[-1])} enough here: more, up to {most}, change little, {hedge}."
        )
    if len(knees) < len(clear):
        rest = len(clear) - len(knees)
        return (
            f"{name}: {_steps(knees[-1])} enough on {len(knees)} of {count}; on {rest} it has not "
            f"settled by {most}."
        )
    middle = statistics.median_low(knees)
    part = "one" if len(knees) == 2 else "half"
    half = f"; {middle} on {part} of them" if middle < knees[-1] else ""
    every = f"both {over}s" if len(knees) == 2 else f"all {count}"
    return f"{name}: {_steps(knees[-1])} enough on {every}{half}."


def _none_of(count: int, over: str) -> str:
    return f"either {over}" if count == 2 else f"any of {many(count, over)}"


def _steps(count: int) -> str:
    return "1 step is" if count == 1 else f"{count} steps are"


def _alike(names: Mapping[Settles, Sequence[str]], curves: Sequence[Convergence]) -> list[str]:
    """One sentence for several schedulers with the same answer."""
    sentences = []
    if never := names["never"]:
        settles, adds = ("settles", "it adds") if len(never) == 1 else ("settle", "they add")
        sentences.append(
            f"{listed(never)} never {settles}: {adds} fresh noise at every step, so more steps "
            "give another picture, not a more finished one."
        )
    if unknown := names["unknown"]:
        few = max(len(curve.points) for curve in curves if curve.settles == "unknown")
        where = "it settles" if len(unknown) == 1 else "they settle"
        sentences.append(
            f"{listed(unknown)}: {few} step counts are too few to say where {where}; sweep at "
            "least 4."
        )
    return sentences


def adds_noise(params: Params) -> bool:
    """Whether this scheduler adds noise at each step, so that more steps lead to another picture
    instead of closer to one."""
    return schedulers.adds_noise(params.scheduler, params.eta)


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """The indexes of the pairs (cost, distance) that no other pair beats in both, cheapest first;
    equal pairs stay together."""
    order = sorted(range(len(points)), key=lambda at: points[at])
    best: list[int] = []
    for at in order:
        cost, distance = points[at]
        if not best or distance < points[best[-1]][1] or (cost, distance) == points[best[-1]]:
            best.append(at)
    return best


@dataclass(frozen=True)
class Reference:
    """The setting that the others are measured against, and why it was chosen."""

    name: str
    evaluations: int
    at: tuple[int, ...] = ()
    tied: tuple[str, ...] = ()
    """Others that cost as much."""
    chosen: bool = False
    """A person chose it."""
    weighed: float | None = None
    """Its evaluations weighed by their pixels, in a sweep where these differ."""
    up_to: float = 0.0
    """What it costs where it costs most: each size and each CFG has its own reference."""
    size: str = ""
    """The size of the evaluations that all are weighed in, like 512 × 512."""
    dearest: bool = True
    """Whether nothing that can settle costs more; of what does, pictures may be missing."""

    @property
    def cost(self) -> float:
        """What it costs, in evaluations."""
        return self.evaluations if self.weighed is None else self.weighed

    @property
    def unit(self) -> str:
        """What costs are counted in."""
        return f"model evaluations at {self.size}" if self.size else "model evaluations"

    def price(self, cost: float) -> str:
        """A cost in words."""
        if not self.size:
            return many(round(cost), "evaluation")
        return f"{cost:.3g} evaluation{'' if cost == 1 else 's'} at {self.size}"

    @property
    def sentence(self) -> str:
        """Its name, and on a tie for the most expensive why it was taken."""
        if self.chosen:
            return f"Measured against A: {self.name}."
        cost = self.price(max(self.cost, self.up_to))
        if self.up_to > self.cost:
            cost = f"{self.cost:.3g} to {cost}"
        if not self.dearest:
            return (
                f"Measured against {self.name} ({cost}): what costs more has fewer pictures so far."
            )
        if not self.tied:
            return f"Measured against {self.name}, the most expensive that can settle ({cost})."
        return (
            f"Measured against {self.name} ({cost}). {listed(self.tied)} "
            f"{'costs' if len(self.tied) == 1 else 'cost'} as much; {self.name} was taken because "
            "it comes first in the plan."
        )


@dataclass(frozen=True)
class Trade:
    """What each setting costs in model evaluations, and how close it comes to the reference."""

    reference: Reference
    points: tuple[Point, ...]
    """Without the reference itself: that it is close to itself says nothing."""
    close: float
    """Distances up to this one count as close."""
    unseen: float = COLOUR.unseen
    """Differences below this are hard to see."""
    over: tuple[str, ...] = ()
    """What else was varied, and each setting is counted over."""

    @property
    def best(self) -> tuple[Point, ...]:
        """The settings that no other beats in both cost and distance."""
        places = frontier([(point.cost, point.distance) for point in self.points])
        return tuple(self.points[at] for at in places)

    @property
    def winners(self) -> tuple[Point, ...]:
        """The cheapest settings that come close to the reference; several when seeds or the eye
        cannot tell them apart."""
        near = _cheapest(point for point in self.points if point.distance <= self.close)
        best = min(near, key=lambda point: point.distance, default=None)
        return tuple(point for point in near if best and self._tie(point, best))

    def _tie(self, point: Point, best: Point) -> bool:
        margin = max(self.unseen, point.spread, best.spread)
        return point.distance - best.distance <= margin

    @property
    def sentence(self) -> str:
        if len(self.points) < 3:
            return (
                f"Beside it {'stands' if len(self.points) == 1 else 'stand'} "
                f"{many(len(self.points), 'setting')}: too few for a recommendation."
            )
        beaten = len(self.points) - len(self.best)
        return " ".join(
            (
                self._verdict,
                self._cheapest,
                f"{beaten} of {len(self.points)} settings {'is' if beaten == 1 else 'are'} beaten "
                "by another that costs no more and is no farther.",
                *(
                    [f"Each is the middle of all its values of {listed(self.over)}."]
                    * bool(self.over)
                ),
            )
        )

    @property
    def _verdict(self) -> str:
        winners, names = self.winners, [point.label for point in self.winners]
        if not winners:
            return "None comes close to it."
        cost = self.reference.price(winners[0].cost)
        if all(point.distance == 0 for point in self.points):
            start = f"All {len(self.points)} settings give the same picture; "
        else:
            start = ""
        if len(winners) == 1:
            return f"{start}{names[0]} ({cost}) is the cheapest that comes close to it."
        return (
            f"{start}{'tie' if start else 'Tie'}: {listed(names)} ({cost} each) are the cheapest "
            "that come close to it."
        )

    @property
    def _cheapest(self) -> str:
        """The cheapest of all, whatever it is worth."""
        cheapest = _cheapest(self.points)
        if cheapest[0] in self.winners:
            return "None is cheaper."
        names = listed([point.label for point in cheapest])
        low, high = (f(point.distance for point in cheapest) for f in (min, max))
        far = f"{low:.2f}" if len(cheapest) == 1 else f"{low:.2f} to {high:.2f}"
        verb = "is" if len(cheapest) == 1 else "are"
        cost = self.reference.price(cheapest[0].cost)
        return f"The cheapest of all, {names} ({cost}), {verb} {far} away."


def _cheapest(points: Iterable[Point]) -> list[Point]:
    """All settings with the lowest cost, in the order of the plan."""
    points = list(points)
    least = min((point.cost for point in points), default=0.0)
    return [point for point in points if point.cost == least]


@dataclass(frozen=True)
class Band:
    """One setting, measured over several seeds."""

    label: str
    middle: float
    low: float
    high: float
    count: int


def bands(measured: Mapping[str, Sequence[float]]) -> list[Band]:
    """The median of each setting, and the range of its middle four fifths."""
    return [
        Band(label, statistics.median(values), *span(values), len(values))
        for label, values in measured.items()
        if values
    ]


def span(values: Sequence[float]) -> tuple[float, float]:
    """The range in which the middle four fifths of these values lie."""
    return float(np.quantile(values, 0.1)), float(np.quantile(values, 0.9))


@dataclass(frozen=True)
class SignTest:
    """Whether one setting is really closer than another, or only seems so by the choice of
    seeds."""

    one: str
    other: str
    wins: int
    losses: int
    ties: int

    @property
    def chance(self) -> float:
        """How likely equal settings are to look at least this unequal, by the exact two-sided sign
        test."""
        count = self.wins + self.losses
        tail = sum(math.comb(count, at) for at in range(min(self.wins, self.losses) + 1))
        return min(1.0, 2.0 * tail / (1 << count))

    @property
    def sentence(self) -> str:
        count = self.wins + self.losses
        if count == 0:
            return f"Tie: {self.one} and {self.other} are the same on every seed."
        ahead, behind = (
            (self.one, self.other) if self.wins >= self.losses else (self.other, self.one)
        )
        of_all = f"{max(self.wins, self.losses)} of {many(count, 'seed')}"
        chance = f"{self.chance:.1%}" if self.chance < 0.05 else f"{self.chance:.0%}"
        chance = chance.replace("%", " %")
        if self.chance < 0.05:
            return (
                f"{ahead} is closer than {behind} on {of_all}: unlikely to be the seed (chance "
                f"{chance})."
            )
        few = " 6 seeds are the least that can tell." if count < 6 else ""
        return (
            f"Tie: {self.one} and {self.other}. {ahead} is closer on {of_all}, which chance could "
            f"do too ({chance}).{few}"
        )


def sign_test(left: tuple[str, Sequence[float]], right: tuple[str, Sequence[float]]) -> SignTest:
    """Compare two settings seed by seed; the smaller distance wins."""
    pairs = list(zip(left[1], right[1], strict=True))
    wins, losses = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    return SignTest(left[0], right[0], wins, losses, len(pairs) - wins - losses)
