"""ControlNet: guide pictures that steer the layout, one unit under the other."""

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.params import Control
from sdplay.ui import whole
from sdplay.ui.start_image import KINDS, small

UNITS = 3
MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")


def choose(capabilities: Capabilities) -> None:
    """Ask for units; the next one appears when this one has its picture."""
    held: tuple[Control, ...] = st.session_state.get("control_held", ())
    units = []
    for number in range(1, UNITS + 1):
        before = held[number - 1] if number <= len(held) else None
        unit = _unit(number, before, capabilities)
        if unit is None:
            break
        units.append(unit)
        st.divider()
    st.session_state["control_units"] = tuple(units)


def hold(units: tuple[Control, ...]) -> None:
    """Take a picture's units over; call it from a callback."""
    whole.due()
    state = st.session_state
    state["control_held"] = units
    state["control_round"] = state.get("control_round", 0) + 1


def _unit(number: int, before: Control | None, capabilities: Capabilities) -> Control | None:
    key = f"control_{st.session_state.get('control_round', 0)}_{number}"
    given = st.file_uploader(
        f"Guide picture {number}",
        KINDS,
        key=f"{key}_image",
        max_upload_size=20,
        help="Its lines, depth or poses steer where things are.",
    )
    image = given.getvalue() if given else before.image if before else b""
    if not image:
        return None
    st.image(small(image), width=140, alt=f"Guide picture {number}")
    first = before or Control(image, "")
    model = _choice(
        "ControlNet model", capabilities.control_models or (), first.model, f"{key}_model"
    )
    module = _choice(
        "Preprocessor",
        ("none", *(capabilities.control_modules or ())),
        first.module,
        f"{key}_module",
    )
    weight = st.slider(
        "Weight", 0.0, 2.0, first.weight, 0.05, key=f"{key}_weight", help="How hard it steers."
    )
    start, end = st.slider(
        "From and until",
        0.0,
        1.0,
        (first.start, first.end),
        0.05,
        key=f"{key}_when",
        help="The share of the steps in which it steers.",
    )
    mode = _choice("Mode", MODES, first.mode, f"{key}_mode")
    return Control(image, model, module, weight, start, end, mode)


def _choice(label: str, known: tuple[str, ...], first: str, key: str) -> str:
    choices = list(dict.fromkeys(known))
    return str(
        st.selectbox(label, choices, index=choices.index(first) if first in choices else 0, key=key)
    )
