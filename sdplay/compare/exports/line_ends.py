"""Where the names of lines stand: at their right ends, apart from each other, if there is room."""

import textwrap
from collections.abc import Collection, Mapping, Sequence

LETTERS = 16
"""Of a line of such a name."""
MOST_LETTERS = 3 * LETTERS
"""A longer name goes into the legend under the chart, and all others with it."""
LINE = 15
"""Pixels that a line of text takes."""


def in_lines(name: str) -> str:
    """A name in the lines that it stands in."""
    return "\n".join(textwrap.wrap(name, LETTERS)) or name


def fit(names: Collection[str], height: float) -> bool:
    """Whether all of them have room beside a chart of so many pixels."""
    if any(len(name) > MOST_LETTERS for name in names):
        return False
    if any(len(word) > LETTERS + 2 for name in names for word in name.split()):
        return False
    return len(names) * _room(names) <= height


def places(
    ends: Mapping[str, Sequence[float]], height: float, low: float, high: float
) -> dict[str, float]:
    """Where each name stands, from `low` at the foot of the chart to `high` at its head: beside the
    last of its line's values, or as near as its neighbours let it.  Where lines end in one point,
    names stand in the order in which the lines come there."""
    gap = (high - low) * _room(ends) / height
    order = sorted(ends, key=lambda name: tuple(reversed(ends[name])))
    tops: list[float] = []
    for name in order:
        tops.append(max([ends[name][-1], *(top + gap for top in tops[-1:])]))
    for number in range(len(tops)):
        at = len(tops) - 1 - number
        tops[at] = min(tops[at], high - number * gap)
    return dict(zip(order, tops, strict=True))


def _room(names: Collection[str]) -> float:
    """Pixels from one name to the next."""
    return LINE * max((in_lines(name).count("\n") + 1 for name in names), default=1)
