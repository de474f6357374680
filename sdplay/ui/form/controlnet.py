"""ControlNet: guide pictures that steer the layout, one unit below the other."""

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
"""The address's name for the guide pictures."""
MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")


def choose(capabilities: Capabilities) -> None:
    """Ask for units, for one more than have their picture; one whose picture is exchanged for
    another has none for a moment, and those after it stay."""
    _follow_address()
    units = []
    for number in range(1, min(UNITS, _last_with_picture() + 1) + 1):
        if unit := _unit(number, capabilities):
            units.append(unit)
            st.divider()
    st.session_state["control_units"] = tuple(units)
    _remember(units)


def _last_with_picture() -> int:
    uploads = (st.session_state.get(f"{_key(number)}_image") for number in range(1, UNITS + 1))
    given = [number for number, upload in enumerate(uploads, 1) if upload]
    return max([*given, len(st.session_state.get("control_held", ()))])


def _key(number: int) -> str:
    return f"control_{st.session_state.get('control_round', 0)}_{number}"


def _follow_address() -> None:
    """Restores the units that the address names, after a reload or the browser's back button."""
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
    """Writes into the address the ids by which a reload finds these units."""
    memory, visitor = session.uploads(), session.visitor()
    names = (memory.keep(visitor, unit.image, json.dumps(_use(unit))) for unit in units)
    ids = [id for id in names if id]
    if not ids == st.query_params.get_all(GUIDES) == st.session_state.get("control_ids", []):
        st.session_state["control_ids"] = ids
        address.rewrite({GUIDES: ids or None})


def _use(unit: Control) -> dict[str, Any]:
    """Puts all settings of a unit but its picture into the form."""
    names = (field.name for field in fields(unit) if field.name != "image")
    return {name: getattr(unit, name) for name in names}


def hold(units: tuple[Control, ...]) -> None:
    """Takes over the units of a picture. Call it from a callback."""
    whole.due()
    _put(units)


def _put(units: tuple[Control, ...]) -> None:
    state = st.session_state
    state["control_held"] = units
    state["control_before"] = dict(enumerate(units, 1))
    state["control_latest"] = {}
    state["control_round"] = state.get("control_round", 0) + 1


def _unit(number: int, capabilities: Capabilities) -> Control | None:
    """One guide picture with its settings, which another picture in its place takes over."""
    key, state = _key(number), st.session_state
    befores, latest = (state.setdefault(name, {}) for name in ("control_before", "control_latest"))
    held = dict(enumerate(state.get("control_held", ()), 1)).get(number)
    upload = visit.uploaded(
        st.file_uploader(
            f"Guide picture {number}",
            KINDS,
            key=f"{key}_image",
            max_upload_size=20,
            help="Its lines, depth or poses steer where things are.",
        )
    )
    image = upload or (held.image if held else b"")
    if not image:
        befores.update({number: latest.pop(number)} if number in latest else {})
        return None
    inline.picture(small(image), width=140, alt=f"Guide picture {number}")
    if not upload:
        _removal(number)
    before = befores.get(number) or Control(image, "")
    latest[number] = unit = _settings(image, before, key, capabilities)
    return unit


def _removal(number: int) -> None:
    """The way to take away a picture that no uploader holds: one of before a reload."""

    def remove() -> None:
        units = st.session_state["control_latest"]
        hold(tuple(units[other] for other in sorted(units) if other != number))

    st.button(
        f"Remove guide picture {number}",
        icon=":material/close:",
        type="tertiary",
        key=f"{_key(number)}_remove",
        on_click=remove,
    )


def _settings(image: bytes, before: Control, key: str, capabilities: Capabilities) -> Control:
    model = _choice(
        "ControlNet model", capabilities.control_models or (), before.model, f"{key}_model"
    )
    module = _choice(
        "Preprocessor",
        ("none", *(capabilities.control_modules or ())),
        before.module,
        f"{key}_module",
    )
    weight = st.slider(
        "Weight",
        0.0,
        2.0,
        before.weight,
        0.05,
        key=f"{key}_weight",
        help="How hard it steers.",
    )
    start, end = st.slider(
        "From and until",
        0.0,
        1.0,
        (before.start, before.end),
        0.05,
        key=f"{key}_when",
        help="The share of the steps in which it steers.",
    )
    mode = _choice("Mode", MODES, before.mode, f"{key}_mode")
    return Control(image, model, module, weight, start, end, mode)


def _choice(label: str, offered: tuple[str, ...], initial: str, key: str) -> str:
    choices = list(dict.fromkeys(offered))
    return str(
        st.selectbox(
            label, choices, index=choices.index(initial) if initial in choices else 0, key=key
        )
    )
