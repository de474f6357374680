"""Sentences that stay on the page until they are read: what an address or a picture asked for that
cannot be."""

import streamlit as st

from sdplay.settings import without_secrets
from sdplay.wording import literal

_NOTES = "notes"


def say(*sentences: str) -> None:
    """Show these, in place of those before; also from a callback."""
    st.session_state[_NOTES] = list(sentences)


def add(sentence: str) -> None:
    """One more of them."""
    say(*st.session_state.get(_NOTES, ()), sentence)


def show() -> None:
    """Draw them, and a way to close them."""
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
