"""Guide: the drawing decides where things are, through a ControlNet of the backend."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from sdplay.errors import BadParams
from sdplay.params import Control, Params
from sdplay.picture import jpeg_bytes
from sdplay.ui.form import form
from sdplay.ui.picture import inline
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.ui.sketch.sitting import Sitting

PREFERRED = "scribble"
"""A model or preprocessor with this word in its name is chosen at first, because a drawing is a
scribble."""


def settings(studio: Studio, seat: Sitting) -> None:
    """Asks for model and preprocessor, the weight and the steps in which it acts, and shows what
    the model gets."""
    _choose_net(studio, seat)
    _choose_pace(seat)
    if seat.drawing and seat.drawing.data:
        _preview(studio, seat.drawing.data)


def _choose_net(studio: Studio, seat: Sitting) -> None:
    capabilities = studio.capabilities
    modules = dict.fromkeys(("none", *(capabilities.control_modules or ())))
    choices = (
        ("ControlNet model", capabilities.control_models or (), "guide_model"),
        ("Preprocessor", modules, "guide_module"),
    )
    for column, (label, names, key) in zip(st.columns(2, gap="small"), choices, strict=True):
        offered = list(names)
        column.selectbox(label, offered, _first(offered), **linked.bound(key), on_change=seat.again)


def _choose_pace(seat: Sitting) -> None:
    left, right = st.columns(2, gap="small")
    left.slider(
        "Weight",
        value=1.0,
        step=0.05,
        **linked.bound("guide_weight"),
        on_change=seat.again,
        help="How hard it steers.",
    )
    right.slider(
        "From and until",
        value=(0.0, 1.0),
        step=0.05,
        **linked.bound("guide_when"),
        on_change=seat.again,
        help="The share of the steps in which it steers.",
    )


def _chosen() -> Control:
    """The values of the controls, still without a picture."""
    state = st.session_state
    model, module, weight = (state[f"guide_{name}"] for name in ("model", "module", "weight"))
    return Control(b"", model or "", module, weight, *state["guide_when"])


def _first(names: Sequence[str]) -> int:
    """The position of the first choice for scribbles."""
    return next((at for at, name in enumerate(names) if PREFERRED in name.lower()), 0)


def _preview(studio: Studio, drawing: bytes) -> None:
    """Shows what the preprocessor makes of the drawing, if somebody asks for it."""
    if not st.toggle("Show what the model gets", key="guide_preview"):
        return
    module = str(st.session_state["guide_module"])
    with explained(), st.container(border=True, width="content", key="guide_preview_frame"):
        look = drawing if module == "none" else _preprocessed(studio, drawing, module)
        inline.picture(look, width=180, alt=f"The drawing after {module}")


def _preprocessed(studio: Studio, drawing: bytes, module: str) -> bytes:
    """The preprocessed drawing, asked for once; the visit stores that of the latest drawing."""
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
    if not st.session_state.get("guide_model"):
        raise BadParams("There is no ControlNet model to guide by. Choose one, and ask again.")
    unit = replace(_chosen(), image=drawing)
    return form.asked(studio.capabilities).with_(control=(unit,))
