"""A baseline and columns that inherit it: each overrides what it wants and follows the baseline in all else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdplay.compare.axes import Setup, Typed
from sdplay.compare.guard import Verdict, guard
from sdplay.params import differing
from sdplay.schedulers import PRESETS, SCHEDULERS

BASELINE = "Baseline"
FEWEST, MOST = 2, 6


@dataclass(frozen=True)
class Variant:
    """One column."""

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings it overrides, and `backend`."""

    def on(self, base: Setup) -> Setup:
        """The whole of its settings."""
        changes = dict(self.changes)
        backend = str(changes.pop("backend", base.backend))
        return Setup(backend, base.params.with_(**changes))


def known_good() -> tuple[Variant, ...]:
    """Three pairs of scheduler and steps that are known to work: nothing else differs, so they can be compared."""
    return tuple(Variant(f"{SCHEDULERS[scheduler].label}, {steps} steps", {"scheduler": scheduler, "steps": steps})
                 for scheduler, steps in PRESETS)  # fmt: skip


def copied(base: Setup, other: Setup, name: str) -> Variant:
    """A column that looks like another picture: exactly what makes that one differ from the baseline."""
    changes = {knob: getattr(other.params, knob) for knob in differing(base.params, other.params)}
    return Variant(name, {**changes, **({"backend": other.backend} if other.backend != base.backend else {})})


def locked(variants: Sequence[Variant], keep: Sequence[str]) -> tuple[Variant, ...]:
    """The same columns, overriding nothing but these."""
    return tuple(
        replace(each, changes={name: value for name, value in each.changes.items() if name in keep})
        for each in variants
    )


def verdict(base: Setup, variants: Sequence[Variant]) -> Verdict:
    """What differs between all columns, the baseline among them."""
    return guard([base, *(each.on(base) for each in variants)])


def axes(variants: Sequence[Variant], *, baseline: bool = True) -> list[tuple[str, Typed]]:
    """The columns as the one axis of a plan: so they run, resume and are kept like any sweep."""
    columns = [Variant(BASELINE), *variants] if baseline else list(variants)
    return [("preset", [{"name": each.name, **each.changes} for each in columns])]
