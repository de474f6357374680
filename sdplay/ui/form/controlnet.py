"""ControlNet: guide pictures that steer the layout, one unit under the other."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.params import Control
from sdplay.ui import address, notes, session, whole
from sdplay.ui.form import visit
from sdplay.ui.form.start_image import KINDS, small
from sdplay.ui.picture import inline

UNITS = 3
GUIDES = "guides"
"""Their name in the address."""
MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")


def choose(capabilities: Capabilities) -> None:
    """Ask for units; the next one appears when this one has its picture."""
    _follow_address()
    units_before: tuple[Control, ...] = st.session_state.get("control_held", ())
    units = []
    for number in range(1, UNITS + 1):
        before = units_before[number - 1] if number <= len(units_before) else None
        unit = _unit(number, before, capabilities)
        if unit is None:
            break
        units.append(unit)
        st.divider()
    st.session_state["control_units"] = tuple(units)
    _remember(units)


def _follow_address() -> None:
    """Hold the units that the address names, after a reload or the way back."""
    if not address.arrived():
        return  # one that says something else is only late
    ids = st.query_params.get_all(GUIDES)
    if ids == st.session_state.get("control_ids", []):
        return
    uploads = [session.uploads().find(session.visitor(), id) for id in ids]
    units = tuple(Control(upload.data, **json.loads(upload.use)) for upload in uploads if upload)
    _put(units)
    st.session_state["control_ids"] = ids
    if len(units) < len(ids):
        notes.add("A guide picture of this link is gone, or its owner keeps it private.")


def _remember(units: Sequence[Control]) -> None:
    """Say in the address under which ids a reload finds these units."""
    memory, visitor = session.uploads(), session.visitor()
    names = (memory.keep(visitor, unit.image, json.dumps(_use(unit))) for unit in units)
    ids = [id for id in names if id]
    if ids != st.query_params.get_all(GUIDES):
        st.session_state["control_ids"] = ids
        address.rewrite({GUIDES: ids or None})


def _use(unit: Control) -> dict[str, Any]:
    """All of a unit but its picture."""
    names = (field.name for field in fields(unit) if field.name != "image")
    return {name: getattr(unit, name) for name in names}


def hold(units: tuple[Control, ...]) -> None:
    """Take a picture's units over; call it from a callback."""
    whole.due()
    _put(units)


def _put(units: tuple[Control, ...]) -> None:
    state = st.session_state
    state["control_held"] = units
    state["control_round"] = state.get("control_round", 0) + 1


def _unit(number: int, before: Control | None, capabilities: Capabilities) -> Control | None:
    key = f"control_{st.session_state.get('control_round', 0)}_{number}"
    upload = visit.uploaded(
        st.file_uploader(
            f"Guide picture {number}",
            KINDS,
            key=f"{key}_image",
            max_upload_size=20,
            help="Its lines, depth or poses steer where things are.",
        )
    )
    image = upload or (before.image if before else b"")
    if not image:
        return None
    inline.picture(small(image), width=140, alt=f"Guide picture {number}")
    unit_before = before or Control(image, "")
    model = _choice(
        "ControlNet model", capabilities.control_models or (), unit_before.model, f"{key}_model"
    )
    module = _choice(
        "Preprocessor",
        ("none", *(capabilities.control_modules or ())),
        unit_before.module,
        f"{key}_module",
    )
    weight = st.slider(
        "Weight",
        0.0,
        2.0,
        unit_before.weight,
        0.05,
        key=f"{key}_weight",
        help="How hard it steers.",
    )
    start, end = st.slider(
        "From and until",
        0.0,
        1.0,
        (unit_before.start, unit_before.end),
        0.05,
        key=f"{key}_when",
        help="The share of the steps in which it steers.",
    )
    mode = _choice("Mode", MODES, unit_before.mode, f"{key}_mode")
    return Control(image, model, module, weight, start, end, mode)


def _choice(label: str, offered: tuple[str, ...], initial: str, key: str) -> str:
    choices = list(dict.fromkeys(offered))
    return str(
        st.selectbox(
            label, choices, index=choices.index(initial) if initial in choices else 0, key=key
        )
    )
