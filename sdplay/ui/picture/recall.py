"""Takes a single setting of a picture into the form."""

from collections.abc import Callable

import streamlit as st

from sdplay.library import SavedPicture
from sdplay.params import KNOBS
from sdplay.ui.form import form
from sdplay.ui.picture.receipt import shown
from sdplay.ui.problems import explained

SIZE = "size"


def recall(saved: SavedPicture, key: str, before: Callable[[], None] = lambda: None) -> None:
    """Lists the picture's settings; a click takes that one into the form. `before` is called
    first."""

    def picked() -> None:
        name, st.session_state[key] = st.session_state[key], None
        if name:
            before()
            with explained():
                form.use_one(saved.params, ("width", "height") if name == SIZE else (name,))
                st.toast(f"In the form: {_label(saved, name)}.", icon=":material/check:")

    st.pills(
        "Use one of its settings",
        settings_of(saved),
        key=key,
        on_change=picked,
        format_func=lambda name: _label(saved, name),
        help="Puts this value into the form; everything else there stays.",
    )


def settings_of(saved: SavedPicture) -> list[str]:
    """The settings that are worth taking alone: those that a receipt lists."""
    names = [name for name in saved.params.asked() if KNOBS[name].is_plain]
    return [*(name for name in names if name not in ("width", "height")), SIZE]


def _label(saved: SavedPicture, name: str) -> str:
    params = saved.params
    if name == SIZE:
        return f"Size {shown(SIZE, (params.width, params.height))}"
    return f"{KNOBS[name].label}: {shown(name, getattr(params, name))}"
