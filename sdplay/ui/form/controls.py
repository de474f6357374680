"""Draws the control for any knob, as its type, range and choices require."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.compare.grammar import shown
from sdplay.errors import BadParams
from sdplay.knob import OWN, Knob
from sdplay.params import KNOBS
from sdplay.schedulers import scheduler_label
from sdplay.ui import address

LARGEST_IN_A_BROWSER = 2**53 - 1
FIRST = {"prompt": "a frog on a blue background", "seed": 7}
"""The settings that a first visitor finds filled in."""


def bound() -> dict[str, Any]:
    """The key of a control that is part of the link.

    Where pictures are requested, their price and the state of a sketch's picture follow the form at
    once. Elsewhere nothing runs while somebody is still changing settings.
    """
    view = st.session_state.get("view") or st.query_params.get("view")
    follows = view in (None, "Generate", "Compare", "Sketch")
    return {"bind": "query-params", "on_change": "rerun" if follows else "ignore"}


def draw(knob: Knob, capabilities: Capabilities) -> None:
    """The control of one knob, with its value in the link under the knob's name."""
    choices = capabilities.choices(knob)
    if choices and knob.several:
        chosen = st.pills(
            knob.label,
            choices,
            selection_mode="multi",
            key="style_names",
            help=knob.help,
            **bound(),
        )
        st.session_state[knob.name] = "|".join(chosen)
    elif choices:
        _choice(knob, choices)
    elif knob.kind is bool:
        st.toggle(knob.label, default(knob, capabilities), key=knob.name, help=knob.help, **bound())
    elif knob.group == "raw":
        st.text_area(
            knob.label,
            key=knob.name,
            help=knob.help,
            height=96,
            placeholder='{"tiling": true}',
            **bound(),
        )
    elif knob.kind is str:
        st.text_input(
            knob.label, default(knob, capabilities), key=knob.name, help=knob.help, **bound()
        )
    elif knob.unset and knob.kind is int:
        _counted(knob, capabilities)
    elif knob.unset:
        _left_open(knob, capabilities)
    elif knob.kind is float or (knob.high or 0) <= 500:
        slider(knob, capabilities)
    elif knob.kind is int:
        typed(knob, capabilities)


def default(knob: Knob, capabilities: Capabilities) -> Any:
    """The backend's own default, otherwise ours, within its range."""
    first = {**FIRST, "negative": next(iter(capabilities.negatives), "")}
    value = knob.check(capabilities.defaults.get(knob.name, first.get(knob.name, knob.default)))
    if value is None or not knob.is_number:
        return value
    return knob.kind(clamped(knob, value, capabilities))


def clamped(knob: Knob, value: float, capabilities: Capabilities) -> float:
    """The nearest value that this model accepts."""
    own = bounded(knob, capabilities)
    return max(own.low or 0, min(value, own.high or value))


def current(name: str, capabilities: Capabilities) -> Any:
    """The value in the form now, also before the control is drawn or where it is not on the
    screen."""
    knob, linked = KNOBS[name], st.query_params.get(name)
    initial = default(knob, capabilities)
    if address.bound(name) and not address.arrived():
        return st.session_state.get(name, initial)
    if linked is not None:
        with suppress(BadParams):
            return knob.check(linked)
    return initial if address.arrived() else st.session_state.get(name, initial)


def bounded(knob: Knob, capabilities: Capabilities) -> Knob:
    """The knob with this model's own range if it has one, within the numbers that a browser can
    hold."""
    if not knob.is_number:
        return knob
    own = {"width": capabilities.size_limits, "height": capabilities.size_limits}
    low, high = {**own, **capabilities.limits}.get(knob.name, (knob.low or 0, knob.high or 0))
    low = knob.kind(max(low, knob.low or 0))
    high = knob.kind(min(high, knob.high or high, LARGEST_IN_A_BROWSER))
    usual = knob.usual and (max(low, knob.usual[0]), min(high, knob.usual[1]))
    step = capabilities.size_step if knob.name in own else knob.step
    return replace(knob, low=low, high=high, step=step, usual=usual)


def slider(knob: Knob, capabilities: Capabilities) -> None:
    """A slider over the usual range. It is extended if a link or a picture has a larger value."""
    knob = bounded(knob, capabilities)
    kind: Callable[[Any], Any] = knob.kind
    low, high = knob.usual or (knob.low or 0, knob.high or 1)
    now = current(knob.name, capabilities)
    step = kind(knob.step or 1)
    form = "%d" if kind is int else "%.2f" if step < 0.1 else "%.1f"
    st.slider(
        knob.label,
        kind(low),
        kind(max(high, now)),
        default(knob, capabilities),
        step,
        form,
        key=knob.name,
        help=knob.help,
        **bound(),
    )


def in_form(knob: Knob, value: Any) -> Any:
    """A value in the form in which the knob's control holds it."""
    return shown(value) if knob.unset and knob.kind is int else value


def first_of(knob: Knob, capabilities: Capabilities) -> Any:
    """The value of a knob's control before anybody changes it."""
    return in_form(knob, default(knob, capabilities))


def written(knob: Knob, value: Any) -> str:
    """A value of a knob as its control and the address write it."""
    if value is None or (knob.unset and value in (OWN, "")):
        return knob.unset if knob.kind is int or knob.choices else ""
    if knob.name == "scheduler":
        return scheduler_label(str(value))
    if knob.kind is bool:
        return str(value).lower()
    return f"{value:.10g}" if knob.kind is float else str(value)


def _counted(knob: Knob, capabilities: Capabilities) -> None:
    """A small whole number, or the backend's own value."""
    knob = bounded(knob, capabilities)
    choices = [OWN, *map(str, range(int(knob.low or 0), int(knob.high or 0) + 1))]
    initial = first_of(knob, capabilities)
    if st.session_state.get(knob.name, initial) not in choices:
        st.session_state[knob.name] = initial
    st.selectbox(
        knob.label,
        choices,
        choices.index(initial),
        lambda value: written(knob, value),
        key=knob.name,
        help=knob.help,
        **bound(),
    )


def _left_open(knob: Knob, capabilities: Capabilities) -> None:
    """A field for a number. If it is empty, the backend decides."""
    knob = bounded(knob, capabilities)
    st.number_input(
        knob.label,
        knob.kind(knob.low),
        knob.kind(knob.high),
        default(knob, capabilities),
        knob.kind(knob.step),
        key=knob.name,
        help=knob.help,
        placeholder=knob.unset,
        **bound(),
    )


def typed(knob: Knob, capabilities: Capabilities, **options: Any) -> None:
    """A field for a number. It also accepts a size that the model cannot make, which a sentence
    then explains."""
    own = bounded(knob, capabilities)
    reach = knob if knob.name in ("width", "height") else own
    st.number_input(
        knob.label,
        int(reach.low or 0),
        int(reach.high or 0),
        default(knob, capabilities),
        int(own.step or 1),
        key=knob.name,
        help=knob.help,
        **{**bound(), **options},
    )


def model_input(entry: Mapping[str, Any]) -> None:
    """One input that only this model has, described by its own schema."""
    label, initial = entry.get("label") or entry["name"], entry.get("default")
    options: dict[str, Any] = {
        "key": f"own_{entry['name']}",
        "help": entry.get("help") or None,
        **bound(),
    }
    kind = entry.get("type", "string")
    if choices := entry.get("choices"):
        st.selectbox(
            label, choices, index=choices.index(initial) if initial in choices else 0, **options
        )
    elif kind == "boolean":
        st.toggle(label, bool(initial), **options)
    elif kind in ("integer", "number"):
        st.number_input(label, *_range(entry, int if kind == "integer" else float), **options)
    else:
        st.text_input(label, str(initial or ""), **options)


def _range(entry: Mapping[str, Any], kind: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    """The smallest, largest and first value of a model's own number, within what a browser can
    hold."""
    low, high, initial = (
        _in_a_browser(entry.get(name), kind) for name in ("minimum", "maximum", "default")
    )
    if initial is not None:
        initial = initial if low is None else max(low, initial)
        initial = initial if high is None else min(high, initial)
    return low, high, initial


def _in_a_browser(value: Any, kind: Callable[[Any], Any]) -> Any:
    """The nearest number that a browser can hold; None if the value is no number."""
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return kind(max(-LARGEST_IN_A_BROWSER, min(value, LARGEST_IN_A_BROWSER)))


def _choice(knob: Knob, choices: tuple[str, ...]) -> None:
    unlisted = [] if knob.default in choices else [knob.default]
    if st.session_state.get(knob.name, knob.default) not in (*unlisted, *choices):
        st.session_state[knob.name] = knob.default if unlisted else choices[0]
    st.selectbox(
        knob.label,
        [*unlisted, *choices],
        key=knob.name,
        help=knob.help,
        format_func=lambda name: written(knob, name),
        **bound(),
    )
