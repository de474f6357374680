"""Variants: rows that inherit the form; each overrides what may vary, and nothing else can differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.compare.axes import Typed
from sdplay.errors import BadParams
from sdplay.params import KNOBS
from sdplay.schedulers import PRESETS, SCHEDULERS, scheduler_label
from sdplay.ui.session import Studio

OFFERED = ("scheduler", "steps", "cfg", "seed", "strength", "prompt", "negative", "model", "width", "height")
MOST = 12
BASELINE = "Baseline"
_ROWS, _SHOWN = "variants_rows", "variants_shown"
"""What the session keeps: the rows as they are now, and those that the editor on screen began with."""


def pick(studio: Studio) -> list[tuple[str, Typed]]:
    """All rows as one axis of presets."""
    capabilities = studio.capabilities
    offered = [name for name in OFFERED if not KNOBS[name].needs or capabilities.offers(KNOBS[name].needs)]
    if set(st.session_state.get("varying", ())) - set(offered):  # a file or a link from another backend
        st.session_state["varying"] = [name for name in st.session_state["varying"] if name in offered]
    varying = st.pills("What varies", offered, selection_mode="multi", default=["scheduler", "steps"], key="varying",
                       format_func=lambda name: KNOBS[name].label, bind="query-params",
                       help="Everything that is not chosen here is locked to the form, for every row.")  # fmt: skip
    rows = _named(_table(varying, capabilities))
    if st.toggle("The form as it is comes first", True, key="with_baseline", bind="query-params"):
        rows = [{"name": BASELINE}, *rows]
    if not 1 <= len(rows) <= MOST:
        raise BadParams(f"Compare 1 to {MOST} variants, not {len(rows)}.")
    return [("preset", rows)]


def _known(capabilities: Capabilities) -> list[dict[str, Any]]:
    """Three settings known to work; they differ in scheduler and steps only."""
    return [{"name": f"{SCHEDULERS[scheduler].label} · {steps}", "scheduler": scheduler, "steps": steps}
            for scheduler, steps in PRESETS if scheduler in (capabilities.schedulers or SCHEDULERS)]  # fmt: skip


def put(rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of a file into the form; call it from a callback."""
    state = st.session_state
    state["varying"] = [name for name in OFFERED if any(name in row for row in rows)]
    state["with_baseline"] = dict(rows[0]) == {"name": BASELINE}
    state[_ROWS] = [dict(row) for row in rows[state["with_baseline"] :]]
    state.pop(_SHOWN, None)


def fits(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether this table can hold them: few, and nothing in them but settings that it offers."""
    return len(rows) <= MOST and all(key in ("name", *OFFERED) for row in rows for key in row)


def _table(varying: list[str], capabilities: Capabilities) -> list[dict[str, Any]]:
    """The rows as edited, kept in the link; rows are added, copied and deleted in the table itself."""
    state = st.session_state
    columns: dict[str, Any] = {"name": st.column_config.TextColumn("Name", width="medium", pinned=True)}
    columns |= {name: _column(name, capabilities) for name in varying}
    first = _known(capabilities)
    if _ROWS not in state:
        state[_ROWS] = _linked() or first
    key = f"variants_{'_'.join(varying)}"
    if key not in state or _SHOWN not in state:  # an editor of other columns begins with what the last one held
        state[_SHOWN] = [{name: row.get(name) for name in columns} for row in state[_ROWS]]
        state.pop(key, None)
    edited = st.data_editor(state[_SHOWN], column_config=columns, num_rows="dynamic", hide_index=True,
                            width="stretch", key=key, placeholder="as in the form")  # fmt: skip
    rows = [{name: value for name, value in row.items() if value not in (None, "")} for row in edited]
    rows = [row for row in rows if row]
    if rows != state[_ROWS]:
        state[_ROWS] = rows
        st.query_params["variants"] = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return rows


def _named(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": f"Variant {at}", **row} for at, row in enumerate(rows, 1)]


def _linked() -> list[dict[str, Any]]:
    """The rows that the link brings; nothing when it was cut or written by hand wrongly."""
    try:
        rows = json.loads(st.query_params.get("variants", "[]"))
    except ValueError:
        return []
    return rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) and fits(rows) else []


def _column(name: str, capabilities: Capabilities) -> Any:
    """A column fit for this knob's type."""
    knob = KNOBS[name]
    if name == "scheduler":
        return st.column_config.SelectboxColumn(
            knob.label, options=list(capabilities.schedulers or SCHEDULERS), help=knob.help, width="medium",
            format_func=lambda value: scheduler_label(str(value)))  # fmt: skip
    if name == "model" and capabilities.models:
        return st.column_config.SelectboxColumn(knob.label, options=list(capabilities.models), help=knob.help)
    if knob.kind in (int, float):
        return st.column_config.NumberColumn(knob.label, min_value=knob.low, max_value=knob.high, step=knob.step,
                                             help=knob.help)  # fmt: skip
    return st.column_config.TextColumn(knob.label, help=knob.help, width="medium")
