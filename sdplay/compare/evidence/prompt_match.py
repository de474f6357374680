"""Prompt match: whether the judge of the built-in model names the prompted thing, setting by
setting. It knows that model's world only, so it is asked about no other model's pictures."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdplay.compare.plan import Plan
from sdplay.compare.results import Result
from sdplay.params import KNOBS
from sdplay.wording import many

NAMED = 0.5
"""From here on the judge is surer of the thing than of all others together."""
TELLING = 0.5
"""So much more often must one value name the thing than another to be told."""
NOISE = ("seed", "variation_seed")
At = tuple[int, ...]


@dataclass(frozen=True)
class Match:
    """What the judge says of one picture."""

    things: tuple[str, ...]
    """What the prompt names."""
    sure: float
    """How surely the picture shows all of it, 0 to 1."""


Matched = Callable[[Result], Match | None]
"""What the judge says of a cell's picture; None where it cannot say."""


def nobody(result: Result) -> Match | None:
    """Where there is no judge."""
    return None


@dataclass(frozen=True)
class Seen:
    """One picture that the judge has looked at."""

    result: Result
    match: Match

    @property
    def named(self) -> bool:
        return self.match.sure >= NAMED


@dataclass(frozen=True)
class MeanMatch:
    """One value of a setting, over the seeds."""

    label: str
    line: str
    """Its place on all other axes."""
    value: float
    match: float
    at: At
    """The picture in the middle."""


@dataclass(frozen=True)
class PromptMatch:
    """What the judge says about a comparison's pictures."""

    plan: Plan
    shown: tuple[Seen, ...]

    @property
    def across(self) -> Mapping[str, str]:
        """The settings that were varied as amounts: by name, what they are called."""
        return {
            varied.axis.id: varied.axis.label
            for varied in self.plan.varied
            if varied.axis.id in KNOBS
            and KNOBS[varied.axis.id].is_number
            and varied.axis.id not in NOISE
        }

    def levels(self, name: str) -> Iterator[MeanMatch]:
        """Every value of that setting at each place on the other axes, over the seeds."""
        along = [varied.axis.id for varied in self.plan.varied].index(name)
        folded = {at for at, varied in enumerate(self.plan.varied) if varied.axis.id in NOISE}
        groups: dict[tuple[str, float], list[Seen]] = {}
        for each in self.shown:
            cell = each.result.cell
            value = getattr(cell.params, name)
            if value is not None:
                line = _described(cell.said, without={along} | folded)
                groups.setdefault((line, float(value)), []).append(each)
        for (line, value), group in sorted(groups.items()):
            middle = sorted(group, key=lambda each: each.match.sure)[(len(group) - 1) // 2]
            cell = middle.result.cell
            label = _described(cell.said, without=folded)
            yield MeanMatch(label, line, value, _mean(group), cell.at)

    @property
    def sentence(self) -> str:
        """In how many pictures the thing is named, and where most and least often."""
        count, total = sum(each.named for each in self.shown), len(self.shown)
        several = any(len(each.match.things) > 1 for each in self.shown)
        start = f"The judge names the prompted thing{'s' if several else ''} in"
        if count == total:
            return f"{start} {'all' if total > 1 else 'the'} {many(total, 'picture')}."
        if count == 0:
            return f"{start} none of {many(total, 'picture')}."
        return f"{start} {count} of {many(total, 'picture')}{self._where}."

    @property
    def _where(self) -> str:
        """At which value of one axis least and most often, if that makes a difference."""
        best = max(
            (self._shares(at) for at in range(len(self.plan.varied))), key=_spread, default={}
        )
        if _spread(best) < TELLING:
            return "; no setting decides it alone"
        low, high = min(best, key=lambda mark: best[mark][0]), max(best, key=lambda m: best[m][0])
        return f": at {low} in {_counted(best[low])}, at {high} in {_counted(best[high])}"

    def _shares(self, along: int) -> Mapping[str, tuple[float, int, int]]:
        """For each value of an axis the share of pictures with the thing, and both counts."""
        groups: dict[str, list[Seen]] = {}
        for each in self.shown:
            groups.setdefault(each.result.cell.said[along], []).append(each)
        return {
            said: (sum(each.named for each in group) / len(group), _hits(group), len(group))
            for said, group in groups.items()
        }


def prompt_match(plan: Plan, results: Mapping[At, Result], matched: Matched) -> PromptMatch | None:
    """What the judge says; nothing where there is no picture that it can judge."""
    ordered = sorted(results.values(), key=lambda result: result.cell.at)
    answers = [(result, matched(result)) for result in ordered if result.done]
    shown = tuple(Seen(result, match) for result, match in answers if match is not None)
    return PromptMatch(plan, shown) if shown else None


def _described(said: Sequence[str], without: set[int]) -> str:
    return " · ".join(phrase for at, phrase in enumerate(said) if at not in without)


def _mean(group: Sequence[Seen]) -> float:
    return statistics.fmean(each.match.sure for each in group)


def _hits(group: Sequence[Seen]) -> int:
    return sum(each.named for each in group)


def _spread(shares: Mapping[str, tuple[float, int, int]]) -> float:
    values = [share for share, _, _ in shares.values()]
    return max(values, default=0.0) - min(values, default=0.0)


def _counted(share: tuple[float, int, int]) -> str:
    return f"{share[1]} of {share[2]}"
