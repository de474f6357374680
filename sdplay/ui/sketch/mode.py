"""The use of the canvas: a drawing to start from, a guide for ControlNet, or a mask."""

from collections.abc import Callable

import streamlit as st

from sdplay.ui.session import Studio
from sdplay.ui.share import linked


def choose(studio: Studio, on_change: Callable[[], None]) -> None:
    """Asks for the use of the canvas, if there is a choice."""
    modes = linked.sketches(studio.capabilities)
    if len(modes) > 1:
        st.segmented_control(
            "What the canvas is for",
            list(modes),
            default="draw",
            required=True,
            **linked.bound("sketch_as"),
            format_func=modes.__getitem__,
            label_visibility="collapsed",
            on_change=on_change,
        )


def chosen(studio: Studio) -> str:
    """The use that was chosen, if this backend offers it or says what is missing."""
    mode = str(st.session_state.get("sketch_as", "draw"))
    return mode if mode in linked.sketches(studio.capabilities) else "draw"


def missing(studio: Studio, mode: str) -> str:
    """What to install for it; empty if nothing is missing."""
    need, capabilities = linked.SKETCH_NEEDS.get(mode, ""), studio.capabilities
    return "" if capabilities.offers(need) else capabilities.hints[need]
