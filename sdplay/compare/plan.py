"""The plan: every cell of a comparison, checked, counted and priced before the first picture is
made."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sdplay import work
from sdplay.compare.axes import Axis, Mark, Offer, Setup, Typed, axis
from sdplay.compare.grammar import Value, shown, written
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.settings import setting
from sdplay.wording import dollars, duration, many

MOST_CELLS = 20_000
MOST_LETTERS = 10_000_000
"""Of all long prompts of a plan."""
PROMPTS = ("prompt", "negative", "hires_prompt", "hires_negative")
SHORT = 200
"""Letters of a prompt that may stand in every cell of its own."""
TOLD = 12
"""So many values are told one by one."""


@dataclass(frozen=True)
class Facts:
    """What a plan asks about backends and the library; any answer may be missing."""

    offer: Offer = field(default_factory=Offer)
    check: Callable[[Setup], Iterable[str]] = lambda setup: ()
    """Raises BadParams for settings that the backend would refuse; yields a sentence for those
    without effect."""
    in_library: Callable[[Sequence[Setup]], set[int]] = lambda setups: set()
    """Which of these are in the library already."""
    seconds: Callable[[str, list[Params]], tuple[float, float] | None] = lambda backend, planned: (
        None
    )
    price: Callable[[str], float | None] = lambda backend: None
    """US dollars that a backend takes for a picture, where that is known."""
    called: Mapping[str, str] = field(default_factory=dict)
    """What the page calls an axis, where it is not the axis' own label."""
    settled: Callable[[Setup], Setup] = lambda setup: setup
    """What is sent of a cell's prompts: words drawn from lists, brackets moved."""


@dataclass(frozen=True)
class Varied:
    """An axis and the values on it."""

    axis: Axis
    marks: tuple[Mark, ...]
    typed: Typed
    """The values as they were typed, chance settled: what a file keeps, to be read again."""


@dataclass(frozen=True)
class Cell:
    """One picture that shall be made."""

    at: tuple[int, ...]
    """Its place on every axis, in the order the axes were given."""
    labels: tuple[str, ...]
    setup: Setup
    evaluations: int
    skip: bool = False
    in_library: bool = False
    """In the library already: free."""
    twin: tuple[int, ...] | None = None
    """The place of an earlier cell with the same settings, whose picture this one shares."""
    said: tuple[str, ...] = ()
    """Each label with its axis."""

    @property
    def name(self) -> str:
        """What the cell is called away from the grid: `CFG 7 · seed 8`."""
        return " · ".join(self.said) or "the picture"

    @property
    def params(self) -> Params:
        return self.setup.params

    @cached_property
    def work(self) -> float:
        """The measure of work with which the picture's time grows."""
        return work.of(self.params)

    @property
    def to_make(self) -> bool:
        return not (self.skip or self.in_library or self.twin)


@dataclass(frozen=True)
class Cheaper:
    """A smaller plan that answers nearly the same question."""

    sentence: str
    axis: str
    values: str
    pictures: int


@dataclass(frozen=True)
class Plan:
    """The cells in the order in which they are made, and what they will cost."""

    base: Setup
    varied: tuple[Varied, ...]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    seconds: tuple[float, float] | None = None
    """The likely least and most."""
    price: float | None = None
    cheaper: Cheaper | None = None
    refine: bool = False
    """Coarse to fine: a sparse grid first, then only where neighbours differ."""

    @cached_property
    def by_place(self) -> Mapping[tuple[int, ...], Cell]:
        return {cell.at: cell for cell in self.cells}

    @cached_property
    def pictures(self) -> int:
        """How many are to be made."""
        return sum(cell.to_make for cell in self.cells)

    @cached_property
    def free(self) -> int:
        return sum(cell.in_library for cell in self.cells)

    @cached_property
    def evaluations(self) -> int:
        """How many model evaluations are still to be paid."""
        return _evaluations(cell for cell in self.cells if cell.to_make)

    @property
    def needs_confirmation(self) -> bool:
        """Whether there are more pictures than the owner allows without asking."""
        return self.pictures > limit()

    def table(
        self, rows: int | None, columns: int | None, fixed: Mapping[int, int] | None = None
    ) -> list[list[Cell]]:
        """A page of the grid: two axes spread out, every other one held at one index, its first
        unless told."""
        fixed = fixed or {}
        return [
            [
                self.by_place[self._position({rows: down, columns: across}, fixed)]
                for across in self._places(columns)
            ]
            for down in self._places(rows)
        ]

    def _places(self, at: int | None) -> range:
        return range(len(self.varied[at].marks) if at is not None else 1)

    def _position(
        self, spread: Mapping[int | None, int], fixed: Mapping[int, int]
    ) -> tuple[int, ...]:
        return tuple(spread.get(at, fixed.get(at, 0)) for at in range(len(self.varied)))

    @property
    def sentence(self) -> str:
        """The price in one sentence: pictures, evaluations, time and money."""
        counted = all(work.is_counted(cell.params) for cell in self.cells)
        amount = (
            many(self.evaluations, "model evaluation")
            if counted
            else "how much work they are cannot be told, for a script of the server may do "
            "anything and some samplers choose their own steps"
        )
        parts = [f"{many(self.pictures, 'picture')}, {amount}"]
        if self.free:
            parts.append(f"{self.free} already made")
        if self.seconds and self.pictures:
            parts.append(duration(*self.seconds))
        if self.price:
            parts.append(dollars(self.price))
        return "; ".join(parts) + "."


def plan(base: Setup, axes: Sequence[tuple[str, Typed]], facts: Facts | None = None) -> Plan:
    """Every combination of the axes' values, those that are slow to switch outermost.  A bad cell
    is refused here, before anything is paid for."""
    facts = facts or Facts()
    facts = replace(facts, offer=replace(facts.offer, prompt=base.params.prompt))
    varied = tuple(_varied(name, values, facts) for name, values in axes)
    _no_clash(varied)
    cells, notes = _cells(base, varied, facts)
    waiting = [cell for cell in cells if cell.to_make]
    draft = Plan(
        base, varied, tuple(cells), notes, _seconds(waiting, facts), _price(waiting, facts)
    )
    return Plan(base, varied, draft.cells, notes, draft.seconds, draft.price, _cheaper(draft))


def limit() -> int:
    """How many pictures a sweep may have before it asks for confirmation."""
    text = setting("SDPLAY_SWEEP_LIMIT")
    if not text.isdigit():
        raise BadParams(
            f"SDPLAY_SWEEP_LIMIT must be a whole number, not {text!r}. Set it like this: 100"
        )
    return int(text)


def _varied(name: str, values: Typed, facts: Facts) -> Varied:
    chosen = axis(name)
    chosen = replace(chosen, label=facts.called.get(chosen.id, chosen.label))
    marks = chosen.marks(values, facts.offer)
    fixed = (
        written([Value(mark.value, mark.skip) for mark in marks]) if chosen.id == "seed" else values
    )
    return Varied(chosen, marks, fixed)


def _no_clash(varied: Sequence[Varied]) -> None:
    """Refuse two axes that set the same thing, because one would silently overrule the other."""
    set_by: dict[str, str] = {}
    for along in varied:
        names = {along.axis.id}
        if isinstance(along.marks[0].value, Mapping):
            names |= {key for mark in along.marks for key in mark.value}
        for name in names:
            if name in set_by:
                raise BadParams(
                    f"{_label(name)} is set twice: by {set_by[name]} and by {along.axis.label}. "
                    "Leave one of them out."
                )
            set_by[name] = along.axis.label
    count = math.prod(len(entry.marks) for entry in varied)
    if count > MOST_CELLS:
        raise BadParams(
            f"That makes {count:,} cells; a sweep has room for {MOST_CELLS:,}. Take fewer values."
        )


def _label(name: str) -> str:
    return KNOBS[name].label if name in KNOBS else name


def _cells(
    base: Setup, varied: Sequence[Varied], facts: Facts
) -> tuple[list[Cell], tuple[str, ...]]:
    places = list(_places(varied))
    setups = [setup and facts.settled(setup) for setup in _setups(base, varied, places)]
    notes: dict[str, int] = {}
    for at, setup in zip(places, setups, strict=True):
        if setup:
            with _in_cell(varied, at):
                for note in facts.check(setup):
                    notes[note] = notes.get(note, 0) + 1
    ready = facts.in_library([setup or base for setup in setups])
    earliest: dict[Setup, tuple[int, ...]] = {}
    cells = []
    for number, (at, setup) in enumerate(zip(places, setups, strict=True)):
        labels = tuple(along.marks[index].label for along, index in zip(varied, at, strict=True))
        phrases = tuple(map(Axis.said, (along.axis for along in varied), labels))
        if setup is None:
            cells.append(Cell(at, labels, base, 0, skip=True, said=phrases))
            continue
        twin = earliest.get(setup)
        earliest.setdefault(setup, at)
        cells.append(
            Cell(
                at,
                labels,
                setup,
                work.evaluations(setup.params),
                False,
                number in ready,
                twin,
                phrases,
            )
        )
    return cells, _counted_notes(notes, cells)


def _places(varied: Sequence[Varied]) -> Iterable[tuple[int, ...]]:
    """Every place on the grid, ordered so that the axis that is slowest to switch changes least
    often."""
    order = sorted(range(len(varied)), key=lambda number: -varied[number].axis.cost)
    back = sorted(range(len(order)), key=lambda number: order[number])
    for at in itertools.product(*(range(len(varied[number].marks)) for number in order)):
        yield tuple(at[number] for number in back)


def _skipped(varied: Sequence[Varied], at: tuple[int, ...]) -> bool:
    return any(along.marks[index].skip for along, index in zip(varied, at, strict=True))


def _setups(
    base: Setup, varied: Sequence[Varied], places: Sequence[tuple[int, ...]]
) -> Iterator[Setup | None]:
    """The base with a value of every axis applied: first axes that set whole things, then those
    that search in them."""
    order = sorted(range(len(varied)), key=lambda number: varied[number].axis.rank)
    partial: dict[tuple[int, ...], Setup] = {(): base}
    prompts = _Prompts()
    for at in places:
        if _skipped(varied, at):
            yield None
            continue
        done: tuple[int, ...] = ()
        for number in order:
            further = (*done, at[number])
            if further not in partial:
                along = varied[number]
                with _in_cell(varied, at):
                    applied = along.axis.apply(partial[done], along.marks[at[number]].value)
                    partial[further] = prompts.shared(applied)
            done = further
        yield partial[done]


class _Prompts:
    """The long prompts of a plan's cells: equal ones are stored once, and their total length has a
    limit."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._letters = 0

    def shared(self, setup: Setup) -> Setup:
        """The same, with the very texts that other cells have."""
        ours = {name: getattr(setup.params, name) for name in PROMPTS}
        shared = {name: self._one_of(text) for name, text in ours.items() if len(text) > SHORT}
        if all(ours[name] is text for name, text in shared.items()):
            return setup
        return replace(setup, params=setup.params.with_(**shared))

    def _one_of(self, text: str) -> str:
        if text not in self._texts:
            self._letters += len(text)
            self._texts[text] = text
        if self._letters > MOST_LETTERS:
            raise BadParams(
                f"The prompts of all these cells have more than {MOST_LETTERS:,} letters. Shorten "
                "the prompt, or take fewer values."
            )
        return self._texts[text]


class _in_cell:
    """Adds the cell in which it occurred to the sentence about a bad setting."""

    def __init__(self, varied: Sequence[Varied], at: tuple[int, ...]) -> None:
        self.varied, self.at = varied, at

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, BadParams) and self.varied:
            pairs = zip(self.varied, self.at, strict=True)
            where = " · ".join(along.axis.said(along.marks[index].label) for along, index in pairs)
            raise BadParams(f"{error} This is in the cell {where}.") from error


def _counted_notes(notes: Mapping[str, int], cells: Sequence[Cell]) -> tuple[str, ...]:
    """Each note once, with the number of cells it is about when that is not all of them."""
    total = sum(not cell.skip for cell in cells)
    sentences = [
        note if count == total else f"In {many(count, 'cell')}: {note}"
        for note, count in notes.items()
    ]
    twins = sum(cell.twin is not None for cell in cells)
    if twins:
        sentences.append(
            f"{many(twins, 'cell')} ask{'s' * (twins == 1)} for the same picture as another one; "
            "each picture is made once."
        )
    return tuple(sentences)


def _seconds(cells: Sequence[Cell], facts: Facts) -> tuple[float, float] | None:
    """The seconds that backends need side by side: at best those of the slowest one, at worst the
    sum."""
    low = high = 0.0
    for backend in dict.fromkeys(cell.setup.backend for cell in cells):
        span = facts.seconds(
            backend, [cell.params for cell in cells if cell.setup.backend == backend]
        )
        if span is None:
            return None
        low, high = max(low, span[0]), high + span[1]
    return low, high


def _price(cells: Sequence[Cell], facts: Facts) -> float | None:
    prices = {
        backend: facts.price(backend)
        for backend in dict.fromkeys(cell.setup.backend for cell in cells)
    }
    if all(price is None for price in prices.values()):
        return None
    return sum((prices[cell.setup.backend] or 0.0) * work.pictures(cell.params) for cell in cells)


def _cheaper(full: Plan) -> Cheaper | None:
    """A plan with about half the values of the most expensive numeric axis; both ends stay, but for
    seeds any half will do."""
    best: Cheaper | None = None
    for number, along in enumerate(full.varied):
        values = [mark.value for mark in along.marks if not mark.skip]
        if len(values) < 5 or not all(isinstance(value, int | float) for value in values):
            continue
        if along.axis.id == "repeat":
            continue  # fewer repeats tell less
        fewer = (
            values[: (len(values) + 1) // 2] if along.axis.id.endswith("seed") else thinned(values)
        )
        remaining = [
            cell
            for cell in full.cells
            if cell.to_make and along.marks[cell.at[number]].value in fewer
        ]
        if len(remaining) < full.pictures and (best is None or len(remaining) < best.pictures):
            text = ", ".join(map(shown, fewer))
            wording = (
                text
                if len(fewer) <= TOLD
                else f"{', '.join(map(shown, fewer[:3]))} … {shown(fewer[-1])}"
            )
            best = Cheaper(
                f"Cheaper: {along.axis.label} {wording} asks for {many(len(remaining), 'picture')} "
                f"instead of {full.pictures:,}{_saved(full, remaining)}.",
                along.axis.id,
                text,
                len(remaining),
            )
    return best


def _saved(full: Plan, remaining: Sequence[Cell]) -> str:
    """What share of the evaluations this half saves; None when it saves none or that is unknown."""
    whole = full.evaluations if all(work.is_counted(cell.params) for cell in full.cells) else 0
    share = f"{1 - _evaluations(remaining) / whole:.0%}" if whole else "0%"
    return "" if share == "0%" else f" and saves {share} of the evaluations"


def _evaluations(cells: Iterable[Cell]) -> int:
    return sum(cell.evaluations * work.pictures(cell.params) for cell in cells)


def thinned(values: Sequence[float]) -> list[float]:
    """About half of the values with both ends: log-spaced when they span a wide range, otherwise
    every second one."""
    ordered = sorted(values)
    count = (len(ordered) + 2) // 2
    if ordered[0] > 0 and ordered[-1] / ordered[0] >= 4:
        ideal = [
            ordered[0] * (ordered[-1] / ordered[0]) ** (at / (count - 1)) for at in range(count)
        ]
    else:
        ideal = [ordered[0] + (ordered[-1] - ordered[0]) * at / (count - 1) for at in range(count)]
    near = {min(ordered, key=lambda value: abs(value - wish)) for wish in ideal[1:-1]} | {
        ordered[0],
        ordered[-1],
    }
    return [value for value in values if value in near]
