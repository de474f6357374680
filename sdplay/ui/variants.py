"""Variants: rows that inherit the form; each overrides what may vary, and nothing else can differ."""

from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.compare.axes import Typed
from sdplay.errors import BadParams
from sdplay.params import KNOBS
from sdplay.schedulers import PRESETS, SCHEDULERS
from sdplay.ui.axes import scheduler_label
from sdplay.ui.session import Studio

OFFERED = ("scheduler", "steps", "cfg", "seed", "strength", "prompt", "negative", "model", "width", "height")
MOST = 12


def pick(studio: Studio) -> list[tuple[str, Typed]]:
    """All rows as one axis of presets."""
    capabilities = studio.capabilities
    offered = [name for name in OFFERED if not KNOBS[name].needs or capabilities.offers(KNOBS[name].needs)]
    varying = st.pills("What varies", offered, selection_mode="multi", default=["scheduler", "steps"], key="varying",
                       format_func=lambda name: KNOBS[name].label,
                       help="Everything that is not chosen here is locked to the form, for every row.")  # fmt: skip
    rows = _table(varying, capabilities)
    if st.toggle("The form as it is comes first", True, key="with_baseline"):
        rows = [{"name": "Baseline"}, *rows]
    if not 1 <= len(rows) <= MOST:
        raise BadParams(f"Compare 1 to {MOST} variants, not {len(rows)}.")
    return [("preset", rows)]


def _known(capabilities: Capabilities) -> list[dict[str, Any]]:
    """Three settings known to work; they differ in scheduler and steps only."""
    return [{"name": f"{SCHEDULERS[scheduler].label} · {steps}", "scheduler": scheduler, "steps": steps}
            for scheduler, steps in PRESETS if scheduler in (capabilities.schedulers or SCHEDULERS)]  # fmt: skip


def _table(varying: list[str], capabilities: Capabilities) -> list[dict[str, Any]]:
    """The rows as edited; rows are added, copied and deleted in the table itself."""
    columns: dict[str, Any] = {"name": st.column_config.TextColumn("Name", width="medium", pinned=True)}
    columns |= {name: _column(name, capabilities) for name in varying}
    start = [{name: row.get(name) for name in columns} for row in _known(capabilities)]
    edited = st.data_editor(start, column_config=columns, num_rows="dynamic", hide_index=True, width="stretch",
                            key=f"variants_{'_'.join(varying)}")  # fmt: skip
    rows = [{name: value for name, value in row.items() if value not in (None, "")} for row in edited]
    return [{"name": f"Variant {at}", **row} for at, row in enumerate((row for row in rows if row), 1)]


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
