"""Variants: columns that take their settings from the form. Each overrides what may vary, and
nothing else can differ."""

import json
import uuid
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.compare.axes import Typed, axis
from sdplay.compare.guard import value_text
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.schedulers import PRESETS, SCHEDULERS
from sdplay.ui import address
from sdplay.ui.form.controls import bounded, current
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.ui.share.linked import MOST_VARIANTS, VARYING, Row
from sdplay.wording import literal

SIDE_BY_SIDE = 4
BASELINE = "Baseline"
_ROWS, _IDS = "variants_rows", "variants_ids"
"""The session's names for what each column overrides, and for the ids of its controls."""


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """All columns as one axis of presets, with the form's values where they override nothing."""
    capabilities = studio.capabilities
    offered = [
        name for name in VARYING if not KNOBS[name].needs or capabilities.offers(KNOBS[name].needs)
    ]
    if set(st.session_state.get("varying", ())) - set(
        offered
    ):  # a file or a link from another backend
        st.session_state["varying"] = [
            name for name in st.session_state["varying"] if name in offered
        ]
    varying = st.pills(
        "What varies",
        offered,
        selection_mode="multi",
        default=[name for name in ("scheduler", "steps") if name in offered],
        **linked.bound("varying"),
        format_func=lambda name: KNOBS[name].label,
        help="Everything that is not chosen here is locked to the form, for every column.",
    )
    rows = _columns(varying, capabilities)
    if st.session_state["with_baseline"]:
        rows = [{"name": BASELINE}, *rows]
    if not 1 <= len(rows) <= MOST_VARIANTS:
        raise BadParams(f"Compare 1 to {MOST_VARIANTS} variants, not {len(rows)}.")
    return [("preset", rows)]


def put(rows: Sequence[Mapping[str, Any]]) -> None:
    """Puts the rows of a file into the columns. Call it from a callback."""
    state = st.session_state
    with_baseline = dict(rows[0]) == {"name": BASELINE}
    varying = [name for name in VARYING if any(name in row for row in rows)]
    address.put({"varying": varying, "with_baseline": with_baseline})
    state[_ROWS] = [dict(row) for row in rows[with_baseline:]]
    state.pop(_IDS, None)


def only(name: str, values: Sequence[Any]) -> None:
    """Sets all but this setting to the form's values. Call it from a callback."""
    st.session_state["varying"] = [name]


def _columns(varying: list[str], capabilities: Capabilities) -> list[Row]:
    """Draws the form's own column and one for each variant, and returns what they override."""
    state = st.session_state
    if _ROWS not in state:
        state[_ROWS] = linked.rows_of(st.query_params.get("variants", "[]")) or _default_rows(
            capabilities
        )
    if len(state.get(_IDS, ())) != len(state[_ROWS]):
        state[_IDS] = [_new_id() for _ in state[_ROWS]]
    places = [
        column
        for _ in range(0, len(state[_IDS]) + 1, SIDE_BY_SIDE)
        for column in st.columns(SIDE_BY_SIDE)
    ]
    with places[0].container(border=True, gap="small", height="stretch"):
        _baseline(varying, capabilities)
    for at, id in enumerate(state[_IDS]):
        with places[at + 1].container(
            border=True, gap="small", height="stretch", key=f"variant_{id}"
        ):
            _column(at, id, varying, capabilities)
    st.button(
        "Add a variant",
        icon=":material/add:",
        type="tertiary",
        key="variant_add",
        on_click=_add,
        disabled=len(state[_IDS]) >= MOST_VARIANTS - 1,
    )
    text = json.dumps(state[_ROWS], separators=(",", ":"), ensure_ascii=False)
    if text != st.query_params.get(
        "variants", json.dumps(_default_rows(capabilities), separators=(",", ":"))
    ):
        st.query_params["variants"] = text
    return _named(state[_ROWS], varying)


def _baseline(varying: list[str], capabilities: Capabilities) -> None:
    """The column of the form's own values, which the others take over."""
    st.text_input("Name", BASELINE, disabled=True)
    for name in varying:
        st.text_input(KNOBS[name].label, _inherited(name, capabilities), disabled=True)
    st.toggle(
        "Include it",
        True,
        **linked.bound("with_baseline"),
        help="The form as it is, first in the comparison.",
    )


def _column(at: int, id: str, varying: list[str], capabilities: Capabilities) -> None:
    """One variant, with a control for each setting that may vary. An empty control takes the form's
    value."""
    state = st.session_state
    row = state[_ROWS][at]
    state.setdefault(_key(id, "name"), str(row.get("name", "")))
    for name in varying:
        _fill(name, id, row.get(name), capabilities)
    row = state[_ROWS][at] = _overrides(at, id, varying)
    st.text_input(
        "Name", key=_key(id, "name"), placeholder=_name(row, varying) or f"Variant {at + 1}"
    )
    for name in varying:
        _override(name, _key(id, name), capabilities)
        if (left := state.get(_key(id, f"{name}_left"))) is not None:
            st.caption(
                f":orange[:material/info:] {literal(left)} does not fit here: as in the form."
            )
    with st.container(horizontal=True, gap="xsmall", horizontal_alignment="right"):
        st.button(
            "Copy",
            icon=":material/content_copy:",
            type="tertiary",
            key=_key(id, "copy"),
            on_click=_copy,
            args=(id,),
            disabled=len(state[_IDS]) >= MOST_VARIANTS - 1,
        )
        st.button(
            "Remove",
            icon=":material/close:",
            type="tertiary",
            key=_key(id, "remove"),
            on_click=_remove,
            args=(id,),
        )


def _override(name: str, key: str, capabilities: Capabilities) -> None:
    knob, inherited = bounded(KNOBS[name], capabilities), _inherited(name, capabilities)
    if options := _options(name, capabilities):
        st.selectbox(
            knob.label,
            options,
            None,
            lambda value: value_text(name, value),
            key=key,
            placeholder=inherited,
        )
    elif knob.is_number:
        low, high, step = (
            None if limit is None else knob.kind(limit)
            for limit in (knob.low, knob.high, knob.step)
        )
        st.number_input(knob.label, low, high, None, step, key=key, placeholder=inherited)
    else:
        st.text_input(knob.label, key=key, placeholder=inherited)


def _inherited(name: str, capabilities: Capabilities) -> str:
    """The form's value, as a control shows it while nothing overrides it."""
    return value_text(name, current(name, capabilities))


def _options(name: str, capabilities: Capabilities) -> tuple[str, ...]:
    if name == "scheduler":
        return capabilities.schedulers or tuple(SCHEDULERS)
    return capabilities.choices(KNOBS[name]) or ()


def _fill(name: str, id: str, initial: Any, capabilities: Capabilities) -> None:
    """Fills the controls with the row's values at first.

    Values that the control cannot take come from a link, a file or another backend. They are left
    out, and a note stays until something else is chosen.
    """
    state, key = st.session_state, _key(id, name)
    value = state.get(key, initial)
    if value in (None, ""):
        return
    fitting = _fitting(name, value, capabilities)
    state[f"{key}_left"] = None if fitting is not None else value_text(name, value)
    if key not in state or state[key] != fitting:
        state[key] = fitting


def _fitting(name: str, value: Any, capabilities: Capabilities) -> Any:
    """The value as its control takes it, or None if it does not."""
    knob = bounded(KNOBS[name], capabilities)
    if options := _options(name, capabilities):
        same = capabilities.listed_scheduler(str(value)) if name == "scheduler" else ""
        return next((candidate for candidate in (value, same) if candidate in options), None)
    if knob.kind is str:
        return str(value)
    try:
        number = knob.kind(value)
        whole = number == float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return (
        number
        if whole and (knob.low or 0) <= number <= (number if knob.high is None else knob.high)
        else None
    )


def _overrides(at: int, id: str, varying: Sequence[str]) -> Row:
    """What a column overrides now. Its values for settings that no longer vary are remembered."""
    state = st.session_state
    values = {name: state.get(_key(id, name)) for name in ("name", *varying)}
    waiting = {name: value for name, value in state[_ROWS][at].items() if name not in values}
    return {**{name: value for name, value in values.items() if value not in (None, "")}, **waiting}


def _add() -> None:
    st.session_state[_ROWS].append({})
    st.session_state[_IDS].append(_new_id())


def _copy(id: str) -> None:
    state = st.session_state
    at = state[_IDS].index(id)
    row = _overrides(at, id, state["varying"])
    if "name" in row:
        row["name"] += " copy"
    state[_ROWS].insert(at + 1, row)
    state[_IDS].insert(at + 1, _new_id())


def _remove(id: str) -> None:
    state = st.session_state
    at = state[_IDS].index(id)
    del state[_ROWS][at], state[_IDS][at]


def _new_id() -> str:
    return uuid.uuid4().hex[:8]


def _key(id: str, name: str) -> str:
    return f"variant_{id}_{name}"


def _name(row: Mapping[str, Any], varying: Sequence[str]) -> str:
    """The name of a variant without one of its own: all that it overrides."""
    return " · ".join(
        axis(name).said(value_text(name, row[name])) for name in varying if name in row
    )[:80]


def _named(rows: Sequence[Mapping[str, Any]], varying: Sequence[str]) -> list[Row]:
    """The variants that override something, each with a name that no other has."""
    named: dict[str, Row] = {}
    for row in rows:
        own = {name: row[name] for name in varying if name in row}
        own_name = str(row.get("name") or _name(row, varying))
        names = chain([own_name], (f"{own_name} ({at})" for at in count(2)))
        name = next(candidate for candidate in names if candidate not in (BASELINE, *named))
        if own:
            named[name] = {"name": name, **own}
    return list(named.values())


def _default_rows(capabilities: Capabilities) -> list[Row]:
    """Three settings that are known to work and differ only in scheduler and steps."""
    return [
        {"scheduler": scheduler, "steps": steps}
        for scheduler, steps in PRESETS
        if scheduler in (capabilities.schedulers or SCHEDULERS)
    ]
