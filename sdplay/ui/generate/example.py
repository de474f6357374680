"""The picture for newcomers: part of the package, made by the built-in model, with its own
receipt."""

from functools import cache
from pathlib import Path

import streamlit as st

from sdplay import metadata
from sdplay.errors import BadParams
from sdplay.library import SavedPicture
from sdplay.library.saved import moment
from sdplay.params import differing
from sdplay.ui.form import form
from sdplay.ui.picture import inline
from sdplay.ui.picture.columns import columns
from sdplay.ui.picture.receipt import receipt, timing
from sdplay.ui.session import Studio

FILE = Path(__file__).with_name("example.png")


def show(studio: Studio) -> None:
    """Shows the picture, one line on what to try, and how it was made."""
    picture = example()
    left, right = columns(picture.width, picture.height)
    with left:
        inline.picture(FILE.read_bytes(), width="stretch", alt=picture.params.prompt)
    with right:
        same = _is_asked_for(studio, picture)
        st.markdown(_what_to_try(same), width="stretch")
        timing(picture, "example")
        receipt(picture, "example", "How it was made: asked, sent, applied")
        if not same:
            st.button(
                "Use its settings",
                icon=":material/replay:",
                key="example_use",
                on_click=form.use,
                args=(picture.params,),
            )


@cache
def example() -> SavedPicture:
    """The shipped picture as the library would tell of it, read from the file itself."""
    picture = metadata.adopted(FILE.read_bytes())
    size = picture.receipt.applied
    return SavedPicture(
        id="example",
        key="",
        params=picture.params,
        backend=picture.backend,
        model=picture.model,
        timing=picture.timing,
        receipt=picture.receipt,
        made=moment(0),
        owner="",
        width=size["width"],
        height=size["height"],
        file="",
    )


def _is_asked_for(studio: Studio, picture: SavedPicture) -> bool:
    """Whether the form asks for exactly this picture."""
    try:
        asked = form.asked(studio.capabilities)
    except BadParams:
        return False
    return studio.backend.name == picture.backend and not differing(asked, picture.params)


def _what_to_try(same: bool) -> str:
    """One line: what a click does now, and what to change then."""
    if same:
        return (
            ":material/lightbulb: This picture came with the app. Press **Generate**: the same "
            "one is made here, pixel by pixel. Then try 4 steps, or *Surprise me*."
        )
    return (
        ":material/lightbulb: This picture came with the app, made by the built-in model. Press "
        "**Generate** for your own, then change one thing and press it again."
    )
