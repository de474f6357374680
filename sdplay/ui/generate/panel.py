"""Generate: one prompt, one click, one picture that proves how it was made."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.ui import session, whole
from sdplay.ui.form import form, local_card
from sdplay.ui.form.payload import payload
from sdplay.ui.generate import batch
from sdplay.ui.picture import enlarging
from sdplay.ui.session import Studio
from sdplay.ui.share import links

BLANK_LINE = "\u00a0"
"""Keeps the room for a line that appears later, so that nothing below it moves."""


def show(studio: Studio) -> None:
    """Shows the prompt, then the picture or its progress."""
    price = _card(studio)
    from sdplay.ui.generate import result  # The card is on screen while this reads the library.

    with price.container():
        batch.price(studio, batch.picked())
    result.show(studio)


def _card(studio: Studio) -> DeltaGenerator:
    """The prompt with its tools. It returns the place for the price, left of the button."""
    with st.container(border=True, gap="small", key="card"):
        form.prompts(studio.capabilities)
        with st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key="card_tools"
        ):
            form.words(studio.capabilities)
            if st.button(
                "Request",
                icon=":material/data_object:",
                type="tertiary",
                key="request",
                help="See and edit the exact JSON before it goes.",
            ):
                payload(studio)
            enlarging.every_picture(studio)
            links.share(studio, "Generate")
            with st.container(key="price_of_click"):
                price = st.empty()
            price.caption(BLANK_LINE)
            _go(studio)
        return price


@whole.fragment()
def _go(studio: Studio) -> None:
    """The button in a fragment of its own, because its click need not draw the whole page."""
    with st.container(
        horizontal=True,
        horizontal_alignment="right",
        vertical_alignment="center",
        gap="xsmall",
        key="going",
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
    """Asks for pictures. The page is drawn first only if that changes the settings."""
    session.want(batch.picked())
    if form.stands_in_controls(studio.capabilities) and not local_card.has_news():
        whole.only("result")
    else:
        whole.due()
