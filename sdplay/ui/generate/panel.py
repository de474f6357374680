"""Generate: one prompt, one click, one picture that proves how it was made."""

import streamlit as st

from sdplay.ui import session, whole
from sdplay.ui.form import form, local_card
from sdplay.ui.form.payload import payload
from sdplay.ui.generate import batch
from sdplay.ui.session import Studio
from sdplay.ui.share import links


def show(studio: Studio) -> None:
    """The prompt card, then the picture or its progress."""
    _card(studio)
    from sdplay.ui.generate import result  # The card is on screen while this reads the library.

    result.show(studio)


def _card(studio: Studio) -> None:
    """The prompt and its tools."""
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
            _go(studio)
        batch.price(studio, batch.picked())


@whole.fragment()
def _go(studio: Studio) -> None:
    """The button, in a part of its own: its click need not draw the whole page."""
    with st.container(
        horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        batch.pick()
        st.button(
            "Generate",
            icon=":material/auto_awesome:",
            type="primary",
            key="go",
            shortcut="ctrl+enter",
            disabled=local_card.unready(studio.backend.name, studio.capabilities),
            on_click=_press,
            args=(studio,),
        )


def _press(studio: Studio) -> None:
    """Ask for pictures.  The page is drawn anew before that only where something is worked out
    while it is drawn."""
    session.want(batch.picked())
    if form.stands_in_controls(studio.capabilities) and not local_card.has_news():
        whole.only("result")
    else:
        whole.due()
