"""A plan in one line: its axes with their values, and the number of pictures."""

from sdplay.compare.plan import Plan, Varied
from sdplay.params import KNOBS
from sdplay.wording import many

MOST_VALUES, MOST_LETTERS = 8, 6
"""More values than this, or longer ones, are counted instead."""


def axes_line(plan: Plan) -> str:
    """The axes, like `Steps 4 · 8 · 15 · 30 × 3 schedulers`."""
    return " × ".join(map(_values, plan.varied)) or "One picture"


def pictures_line(plan: Plan) -> str:
    """How many pictures the grid has, without those that are skipped."""
    return many(sum(not cell.skip for cell in plan.cells), "picture")


def _values(varied: Varied) -> str:
    labels = [mark.label for mark in varied.marks if not mark.skip]
    if varied.axis.id == "backend" and len(labels) == 2:
        return " against ".join(labels)
    are_numbers = varied.axis.id not in KNOBS or KNOBS[varied.axis.id].is_number
    if (
        are_numbers
        and len(labels) <= MOST_VALUES
        and max(map(len, labels), default=0) <= MOST_LETTERS
    ):
        return f"{varied.axis.label} {' · '.join(labels)}"
    if varied.axis.id == "prompt_without":
        parts = len(labels) - 1
        return f"Prompt without {'each of ' * (parts > 1)}{many(parts, 'part')}"
    name = _name(varied)
    if name.endswith(("s", "}")):
        return f"{len(labels)} values of {name}"
    return many(len(labels), name)


def _name(varied: Varied) -> str:
    """The axis inside a sentence."""
    id, label = varied.axis.id, varied.axis.label
    if id in KNOBS:
        return KNOBS[id].name_inside
    return label if label[:2].isupper() else f"{label[0].lower()}{label[1:]}"
