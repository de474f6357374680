"""Notes that stay on the page until they are read, about values of an address or a picture that
cannot be used."""

import streamlit as st

from sdplay.settings import without_secrets
from sdplay.wording import literal

_NOTES = "notes"


def say(*sentences: str) -> None:
    """Shows these notes in place of earlier ones. A callback may call it too."""
    st.session_state[_NOTES] = list(sentences)


def add(sentence: str) -> None:
    """Adds one note."""
    say(*st.session_state.get(_NOTES, ()), sentence)


def show() -> None:
    """Draws the notes, with a button that closes them."""
    if not (notes := st.session_state.get(_NOTES)):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="notes"):
        text = "\n\n".join(literal(without_secrets(note)) for note in notes)
        st.warning(text, icon=":material/info:")
        st.button(
            "Close",
            icon=":material/close:",
            type="tertiary",
            key="notes_close",
            on_click=say,
        )
