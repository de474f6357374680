"""What a finished sweep says by itself: curves over steps, cost against distance, and whether seeds
decide."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sdplay.compare.answers import (
    Band,
    Convergence,
    Point,
    Sample,
    SignTest,
    adds_noise,
    bands,
    converge,
    point_of,
    sign_test,
    trade_sentence,
)
from sdplay.compare.axes import axis
from sdplay.compare.measures import SHAPE, difference
from sdplay.compare.plan import Plan
from sdplay.compare.results import Pictures, Result

MOST_CURVES = 12
Results = Mapping[tuple[int, ...], Result]


@dataclass(frozen=True)
class Findings:
    """Everything that can be said; parts are empty where the axes do not carry them."""

    curves: tuple[Convergence, ...] = ()
    points: tuple[Point, ...] = ()
    bands: tuple[Band, ...] = ()
    test: SignTest | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        told = [curve.sentence for curve in self.curves]
        if self.points:
            scale = (
                "seconds"
                if any(point.seconds is not None for point in self.points)
                else "evaluations"
            )
            told.append(trade_sentence(self.points, scale))  # type: ignore[arg-type]
        if self.test:
            told.append(self.test.sentence)
        return tuple(told)


def find_out(
    plan: Plan, results: Results, pictures: Pictures, reference: Result | None = None
) -> Findings:
    """Measure what the plan's axes allow: against the reference, or each against the dearest of its
    own kind."""
    names = [each.axis.id for each in plan.varied]
    found = Findings()
    if "steps" in names:
        along = names.index("steps")
        curves = tuple(_curves(plan, results, pictures, along, _sample(reference, pictures)))
        free = {along, *(at for at, name in enumerate(names) if name == "scheduler")}
        found = replace(
            found, curves=curves, points=tuple(_trades(plan, results, pictures, free, reference))
        )
    if "seed" in names and len(names) > 1:
        spread, test = _over_seeds(plan, results, pictures, names.index("seed"))
        found = replace(found, bands=tuple(spread), test=test)
    return found


def dearest(results: Iterable[Result]) -> Result | None:
    """What pictures are measured against if nobody chose: of those that settle, the one with most
    evaluations."""
    return max(
        results,
        key=lambda each: (not adds_noise(each.cell.params), each.cell.evaluations, each.cell.at),
        default=None,
    )


def _curves(
    plan: Plan, results: Results, pictures: Pictures, along: int, reference: Sample | None
) -> Iterator[Convergence]:
    """One curve for every place on the other axes, each against its own picture at the most steps
    if not told."""
    for other in itertools.islice(_others(plan, along), MOST_CURVES):
        samples = [
            sample
            for at in _line(plan, along, other)
            if (sample := _sample(results.get(at), pictures))
        ]
        if len(samples) > 1:
            curve = converge(samples, reference.image if reference else None)
            named = _named(plan, along, other)
            yield replace(curve, label=named) if named else curve


def _trades(
    plan: Plan, results: Results, pictures: Pictures, free: set[int], chosen: Result | None
) -> Iterator[Point]:
    """Every picture against the dearest one that settles and shares its place on all but the free
    axes.

    The reference itself is left out: that it is close to itself says nothing.
    """
    groups: dict[tuple[int, ...], list[Result]] = {}
    for at, result in results.items():
        if result.done:
            groups.setdefault(
                tuple(place for axis, place in enumerate(at) if axis not in free), []
            ).append(result)
    for group in groups.values():
        goal = chosen or dearest(result for result in group if not adds_noise(result.cell.params))
        reference = _sample(goal, pictures)
        for result in group if reference else ():
            if result is not goal and reference and (sample := _sample(result, pictures)):
                apart = difference(sample.image, reference.image).by(SHAPE)
                yield replace(point_of(sample, apart), label=_told(plan, result.cell.at))


def _told(plan: Plan, at: Sequence[int]) -> str:
    """A cell in words: Euler, 20 steps."""
    named = {
        each.axis.id: each.marks[place].label for each, place in zip(plan.varied, at, strict=True)
    }
    parts = [named.pop("scheduler", ""), f"{named.pop('steps')} steps"]
    parts += [f"{axis(name).label} {label}" for name, label in named.items()]
    return ", ".join(filter(None, parts))


def _over_seeds(
    plan: Plan, results: Results, pictures: Pictures, along: int
) -> tuple[list[Band], SignTest | None]:
    """Distance of every setting to the dearest one, seed by seed; then the two closest against each
    other."""
    others = list(_others(plan, along))
    dearest = max(others, key=lambda other: plan.by_place[_line(plan, along, other)[0]].evaluations)
    measured: dict[str, list[float]] = {}
    for other in others:
        pairs = zip(_line(plan, along, other), _line(plan, along, dearest), strict=True)
        apart = (
            [_apart(results.get(one), results.get(goal), pictures) for one, goal in pairs]
            if other != dearest
            else []
        )
        if apart and None not in apart:
            measured[_named(plan, along, other)] = [each for each in apart if each is not None]
    spread = bands(measured)
    closest = sorted(spread, key=lambda band: band.middle)[:2]
    test = (
        sign_test(*((band.label, measured[band.label]) for band in closest))
        if len(closest) == 2
        else None
    )
    return spread, test


def _others(plan: Plan, along: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(
        *(range(1 if at == along else len(each.marks)) for at, each in enumerate(plan.varied))
    )


def _line(plan: Plan, along: int, other: Sequence[int]) -> list[tuple[int, ...]]:
    return [
        (*other[:along], at, *other[along + 1 :]) for at in range(len(plan.varied[along].marks))
    ]


def _named(plan: Plan, along: int, other: Sequence[int]) -> str:
    return ", ".join(
        each.marks[other[at]].label
        if each.axis.id == "scheduler"
        else f"{each.axis.label} {each.marks[other[at]].label}"
        for at, each in enumerate(plan.varied)
        if at != along
    )


def _sample(result: Result | None, pictures: Pictures) -> Sample | None:
    image = pictures(result) if result and result.done else None
    return (
        Sample(result.cell.params, image, result.seconds, at=result.cell.at)
        if result and image
        else None
    )


def _apart(one: Result | None, other: Result | None, pictures: Pictures) -> float | None:
    a, b = _sample(one, pictures), _sample(other, pictures)
    return difference(a.image, b.image).by(SHAPE) if a and b else None
