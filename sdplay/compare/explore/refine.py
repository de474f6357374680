"""Coarse to fine: which cells of a plan to make first, and which ones between them are worth
making."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdplay.compare.evidence.measures import COLOUR, difference
from sdplay.compare.plan import Plan, Varied
from sdplay.compare.results import Pictures, Result
from sdplay.params import KNOBS
from sdplay.wording import many

At = tuple[int, ...]
Distance = Callable[[At, At], float | None]
"""How far two cells' pictures are apart; None where one has none."""
STRIDE = 4
"""The first grid takes about every so manieth value of an axis, and at most MOST_STRIDES of these
stretches."""
MOST_STRIDES = 8
LEAST = 5
"""An axis with fewer values is made whole: there is nothing to save."""
NAMES = ("seed", "variation_seed")
"""Numbers that name noise: neighbours of them are strangers."""


@dataclass(frozen=True)
class Block:
    """A part of the grid with made cells at its corners: the first and last index on every axis."""

    low: At
    high: At

    def divided(self, axes: Collection[int]) -> Iterator["Block"]:
        """Its parts, halved along these axes."""
        spans = [
            _halves(low, high) if axis in axes else [(low, high)]
            for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True))
        ]
        for span in itertools.product(*spans):
            yield Block(tuple(low for low, _ in span), tuple(high for _, high in span))

    @property
    def corners(self) -> Iterator[At]:
        return itertools.product(
            *(dict.fromkeys(pair) for pair in zip(self.low, self.high, strict=True))
        )

    @property
    def cells(self) -> Iterator[At]:
        return itertools.product(
            *(range(low, high + 1) for low, high in zip(self.low, self.high, strict=True))
        )


class CoarseToFine:
    """Asks for a sparse grid first, then for cells between neighbours that differ, until differing
    cells are next to each other.

    A change that lies wholly between two like cells of the sparse grid is missed."""

    def __init__(self, plan: Plan, unseen: float = COLOUR.unseen) -> None:
        self._orders = [_order(varied) for varied in plan.varied]
        self._unseen = unseen
        stops = [_stops(varied) for varied in plan.varied]
        self._cells = set(itertools.product(*stops))
        self._blocks = [
            Block(tuple(low for low, _ in span), tuple(high for _, high in span))
            for span in itertools.product(*map(_spans, plan.varied, stops))
        ]

    def first(self) -> list[At]:
        """The cells of the sparse grid."""
        return [self._at(ranks) for ranks in sorted(self._cells)]

    def further(self, distance: Distance) -> list[At]:
        """The cells to make next; none when no two neighbours differ any more."""
        fresh: set[At] = set()
        while not fresh:
            parts = [(block, self._uneven(block, distance)) for block in self._blocks]
            if not any(axes for _, axes in parts):
                return []
            self._blocks = [part for block, axes in parts for part in block.divided(axes)]
            fresh = {ranks for block in self._blocks for ranks in block.corners} - self._cells
        self._cells |= fresh
        return [self._at(ranks) for ranks in sorted(fresh)]

    def asked(self, at: At) -> bool:
        """Whether it was asked for so far."""
        return self._ranks(at) in self._cells

    def nearest(self, at: At, cells: Collection[At]) -> At | None:
        """The made cell that stands for one that was not."""
        ranks = self._ranks(at)
        return min(cells, key=lambda other: _steps(ranks, self._ranks(other)), default=None)

    def _uneven(self, block: Block, distance: Distance) -> list[int]:
        """The axes along which neighbours in this block differ and others lie between them."""
        inside = [ranks for ranks in block.cells if ranks in self._cells]
        return [
            axis
            for axis, (low, high) in enumerate(zip(block.low, block.high, strict=True))
            if high - low > 1
            and any(self._differ(pair, distance) for pair in _neighbours(inside, axis))
        ]

    def _differ(self, pair: tuple[At, At], distance: Distance) -> bool:
        change = distance(*map(self._at, pair))
        return change is not None and change > self._unseen

    def _at(self, ranks: At) -> At:
        return tuple(order[rank] for order, rank in zip(self._orders, ranks, strict=True))

    def _ranks(self, at: At) -> At:
        return tuple(order.index(step) for order, step in zip(self._orders, at, strict=True))


class Finer:
    """Coarse to fine over the results of a sweep: it measures their pictures, each pair once."""

    def __init__(self, plan: Plan, pictures: Pictures) -> None:
        self._grid = CoarseToFine(plan)
        self._twins = {cell.at: cell.twin for cell in plan.cells if cell.twin is not None}
        self._measured: dict[frozenset[At], float | None] = {}
        self._pictures = pictures

    def first(self) -> set[At]:
        """The cells to begin with; a cell that shares another's picture asks for that one."""
        return {self._source(at) for at in self._grid.first()}

    def asked(self, at: At) -> bool:
        """Whether this cell's turn has come."""
        return self._grid.asked(at)

    def further(self, results: Mapping[At, Result]) -> list[At]:
        """The cells to make next, by the pictures that are there."""

        def distance(left: At, right: At) -> float | None:
            return self._distance(results[self._source(left)], results[self._source(right)])

        return [self._source(at) for at in self._grid.further(distance)]

    def _source(self, at: At) -> At:
        return self._twins.get(at, at)

    def _distance(self, left: Result, right: Result) -> float | None:
        pair = frozenset((left.cell.at, right.cell.at))
        if left.pixels and left.pixels == right.pixels:
            return 0.0
        if pair not in self._measured:
            one, two = (self._pictures(result) if result.done else None for result in (left, right))
            self._measured[pair] = difference(one, two).colour if one and two else None
        return self._measured[pair]


def refinable(plan: Plan) -> bool:
    """Whether any axis is long enough, and its values ordered, to leave some out at first."""
    return any(len(_stops(varied)) < len(varied.marks) for varied in plan.varied)


def refined_sentence(made: int, cells: int) -> str:
    """How many pictures coarse to fine has saved."""
    share = f"{made / cells:.0%}".replace("%", " %")
    return (
        f"Coarse to fine: {made:,} of {many(cells, 'cell')} made ({share}); between those no "
        "neighbours differ by more than the eye sees."
    )


def is_ordered(varied: Varied) -> bool:
    """Whether the values are amounts, so that one can lie between two others."""
    name = varied.axis.id
    return name in KNOBS and KNOBS[name].is_number and name not in NAMES


def _order(varied: Varied) -> list[int]:
    """The indexes of the values sorted by size, in whatever order they were typed."""
    places = range(len(varied.marks))
    if not is_ordered(varied):
        return list(places)
    return sorted(places, key=lambda at: _amount(varied.marks[at].value))


def _amount(value: object) -> float:
    """A value left to the backend comes first."""
    return float(value) if isinstance(value, int | float) else float("-inf")


def _stops(varied: Varied) -> list[int]:
    """The indexes of the sparse grid along one axis, both ends among them."""
    last = len(varied.marks) - 1
    if not is_ordered(varied) or last + 1 < LEAST:
        return list(range(last + 1))
    count = min(max(2, round(last / STRIDE)), MOST_STRIDES)
    return list(dict.fromkeys(round(last * at / count) for at in range(count + 1)))


def _spans(varied: Varied, stops: Sequence[int]) -> list[tuple[int, int]]:
    """The stretch from each stop to the next; values without an order stand alone."""
    if not is_ordered(varied) or len(stops) < 2:
        return [(stop, stop) for stop in stops]
    return list(itertools.pairwise(stops))


def _halves(low: int, high: int) -> list[tuple[int, int]]:
    middle = (low + high) // 2
    return [(low, middle), (middle, high)]


def _neighbours(cells: Iterable[At], axis: int) -> Iterator[tuple[At, At]]:
    """The pairs of these cells that are next to each other along an axis."""
    lines: dict[At, list[At]] = {}
    for ranks in cells:
        lines.setdefault((*ranks[:axis], *ranks[axis + 1 :]), []).append(ranks)
    for line in lines.values():
        yield from itertools.pairwise(sorted(line))


def _steps(left: At, right: At) -> int:
    return sum(abs(a - b) for a, b in zip(left, right, strict=True))
