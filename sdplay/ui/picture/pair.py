"""Compares two pictures in five ways: how many settings differ, and how far apart the pixels
are."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from sdplay.compare.axes import Setup
from sdplay.compare.evidence.measures import WHAT_THEY_SEE, Difference, difference_map
from sdplay.compare.guard import Verdict, guard, heading, label, lock, value_text
from sdplay.params import KNOBS, Params
from sdplay.picture import png_bytes
from sdplay.ui import whole
from sdplay.ui.components.viewer import MODES, Shown, viewer
from sdplay.ui.form import form
from sdplay.ui.share import linked
from sdplay.wording import literal


@dataclass(frozen=True)
class Side:
    """One of the two pictures: its name, its file, and the settings that made it."""

    label: str
    data: bytes
    settings: Setup
    model: str = ""
    """The version of the model, if it is known."""


def pair(
    sides: Sequence[Side],
    key: str,
    measured: Difference | None,
    tools: Callable[[], None] | None = None,
    locks: Callable[[Verdict], None] | None = None,
) -> None:
    """Draws the comparison. `tools` adds buttons beside the ways to look, `locks` adds some beside
    the verdict."""
    left, right = sides
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        mode = st.segmented_control(
            "Look",
            MODES,
            default="slider",
            required=True,
            **linked.bound("look"),
            format_func=str.capitalize,
        )
        gain = (
            st.slider("Gain", 1.0, 16.0, 4.0, 1.0, key="gain", width=180)
            if mode == "difference"
            else 4.0
        )
        if tools:
            st.space("stretch")
            tools()
    difference_picture = (
        _difference_picture(left.data, right.data, gain) if mode == "difference" else b""
    )
    viewer(
        Shown(left.label, left.data),
        Shown(right.label, right.data),
        str(mode),
        key,
        difference_picture,
    )
    verdict = guard([side.settings for side in sides], [side.model for side in sides])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f":material/balance: {literal(verdict.sentence)}")
        if locks:
            locks(verdict)
    for name in verdict.names:
        values = " → ".join(literal(value_text(name, value)) for value in verdict.values[name])
        st.caption(f"{literal(heading(name))}: {values}")
    if measured:
        st.caption(literal(measured.sentence), help=WHAT_THEY_SEE)


def locks_into_form(reference: Params, params: Params, verdict: Verdict, key: str) -> None:
    """Buttons for pictures that differ from A in one thing only, to be made from the form."""
    for name in KNOBS if verdict.level == "confounded" else ():
        if name in verdict.names:
            st.button(
                f"Only {label(name)}",
                icon=":material/lock:",
                type="tertiary",
                key=f"{key}_{name}",
                on_click=_lock,
                args=(lock([reference, params], [name])[1], label(name)),
                help="Puts A's settings with this one of B into the form: "
                "made there, it can be compared with A.",
            )


def _lock(fair: Params, name: str) -> None:
    form.use(fair)
    whole.note(f"A's settings are in the form, with B's {literal(name)}.", icon=":material/lock:")


def _difference_picture(first_file: bytes, second_file: bytes, gain: float) -> bytes:
    with Image.open(io.BytesIO(first_file)) as left, Image.open(io.BytesIO(second_file)) as right:
        return png_bytes(difference_map(left, right, gain))
