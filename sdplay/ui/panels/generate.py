"""Generate: one prompt, one click, one picture that proves how it was made."""

import streamlit as st

from sdplay.ui import form, local_card, session
from sdplay.ui.payload import payload
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import links


def show(studio: Studio) -> None:
    """The prompt card, then the picture or its progress."""
    wanted = _card(studio)
    from sdplay.ui import result  # The card is on screen while this reads the library.

    if wanted or session.wanted_again():
        with explained():
            session.submit(studio, form.asked(studio.capabilities))
    result.show(studio)


def _card(studio: Studio) -> bool:
    """The prompt and its tools; whether Generate was pressed."""
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
            return st.button(
                "Generate",
                icon=":material/auto_awesome:",
                type="primary",
                key="go",
                shortcut="ctrl+enter",
                disabled=local_card.unready(studio.backend.name, studio.capabilities),
            )
