"""What a finished sweep shows by itself: curves over steps, cost against distance, and whether
seeds decide."""

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sdplay import work
from sdplay.compare.evidence.amounts import Amounts, Course, Level
from sdplay.compare.evidence.answers import (
    Band,
    Convergence,
    Point,
    Reference,
    SignTest,
    Trade,
    adds_noise,
    bands,
    closeness,
    curve,
    settling_sentences,
    sign_test,
    span,
)
from sdplay.compare.evidence.contribution import WordByWord, word_by_word
from sdplay.compare.evidence.latency import AXIS as REPEATS
from sdplay.compare.evidence.latency import Latencies, latencies
from sdplay.compare.evidence.measures import COLOUR, MEASURES, Difference, Measure, difference
from sdplay.compare.evidence.parity import Parity, parities
from sdplay.compare.evidence.prompt_match import Matched, PromptMatch, nobody, prompt_match
from sdplay.compare.evidence.unread import unread
from sdplay.compare.plan import Cell, Plan
from sdplay.compare.results import Pictures, Result
from sdplay.params import KNOBS
from sdplay.schedulers import scheduler_label

At = tuple[int, ...]
Results = Mapping[At, Result]
Between = Callable[[Result, Result], Difference | None]
"""Measures two cells against each other; nothing where one has no picture."""
NAMES = ("seed", "variation_seed")
"""Numbers that name noise: more of them is not more of anything."""


@dataclass(frozen=True)
class Findings:
    """All that a sweep shows; a part is empty when the axes do not support it."""

    measure: Measure = COLOUR
    close: float = 0.0
    """Distances up to this one count as close."""
    curves: tuple[Convergence, ...] = ()
    settling: tuple[str, ...] = ()
    """One sentence for every scheduler of the curves."""
    trade: Trade | None = None
    bands: tuple[Band, ...] = ()
    band_reference: Reference | None = None
    test: SignTest | None = None
    amounts: Amounts | None = None
    """What more of one setting does, where no steps were varied."""
    words: WordByWord | None = None
    latencies: Latencies | None = None
    parities: tuple[Parity, ...] = ()
    matching: PromptMatch | None = None
    """Whether the built-in model's pictures show what was prompted."""
    unread: str = ""
    """What the model left out of the prompts."""

    @property
    def sentences(self) -> tuple[str, ...]:
        amounts = self.amounts.sentences if self.amounts else ()
        return (
            *((self.unread,) if self.unread else ()),
            *self.explored,
            *((self.matching.sentence,) if self.matching else ()),
            *self.settling,
            *self.trade_sentences,
            *amounts,
            *self.seed_sentences,
        )

    @property
    def explored(self) -> tuple[str, ...]:
        """The sentences about words, repeats, and other backends."""
        words = self.words.sentences if self.words else ()
        latencies = self.latencies.sentences if self.latencies else ()
        return (*words, *latencies, *(parity.sentence for parity in self.parities))

    @property
    def trade_sentences(self) -> tuple[str, ...]:
        return (self.trade.reference.sentence, self.trade.sentence) if self.trade else ()

    @property
    def seed_sentences(self) -> tuple[str, ...]:
        band = self.band_reference
        again = self.trade and band and band.name == self.trade.reference.name
        reference = () if band is None or again else (band.sentence,)
        return (*reference, *((self.test.sentence,) if self.test else ()))


def between(pictures: Pictures) -> Between:
    """A function that measures two pictures when it is first asked, and remembers the answer."""
    measured: dict[tuple[At, At], Difference | None] = {}

    def measure(reference: Result, result: Result) -> Difference | None:
        pair = (reference.cell.at, result.cell.at)
        if pair not in measured:
            a, b = (pictures(cell) if cell.done else None for cell in (reference, result))
            measured[pair] = difference(a, b) if a and b else None
        return measured[pair]

    return measure


def find_out(
    plan: Plan,
    results: Results,
    measured: Between,
    *,
    matched: Matched = nobody,
    chosen: Result | None = None,
    measure: Measure = COLOUR,
) -> Findings:
    """Measure all that the plan's axes allow, against the chosen cell or, without one, against the
    most expensive cell of the same kind."""
    findings = Findings(
        measure,
        words=word_by_word(plan, results, measured, measure),
        latencies=latencies(plan, results),
        parities=parities(plan, results, measured),
        matching=prompt_match(plan, _first_runs(plan, results), matched),
        unread=unread(results),
    )
    sweep = _Sweep(plan, _first_runs(plan, results), measured, chosen, measure)
    if "steps" in sweep.names:
        close = sweep.close
        curves = tuple(sweep.curves(close))
        findings = replace(
            findings,
            close=close,
            curves=curves,
            settling=tuple(settling_sentences(curves, sweep.counted)),
            trade=sweep.trade(close),
        )
    else:
        findings = replace(findings, amounts=sweep.amounts())
    if "seed" in sweep.names and len(sweep.names) > 1:
        findings = sweep.over_seeds(findings)
    return findings


def dearest(results: Iterable[Result]) -> Result | None:
    """The reference when nobody chose one: the setting with most work among those that settle;
    among equals the first."""
    ordered = sorted(results, key=lambda result: result.cell.at)
    return max(ordered, key=lambda result: _dearness(result.cell), default=None)


def _dearness(cell: Cell) -> tuple[bool, float]:
    return not adds_noise(cell.params), cell.work


@dataclass(frozen=True)
class _Sweep:
    """A sweep while it is measured."""

    plan: Plan
    results: Results
    measured: Between
    chosen: Result | None
    measure: Measure

    @property
    def names(self) -> list[str]:
        return [varied.axis.id for varied in self.plan.varied]

    @property
    def counted(self) -> str:
        """What a scheduler's curves are counted over."""
        return self._counted_beside("steps", "scheduler")

    def _counted_beside(self, *names: str) -> str:
        """What is counted where these axes are looked at."""
        others = [varied for varied in self.plan.varied if varied.axis.id not in names]
        if len(others) != 1:
            return "combination"
        if others[0].axis.id in ("seed", "scheduler", "prompt"):
            return others[0].axis.id
        return f"{others[0].axis.label} value"

    @property
    def close(self) -> float:
        """What counts as close, for curves and settings alike: they must not contradict each
        other."""
        distances = [point.distance for _, points in self._lines() for point in points]
        return closeness(distances, self.measure)

    def _lines(self) -> Iterator[tuple[Cell, list[Point]]]:
        """Over steps, for every place on the other axes: each against its own picture at the most
        steps if none was chosen."""
        along = self.names.index("steps")
        for corner in self._others({along}):
            line = [self.results.get(at) for at in self._line(along, corner)]
            finished = [result for result in line if result and result.done]
            if len(finished) > 1:
                goal = self.chosen or max(finished, key=lambda result: result.cell.params.steps)
                points = [point for result in finished if (point := self._point(result, goal))]
                yield finished[0].cell, points

    def amounts(self) -> Amounts | None:
        """What the first setting does that was varied as an amount; nothing where none was, or
        where it changes the size."""
        amounts = (
            at for at, name in enumerate(self.names) if name not in NAMES and _is_number(name)
        )
        along = next(amounts, None)
        if along is None:
            return None
        lines = [self._course(along, corner) for corner in self._others({along})]
        courses = tuple(course for course in lines if course)
        axis = self.plan.varied[along].axis
        if not courses:
            return None
        return Amounts(axis.label, courses, self._counted_beside(axis.id), self.measure)

    def _course(self, along: int, corner: At) -> Course | None:
        """One place on the other axes, over the amounts."""
        name = self.names[along]
        line = [self.results.get(at) for at in self._line(along, corner)]
        done = [result for result in line if result and result.done]
        by_amount = sorted(
            {
                amount: result
                for result in done
                if (amount := getattr(result.cell.params, name)) is not None
            }.items()
        )
        results = [result for _, result in by_amount]
        if len(results) < 2:
            return None
        pairs = zip(results[:1] + results, results, strict=False)
        moves = [self.measured(before, result) for before, result in pairs]
        ends = [self.measured(result, results[-1]) for result in results]
        levels = [
            self._level(along, result, move, end)
            for result, move, end in zip(results, moves, ends, strict=True)
            if move and end and not move.resized
        ]
        if len(levels) < len(results):
            return None
        label = self._described(results[0].cell, without={along})
        start = replace(levels[0], moved=math.nan, beside=math.nan)
        return Course(label or self.plan.varied[along].axis.label, (start, *levels[1:]))

    def _level(self, along: int, result: Result, move: Difference, end: Difference) -> Level:
        beside = next(measure for measure in MEASURES.values() if measure is not self.measure)
        cell = result.cell
        return Level(
            float(getattr(cell.params, self.names[along])),
            cell.said[along],
            cell.at,
            move.clipped[1],
            move.by(self.measure),
            move.by(beside),
            end.by(self.measure),
        )

    def curves(self, close: float) -> Iterator[Convergence]:
        """One for every place on the axes other than steps."""
        along = self.names.index("steps")
        for cell, points in self._lines():
            if len(points) > 1:
                scheduler = scheduler_label(cell.params.scheduler)
                drawn = curve(
                    points,
                    self._described(cell, without={along}) or scheduler,
                    close=close,
                    stochastic=adds_noise(cell.params),
                    own=self.chosen is None,
                )
                yield replace(drawn, scheduler=scheduler)

    def trade(self, close: float) -> Trade | None:
        """Every setting over its seeds, against the dearest one that settles and shares its place
        on all axes but scheduler and steps."""
        free = {at for at, name in enumerate(self.names) if name in ("steps", "scheduler")}
        reference = self._reference(free, self._done(settling=True))
        if reference is None:
            return None
        settings: dict[str, list[Point]] = {}
        folded = self._folded(free)
        for result in self._done():
            goal = self.chosen or self._at(reference, result.cell, free)
            if goal and result is not goal and (point := self._point(result, goal)):
                label = self._described(result.cell, without=folded)
                settings.setdefault(label, []).append(replace(point, label=label))
        points = [_over(points) for points in settings.values()]
        if self.chosen:
            cell = self.chosen.cell
            chosen_goal = replace(self._goal(cell, cell.name), chosen=True)
            return Trade(chosen_goal, tuple(points), close, self.measure.unseen)
        over = tuple(
            varied.axis.label
            for at, varied in enumerate(self.plan.varied)
            if at in folded and varied.axis.id not in ("seed", REPEATS)
        )
        return Trade(reference, tuple(points), close, self.measure.unseen, over)

    def _folded(self, free: Collection[int]) -> set[int]:
        """The axes over which a setting is counted, not told apart: seeds, and what has a picture
        of its own to come close to and costs the same, as most values of CFG do."""
        seeds = {at for at, name in enumerate(self.names) if name == "seed"}
        if self.chosen:
            return seeds
        others = {at for at in range(len(self.names)) if at not in free}
        return seeds | {at for at in others if self._costs_alike(at)}

    def _costs_alike(self, along: int) -> bool:
        """Whether a picture costs the same all along this axis, wherever the others stand."""
        costs: dict[At, set[float]] = {}
        for cell in self.plan.cells:
            if not cell.skip:
                elsewhere = (*cell.at[:along], *cell.at[along + 1 :])
                costs.setdefault(elsewhere, set()).add(cell.work)
        return all(len(group) == 1 for group in costs.values())

    def over_seeds(self, findings: Findings) -> Findings:
        """Distance of every setting to the dearest one, seed by seed; then the two closest against
        each other."""
        along = self.names.index("seed")
        free = set(range(len(self.names))) - {along}
        reference = self._reference(free, self._done(settling=True) or self._done())
        if reference is None:
            return findings
        measured: dict[str, dict[int, float]] = {}
        for result in self._done():
            goal = self._at(reference, result.cell, free)
            distance = self.measured(result, goal) if goal and goal is not result else None
            if distance:
                label = self._described(result.cell, without={along})
                measured.setdefault(label, {})[result.cell.at[along]] = distance.by(self.measure)
        spread = bands({label: [*seeds.values()] for label, seeds in measured.items()})
        closest = [
            band.label for band in sorted(spread, key=lambda band: (-band.count, band.middle))[:2]
        ]
        return replace(
            findings,
            bands=tuple(spread),
            band_reference=reference if spread else None,
            test=_tested(*((label, measured[label]) for label in closest))
            if len(closest) == 2
            else None,
        )

    def _done(self, *, settling: bool = False) -> list[Result]:
        """Cells with a picture, in the order of the axes, whatever order they were made in."""
        done = sorted(
            (result for result in self.results.values() if result.done),
            key=lambda result: result.cell.at,
        )
        return [result for result in done if not settling or not adds_noise(result.cell.params)]

    def _reference(self, free: Collection[int], done: Sequence[Result]) -> Reference | None:
        """The dearest setting of these, named by its place on the free axes; one that is there
        everywhere before one that is missing somewhere, and among equals the first."""
        places = [tuple(result.cell.at[at] for at in sorted(free)) for result in done]
        times = Counter(places)
        firsts = dict(zip(places[::-1], done[::-1], strict=True))
        if not firsts:
            return None

        def dear(corner: At) -> tuple[int, bool, float]:
            return times[corner], *_dearness(firsts[corner].cell)

        ordered = sorted(firsts)
        best = max(ordered, key=dear)
        tied = [corner for corner in ordered if corner != best and dear(corner) == dear(best)]
        others = set(range(len(self.names))) - set(free)
        cell = firsts[best].cell
        names = tuple(self._described(firsts[corner].cell, without=others) for corner in tied)
        same = [result.cell for result, corner in zip(done, places, strict=True) if corner == best]
        costs = [self._weighed(cell) or cell.evaluations for cell in same]
        least, most = same[costs.index(min(costs))], float(max(costs))
        name = self._described(cell, without=others) or cell.name
        dearest = max(_dearness(first.cell) for first in firsts.values()) == _dearness(cell)
        return replace(self._goal(least, name), tied=names, up_to=most, dearest=dearest)

    def _goal(self, cell: Cell, name: str) -> Reference:
        size = "{} × {}".format(*self._size) if self._size else ""
        return Reference(name, cell.evaluations, cell.at, weighed=self._weighed(cell), size=size)

    @cached_property
    def _size(self) -> tuple[int, int] | None:
        """The size to weigh evaluations by: the largest of the sweep; None where all have the same
        pixels, and their numbers can be compared as they are."""
        params = [cell.params for cell in self.plan.cells]
        if len({size.pixels for settings in params for size in work.passes(settings)}) < 2:
            return None
        return max(
            ((settings.width, settings.height) for settings in params),
            key=lambda size: size[0] * size[1],
        )

    def _weighed(self, cell: Cell) -> float | None:
        return work.pixels(cell.params) / math.prod(self._size) if self._size else None

    def _at(self, reference: Reference, cell: Cell, free: Collection[int]) -> Result | None:
        """The reference as it was made with this cell's place on the other axes."""
        at = tuple(
            reference.at[axis] if axis in free else step for axis, step in enumerate(cell.at)
        )
        result = self.results.get(at)
        return result if result and result.done else None

    def _point(self, result: Result, goal: Result) -> Point | None:
        distance = self.measured(result, goal)
        if distance is None:
            return None
        cell = result.cell
        beside = next(measure for measure in MEASURES.values() if measure is not self.measure)
        return Point(
            cell.name,
            cell.params.steps,
            cell.evaluations,
            distance.by(self.measure),
            result.seconds,
            cell.at,
            beside=distance.by(beside),
            weighed=self._weighed(cell),
        )

    def _described(self, cell: Cell, *, without: Collection[int]) -> str:
        """A cell in words, the scheduler first: `Euler · 20 steps`."""
        words = [
            (self.names[at] != "scheduler", phrase)
            for at, phrase in enumerate(cell.said)
            if at not in without
        ]
        return " · ".join(phrase for _, phrase in sorted(words, key=lambda word: word[0]))

    def _others(self, still: Collection[int]) -> Iterator[At]:
        return itertools.product(
            *(
                range(1 if at in still else len(varied.marks))
                for at, varied in enumerate(self.plan.varied)
            )
        )

    def _line(self, along: int, corner: At) -> list[At]:
        marks = self.plan.varied[along].marks
        return [(*corner[:along], at, *corner[along + 1 :]) for at in range(len(marks))]


def _first_runs(plan: Plan, results: Results) -> Results:
    """The results without repeats, whose pictures are the same."""
    along = [at for at, varied in enumerate(plan.varied) if varied.axis.id == REPEATS]
    return {at: result for at, result in results.items() if not any(at[axis] for axis in along)}


def _is_number(name: str) -> bool:
    return name in KNOBS and KNOBS[name].is_number


def _over(points: Sequence[Point]) -> Point:
    """One setting over its seeds, shown by the seed in the middle."""
    distances = [point.distance for point in points]
    middle = sorted(points, key=lambda point: point.distance)[(len(points) - 1) // 2]
    low, high = span(distances)
    return replace(
        middle,
        distance=statistics.median(distances),
        spread=high - low,
        beside=statistics.median(point.beside for point in points),
        seconds=_median([point.seconds for point in points if point.seconds is not None]),
    )


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _tested(
    left: tuple[str, Mapping[int, float]], right: tuple[str, Mapping[int, float]]
) -> SignTest:
    """The sign test of two settings, on the seeds that both have."""
    seeds = sorted(left[1].keys() & right[1].keys())
    return sign_test(
        (left[0], [left[1][seed] for seed in seeds]), (right[0], [right[1][seed] for seed in seeds])
    )
