"""The lens: five values of a setting on one's own prompt, and where more of it stops mattering."""

from collections.abc import Mapping, Sequence
from typing import Any

from sdplay.backends import Capabilities
from sdplay.params import KNOBS, Params
from sdplay.prompting import NEGATIVES
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
    "negative": "What stands here is pushed away at every step. Words for what the picture would "
    "not have shown change little.",
    "width": "A wider picture has room beside your subject. Far from the size that a model learnt "
    "at, things come twice or are cut.",
    "height": "A higher picture has room above and below. Far from the size that a model learnt "
    "at, things come twice or are cut.",
    "strength": "Strength says how much of the start image turns to noise. At 1 nothing is left "
    "of it.",
}
"""Two sentences on each setting."""
SIZES = (0.75, 1.0, 1.25, 1.5, 2.0)
"""Times what suits the model."""
ORDERED = ("steps", "cfg", "strength")
"""Settings of which there is more and less."""
UNSEEN = 0.1
"""Neighbours this close look alike in a thumbnail."""


def five(name: str, params: Params, capabilities: Capabilities) -> tuple[Params, ...]:
    """The settings with five values of one of them; none for a setting that has no lens."""
    if name == "seed":
        return tuple(params.with_(seed=params.seed + step) for step in range(COUNT))
    if name == "strength" and not params.init:
        return ()
    values = dict.fromkeys(_values(name, params, capabilities))
    return tuple(params.with_(**{name: value}) for value in [*values][:COUNT])


def _values(name: str, params: Params, capabilities: Capabilities) -> list[Any]:
    if name == "negative":
        return [params.negative, *capabilities.negatives, "", *NEGATIVES]
    if name in ("width", "height"):
        return [_side(name, times, capabilities) for times in SIZES]
    offered = capabilities.schedulers if name == "scheduler" else None
    return [value for value in VALUES.get(name, ()) if offered is None or value in offered]


def _side(name: str, times: float, capabilities: Capabilities) -> int:
    """So many times the usual width or height, as near as the model takes it."""
    low, high = capabilities.size_limits
    usual = capabilities.defaults.get(name, KNOBS[name].default)
    nearest = round(usual * times / capabilities.size_step) * capabilities.size_step
    return int(max(low, min(high, nearest)))


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
