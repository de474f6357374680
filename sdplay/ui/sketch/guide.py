"""Guide: the drawing steers where things are, through a ControlNet of the backend."""

from collections.abc import Sequence

import streamlit as st

from sdplay.errors import BadParams
from sdplay.params import Control, Params
from sdplay.picture import jpeg_bytes
from sdplay.ui.form import form
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.sketch.sitting import Sitting

PREFERRED = "scribble"
"""A drawing is one: of models and preprocessors, the first of this name is chosen at first."""


def settings(studio: Studio, seat: Sitting) -> None:
    """Ask for model and preprocessor, how hard it steers and when; show what the model gets."""
    capabilities = studio.capabilities
    models = list(capabilities.control_models or ())
    modules = list(dict.fromkeys(("none", *(capabilities.control_modules or ()))))
    left, right = st.columns(2, gap="small")
    with left:
        st.selectbox(
            "ControlNet model", models, _first(models), key="guide_model", on_change=seat.again
        )
        st.slider(
            "Weight",
            0.0,
            2.0,
            1.0,
            0.05,
            key="guide_weight",
            on_change=seat.again,
            help="How hard it steers.",
        )
    with right:
        st.selectbox(
            "Preprocessor", modules, _first(modules), key="guide_module", on_change=seat.again
        )
        st.slider(
            "From and until",
            0.0,
            1.0,
            (0.0, 1.0),
            0.05,
            key="guide_when",
            on_change=seat.again,
            help="The share of the steps in which it steers.",
        )
    if seat.drawing and seat.drawing.data:
        _preview(studio, seat.drawing.data)


def _first(names: Sequence[str]) -> int:
    named = [number for number, name in enumerate(names) if PREFERRED in name.lower()]
    return named[0] if named else 0


def _preview(studio: Studio, drawing: bytes) -> None:
    """What the preprocessor makes of the drawing, when it is asked for."""
    if not st.toggle("Show what the model gets", key="guide_preview"):
        return
    module = str(st.session_state["guide_module"])
    with explained():
        look = drawing if module == "none" else _preprocessed(studio, drawing, module)
        st.image(look, width=180, alt=f"The drawing after {module}")


def _preprocessed(studio: Studio, drawing: bytes, module: str) -> bytes:
    """Asked for once: the visit holds that of the latest drawing."""
    asked = (studio.backend.name, module, hash(drawing))
    held = st.session_state.get("guide_look")
    if not held or held[0] != asked:
        image = studio.backend.preprocessed(drawing, module)
        held = (asked, jpeg_bytes(image, longest=360))
        st.session_state["guide_look"] = held
    return bytes(held[1])


def params(studio: Studio, seat: Sitting) -> Params:
    """The form's settings, with the drawing as their only guide."""
    drawing = seat.shown()
    state = st.session_state
    if not state.get("guide_model"):
        raise BadParams("There is no ControlNet model to guide by. Choose one, and ask again.")
    start, end = state["guide_when"]
    unit = Control(
        drawing,
        state["guide_model"],
        state["guide_module"],
        state["guide_weight"],
        start,
        end,
    )
    return form.asked(studio.capabilities).with_(control=(unit,))
