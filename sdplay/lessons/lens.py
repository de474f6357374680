"""The lens: five values of a setting on one's own prompt, and where more of it stops mattering."""

from collections.abc import Mapping, Sequence
from typing import Any

from sdplay.backends import Capabilities
from sdplay.params import Params
from sdplay.wording import number

COUNT = 5
VALUES: Mapping[str, tuple[Any, ...]] = {
    "scheduler": ("euler", "ddim", "dpmpp_2m_karras", "unipc", "euler_a"),
    "steps": (4, 8, 16, 24, 40),
    "cfg": (1.0, 2.5, 5.0, 8.0, 12.0),
    "strength": (0.2, 0.4, 0.6, 0.8, 1.0),
}
"""What the lens shows of each setting."""
SENTENCES: Mapping[str, str] = {
    "scheduler": "All schedulers ask the same model and take other strides. Those that settle come "
    "to nearly the same picture.",
    "steps": "More steps take smaller strides and more time. Early ones shape the picture, late "
    "ones change its detail.",
    "cfg": "CFG pushes toward your words. Too much of it burns the colours.",
    "seed": "The seed names the start noise. Each number is another picture of the same words.",
    "strength": "Strength says how much of the start image turns to noise. At 1 nothing is left "
    "of it.",
}
"""Two sentences on each setting."""
ORDERED = ("steps", "cfg", "strength")
"""Settings of which there is more and less."""
UNSEEN = 0.1
"""Neighbours this close look alike in a thumbnail."""


def five(name: str, params: Params, capabilities: Capabilities) -> tuple[Params, ...]:
    """The settings with five values of one of them; none for a setting that has no lens."""
    if name == "seed":
        return tuple(params.with_(seed=params.seed + step) for step in range(COUNT))
    offered = capabilities.schedulers if name == "scheduler" else None
    values = [value for value in VALUES.get(name, ()) if offered is None or value in offered]
    if name == "strength" and not params.init:
        return ()
    return tuple(params.with_(**{name: value}) for value in values)


def settles_sentence(name: str, values: Sequence[Any], gaps: Sequence[float | None]) -> str:
    """Where it stops mattering, from how far each value's picture is from the one before; nothing
    while pictures are missing."""
    if name not in ORDERED or not gaps or any(gap is None for gap in gaps):
        return ""
    largest = max(gap or 0.0 for gap in gaps)
    limit = max(UNSEEN, largest / 5)
    last = max((at for at, gap in enumerate(gaps) if (gap or 0.0) > limit), default=-1)
    if last < 0:
        return "On your prompt it hardly matters."
    if last == len(gaps) - 1:
        return "On your prompt it matters to the end of this strip."
    return f"On your prompt it stops mattering at about {number(values[last + 1])}."
