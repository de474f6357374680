"""Fits values from links and pictures to the form's controls, and says what had to change."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdplay.backends import Capabilities
from sdplay.compare.guard import value_text
from sdplay.errors import BadParams
from sdplay.knob import OWN, Knob
from sdplay.params import KNOBS, Params
from sdplay.schedulers import find
from sdplay.ui.form.controls import (
    LARGEST_IN_A_BROWSER,
    bounded,
    default,
    first_of,
    in_form,
    written,
)

LONGEST = 40
"""A number with more letters than this is not read."""
SHOWN = 24
"""The most letters of a value in a sentence."""


@dataclass(frozen=True)
class Fit:
    """The value for a control, and how the address writes it."""

    value: Any
    text: str
    exact: bool = True
    """Whether it is exactly the value that was asked for."""


def fit(knob: Knob, text: str, capabilities: Capabilities) -> Fit:
    """The value that the form takes for this text."""
    if knob.unset and text.lower() in ("", OWN, knob.unset.lower()):
        return Fit(in_form(knob, knob.nothing), written(knob, knob.nothing))
    choices = choices_of(knob, capabilities)
    if choices is not None and not knob.several:
        return _choice(knob, text, choices, capabilities)
    if knob.name == "scheduler":
        entry = find(text)
        return Fit(entry.id, entry.label) if entry else Fit(text, text)
    if knob.kind is bool:
        return _yes_or_no(knob, text, capabilities)
    if knob.is_number:
        return _number(knob, text, capabilities)
    return _text(knob, text)


def misfit(knob: Knob, value: Any, capabilities: Capabilities) -> str:
    """Why this backend cannot take a number, and the nearest that it can; empty if it can."""
    own, nearest = bounded(knob, capabilities), fit(knob, written(knob, value), capabilities)
    if nearest.exact:
        return ""
    low, high = written(knob, own.low), written(knob, own.high)
    rule = f"between {low} and {high}"
    if knob.kind is int and own.step and own.step > 1:
        rule = f"a multiple of {own.step:g} from {low} to {high}"
    return f"{knob.label} must be {rule} here, not {value}. The nearest is {nearest.text}."


def choices_of(knob: Knob, capabilities: Capabilities) -> tuple[str, ...] | None:
    """The options of the control; None if any value is possible or the server does not answer."""
    return capabilities.choices(knob) or None


def shortened(text: str) -> str:
    """A value, cut to the length that a sentence can repeat."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def fitted(
    params: Params, capabilities: Capabilities, source: str
) -> tuple[dict[str, Any], list[str]]:
    """A picture's settings as the controls take them, and sentences about those that do not fit."""
    values, misfits, left = {}, [], []
    for name, knob in KNOBS.items():
        value = getattr(params, name)
        if not knob.is_plain:
            continue
        if not capabilities.offers(knob.needs):
            values[name] = in_form(knob, value)
            left += [f"{knob.label} {shortened(value_text(name, value))}"] * (value != knob.default)
            continue
        nearest = fit(knob, written(knob, in_form(knob, value)), capabilities)
        values[name] = nearest.value
        if not nearest.exact:
            misfits.append((knob.label, str(value), nearest.text))
    if capabilities.offers("size"):
        misfits = _same_shape(params, values, misfits, capabilities)
    sentences = [replaced(misfits, source)] if misfits else []
    if left and capabilities.status in ("ready", "busy"):
        sentences.append(homeless(left))
    return values, sentences


def homeless(settings: Sequence[str]) -> str:
    """One sentence about settings that this backend does not have, each with its value."""
    return f"Not used here, for this backend has no such setting: {'; '.join(settings)}."


def _same_shape(
    params: Params,
    values: dict[str, Any],
    misfits: list[tuple[str, str, str]],
    capabilities: Capabilities,
) -> list[tuple[str, str, str]]:
    """The nearest possible size of the same shape."""
    size = (params.width, params.height)
    if size == (values["width"], values["height"]):
        return misfits
    width, height = shape_that_fits(size, size[0] * size[1], capabilities)
    values.update(width=width, height=height)
    sides = (KNOBS["width"].label, KNOBS["height"].label)
    others = [misfit for misfit in misfits if misfit[0] not in sides]
    return [*others, ("Size", f"{size[0]} × {size[1]}", f"{width} × {height}")]


def shape_that_fits(
    size: tuple[int, int], pixels: int, capabilities: Capabilities
) -> tuple[int, int]:
    """A size of that shape with about so many pixels that the backend can make."""
    low, high = capabilities.size_limits
    step, shape = capabilities.size_step, size[0] / size[1]
    sides = range(-(-low // step) * step, high + 1, step)

    def distance(size: tuple[int, int]) -> float:
        return abs(math.log(size[0] / size[1] / shape)) + 0.15 * abs(
            math.log(size[0] * size[1] / pixels)
        )

    rough = [(width, min(high, max(low, round(width / shape / step) * step))) for width in sides]
    return min(rough, key=distance)


def replaced(misfits: Sequence[tuple[str, str, str]], where: str) -> str:
    """One sentence about values that do not fit: the setting, the value given, and the value
    used."""
    parts = [
        f"{label} {used or 'as it was'} instead of {shortened(text) or 'nothing'}"
        for label, text, used in misfits
    ]
    many = "A value" if len(parts) == 1 else f"{len(parts)} values"
    verb = "does" if len(parts) == 1 else "do"
    return f"{many} of {where} {verb} not fit here. Used: {'; '.join(parts)}."


def _choice(knob: Knob, text: str, choices: tuple[str, ...], capabilities: Capabilities) -> Fit:
    if knob.name != "scheduler":
        choices = (knob.default, *choices)
    by_text = {written(knob, choice): choice for choice in choices}
    if text in by_text:
        return Fit(by_text[text], text)
    same = [name for name in choices if _stem(name) == _stem(text)]
    if knob.choices == "schedulers":
        same = list(filter(None, [capabilities.listed_scheduler(text)]))
    value = next((name for name in same if name in choices), None)
    if value is not None:
        return Fit(value, written(knob, value))
    fallback = default(knob, capabilities)
    value = fallback if fallback in choices else choices[0]
    return Fit(value, written(knob, value), exact=False)


def _text(knob: Knob, text: str) -> Fit:
    """The text, unless the settings refuse it."""
    try:
        Params().with_(**{knob.name: text})
    except BadParams:
        return Fit(knob.default, written(knob, knob.default), exact=False)
    return Fit(text, text)


def _stem(title: str) -> str:
    """A checkpoint's name without folder, ending and hash, since programs write it with or without
    them."""
    name = title.partition(" [")[0].replace("\\", "/").rpartition("/")[2].lower()
    return name.removesuffix(".safetensors").removesuffix(".ckpt")


def _yes_or_no(knob: Knob, text: str, capabilities: Capabilities) -> Fit:
    word = text.strip().lower()
    if word in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        value = word in ("true", "yes", "on", "1")
        return Fit(value, written(knob, value))
    fallback = bool(default(knob, capabilities))
    return Fit(fallback, written(knob, fallback), exact=False)


def _number(knob: Knob, text: str, capabilities: Capabilities) -> Fit:
    own, number = bounded(knob, capabilities), _read(text)
    if number is None:
        fallback = first_of(knob, capabilities)
        return Fit(fallback, written(knob, fallback), exact=False)
    low, high = own.low or 0, own.high or number
    value = max(low, min(number, high))
    if knob.kind is int:
        step = int(own.step or 1)
        value = round(value / step) * step if step > 1 else round(value)
        value += step * (value < low) - step * (value > high)
    fitted = in_form(knob, knob.kind(value))
    return Fit(fitted, written(knob, fitted), value == number)


def _read(text: str) -> int | float | None:
    """The number in a text; None if it is no number."""
    if len(text) > LONGEST:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def own_knob(entry: Mapping[str, Any]) -> Knob | None:
    """A model's own number or switch as a knob; None for an input that takes any text."""
    kind = {"integer": int, "number": float, "boolean": bool}.get(str(entry.get("type")))
    if kind is None or entry.get("choices"):
        return None
    return Knob(
        f"own_{entry['name']}",
        kind(entry.get("default") or 0),
        str(entry.get("label") or entry["name"]),
        entry.get("minimum", -LARGEST_IN_A_BROWSER),
        entry.get("maximum", LARGEST_IN_A_BROWSER),
        kind=kind,
    )


def knob_of(name: str, capabilities: Capabilities) -> Knob | None:
    """The setting behind a name in the address."""
    if name in KNOBS:
        return KNOBS[name] if KNOBS[name].is_plain else None
    entry = next((it for it in capabilities.inputs if name == f"own_{it['name']}"), None)
    return own_knob(entry) if entry else None
