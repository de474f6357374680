"""Moves pictures to the bin and back."""

from typing import TYPE_CHECKING

import streamlit as st

from sdplay.ui.problems import explained
from sdplay.ui.session import Studio

if TYPE_CHECKING:
    from sdplay.library import SavedPicture


def undo(studio: Studio) -> None:
    """Offers to bring back what was just deleted."""
    gone = [
        picture
        for id in st.session_state.get("binned", ())
        if (picture := studio.library.get(id, studio.owner))
    ]
    if gone:
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key="undo_line"
        ):
            sentence = "picture is" if len(gone) == 1 else "pictures are"
            st.markdown(f":material/delete: {len(gone)} {sentence} in the bin.")
            st.button(
                "Undo", icon=":material/undo:", key="undo", on_click=_restore, args=(studio, gone)
            )
            st.button(
                "Leave it there",
                icon=":material/close:",
                type="tertiary",
                key="undo_not",
                help="Leave it there",
                on_click=st.session_state.pop,
                args=("binned",),
            )


def delete(studio: Studio, pictures: "list[SavedPicture]") -> None:
    """Moves pictures to the bin and offers to bring them back. Call it from a callback."""
    with explained():
        for picture in pictures:
            studio.library.delete(picture, studio.owner)
        st.session_state["binned"] = [picture.id for picture in pictures]


def _restore(studio: Studio, pictures: "list[SavedPicture]") -> None:
    with explained():
        for picture in pictures:
            studio.library.restore(picture, studio.owner)
    st.session_state.pop("binned", None)
