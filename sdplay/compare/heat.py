"""Colours for a grid of numbers: time, difference or any measure, one scale for the whole grid."""

import math
from collections.abc import Sequence

_LOW, _MIDDLE, _HIGH = (38, 84, 124), (244, 241, 187), (190, 49, 68)


def heat(values: Sequence[float | None]) -> list[tuple[str, str]]:
    """Background and ink of every value, low to high; no colour for a value that is missing."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return [("", "") if value is None or not math.isfinite(value) else _pair((value - low) / ((high - low) or 1))
            for value in values]  # fmt: skip


def _pair(share: float) -> tuple[str, str]:
    start, end = (_LOW, _MIDDLE) if share < 0.5 else (_MIDDLE, _HIGH)
    part = share * 2 % 1 if share < 1 else 1.0
    colour = [round(a + (b - a) * part) for a, b in zip(start, end, strict=True)]
    bright = (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) > 140
    return "#{:02x}{:02x}{:02x}".format(*colour), "#111111" if bright else "#ffffff"
