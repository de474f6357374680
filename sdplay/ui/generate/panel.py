"""Generate: one prompt, one click, one picture that proves how it was made."""

import streamlit as st

from sdplay.ui import session
from sdplay.ui.form import form, local_card
from sdplay.ui.form.payload import payload
from sdplay.ui.generate import batch
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import links


def show(studio: Studio) -> None:
    """The prompt card, then the picture or its progress."""
    pictures = _card(studio)
    from sdplay.ui.generate import result  # The card is on screen while this reads the library.

    if pictures := pictures or session.wanted_again():
        with explained():
            batch.submit(studio, pictures)
    result.show(studio)


def _card(studio: Studio) -> int:
    """The prompt and its tools; how many pictures Generate was pressed for."""
    with st.container(border=True, gap="small", key="card"):
        form.prompts(studio.capabilities)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            form.words(studio.capabilities)
            if st.button(
                "Request",
                icon=":material/data_object:",
                type="tertiary",
                key="request",
                help="See and edit the exact JSON before it goes.",
            ):
                payload(studio)
            links.share(studio, "Generate")
            st.space("stretch")
            pictures = batch.pick()
            pressed = st.button(
                "Generate",
                icon=":material/auto_awesome:",
                type="primary",
                key="go",
                shortcut="ctrl+enter",
                disabled=local_card.unready(studio.backend.name, studio.capabilities),
            )
        batch.price(studio, pictures)
    return pictures if pressed else 0
