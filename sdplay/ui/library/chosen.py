"""The pictures chosen in the library: compare two, or export, share or delete any number at
once."""

from collections.abc import Sequence

import streamlit as st

from sdplay.compare.axes import Setup
from sdplay.library import SavedPicture
from sdplay.ui.compare import sweeping
from sdplay.ui.library import carry
from sdplay.ui.picture import deleting
from sdplay.ui.picture.details import inpaint
from sdplay.ui.picture.pair import Side, locks_into_form, pair
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.wording import literal, many

NAME = "picked"


def ids() -> list[str]:
    """The ids of the chosen pictures in their order. A link brings its own."""
    if NAME not in st.session_state:
        st.session_state[NAME] = st.query_params.get_all(NAME)
    return list(st.session_state[NAME])


def turn(id: str) -> None:
    """Chooses a picture, or no longer chooses it."""
    chosen = ids()
    _choose([other_id for other_id in chosen if other_id != id] if id in chosen else [*chosen, id])


def show(studio: Studio) -> None:
    """Shows what can be done with the chosen pictures."""
    pictures = [
        picture
        for id in ids()
        if (picture := studio.library.get(id, studio.owner)) and not picture.deleted
    ]
    if len(pictures) < len(ids()):
        _let_go_of_the_rest(pictures)
    mine = [saved for saved in pictures if saved.owner in (studio.owner, "")]
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chosen"):
        st.markdown(
            f"**{many(len(pictures), 'picture')} chosen**"
            if pictures
            else "Click pictures to choose them."
        )
        if pictures:
            carry.out(studio, [saved.id for saved in pictures], len(pictures), "chosen")
        if len(pictures) == 1:
            inpaint(studio, pictures[0], "chosen")
        if mine:
            st.button(
                "Share them",
                icon=":material/group:",
                key="chosen_share",
                on_click=_share,
                args=(studio, mine),
                help="Everybody on this page may see them.",
            )
            with st.popover("Delete", icon=":material/delete:"):
                st.button(
                    f"Yes, delete {len(mine)}",
                    type="primary",
                    key="chosen_delete",
                    on_click=_delete,
                    args=(studio, mine),
                )
        if pictures:
            st.button(
                "Clear the choice", type="tertiary", key="chosen_none", on_click=_choose, args=([],)
            )
    if len(pictures) == 2:
        _two(studio, pictures)
    elif len(pictures) == 1:
        st.caption("Choose a second one to lay them side by side.")


def _choose(names: list[str]) -> None:
    st.session_state[NAME] = names
    st.query_params[NAME] = names


def _let_go_of_the_rest(pictures: Sequence[SavedPicture]) -> None:
    """Says that pictures chosen by a link are not in this library."""
    missing = len(ids()) - len(pictures)
    which = "A chosen picture is" if missing == 1 else f"{missing} chosen pictures are"
    owner = "its owner keeps it" if missing == 1 else "their owners keep them"
    told(f"{which} gone, or {owner} private.", warn=True)
    _choose([picture.id for picture in pictures])


def _share(studio: Studio, pictures: list[SavedPicture]) -> None:
    with explained():
        for picture in pictures:
            studio.library.share(picture, studio.owner)
        st.toast(f"Shared: {many(len(pictures), 'picture')}.", icon=":material/group:")


def _delete(studio: Studio, pictures: list[SavedPicture]) -> None:
    deleting.delete(studio, pictures)
    _choose([])


def _two(studio: Studio, pictures: Sequence[SavedPicture]) -> None:
    """Compares two pictures, with what differs."""
    sides = [
        Side(
            f"{letter}: {literal(picture.params.prompt[:60]) or 'no prompt'}",
            studio.library.data(picture),
            Setup(picture.backend, picture.params),
            picture.model,
        )
        for letter, picture in zip("AB", pictures, strict=True)
    ]
    pair(
        sides,
        "two_glass",
        sweeping.measured(studio, pictures[0].id, pictures[1].id),
        locks=lambda verdict: locks_into_form(
            pictures[0].params, pictures[1].params, verdict, "two_lock"
        ),
    )
