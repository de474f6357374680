"""Word by word: how much the picture changes without each part of the prompt."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sdplay.compare.evidence.measures import COLOUR, Difference, Measure
from sdplay.compare.plan import Plan
from sdplay.compare.results import Result
from sdplay.wording import listed, many

AXIS = "prompt_without"
At = tuple[int, ...]


@dataclass(frozen=True)
class Contribution:
    """One part of the prompt, and how much the picture changes without it."""

    part: str
    score: float
    """The distance between the pictures with and without it; in the middle over the other axes."""
    low: float
    high: float
    at: At
    """The first picture without it."""
    distances: Mapping[At, float]
    """At each place on the other axes."""


@dataclass(frozen=True)
class WordByWord:
    """The parts of a prompt, those that change the picture most first."""

    parts: tuple[Contribution, ...]
    measure: Measure = COLOUR

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(filter(None, (self._strongest, self._stable, self._faint, self._idle)))

    @property
    def _strongest(self) -> str:
        acting = [part for part in self.parts if part.score > self.measure.unseen]
        if not acting:
            return "No part of the prompt changes more than the eye sees."
        name = self.measure.label
        text = f"{_quoted(acting[0])} changes the picture most ({name} {acting[0].score:.2f})"
        rest = [f"{_quoted(part)} ({part.score:.2f})" for part in acting[1:4]]
        return f"{text}{', then ' if rest else ''}{listed(rest)}."

    @property
    def _stable(self) -> str:
        """The sentence about how often the strongest part came first, when it was tried several
        times."""
        first, *others = self.parts
        places = set(first.distances).intersection(*(part.distances for part in others))
        if len(places) < 2 or not others or first.score <= self.measure.unseen:
            return ""
        wins = sum(
            first.distances[at] >= max(part.distances[at] for part in others) for at in places
        )
        return f"It is the strongest in {wins} of {many(len(places), 'comparison')}."

    @property
    def _faint(self) -> str:
        faint = [part for part in self.parts if 0 < part.score <= self.measure.unseen]
        verb = "changes" if len(faint) == 1 else "change"
        return f"{_all(faint)} {verb} less than the eye sees." if faint else ""

    @property
    def _idle(self) -> str:
        idle = [part for part in self.parts if part.score == 0]
        if not idle:
            return ""
        verb, word = ("changes", "it") if len(idle) == 1 else ("change", "any of them")
        return f"{_all(idle)} {verb} nothing: without {word} the picture is the same."


def word_by_word(
    plan: Plan,
    results: Mapping[At, Result],
    measured: Callable[[Result, Result], Difference | None],
    measure: Measure = COLOUR,
) -> WordByWord | None:
    """Rank the parts that the plan leaves out; None when it leaves out none."""
    names = [varied.axis.id for varied in plan.varied]
    if AXIS not in names:
        return None
    along = names.index(AXIS)
    distances: dict[int, dict[At, float]] = {}
    examples: dict[int, At] = {}
    for at, result in sorted(results.items()):
        whole = results.get((*at[:along], 0, *at[along + 1 :]))
        if not at[along] or whole is None or not (whole.done and result.done):
            continue
        if difference := measured(whole, result):
            examples.setdefault(at[along], at)
            distance = 0.0 if difference.same else difference.by(measure)
            distances.setdefault(at[along], {})[whole.cell.at] = distance
    parts = [
        _contribution(plan.varied[along].marks[number].value, examples[number], values)
        for number, values in distances.items()
    ]
    ranked = tuple(sorted(parts, key=lambda part: -part.score))
    return WordByWord(ranked, measure) if ranked else None


def _contribution(part: str, at: At, distances: Mapping[At, float]) -> Contribution:
    values = distances.values()
    return Contribution(part, statistics.median(values), min(values), max(values), at, distances)


def _quoted(part: Contribution) -> str:
    return f"“{part.part}”"


def _all(parts: Sequence[Contribution]) -> str:
    """The sentence that names every part, those that change nothing among them."""
    *before, last = map(_quoted, parts)
    return f"{', '.join(before)} and {last}" if before else last
