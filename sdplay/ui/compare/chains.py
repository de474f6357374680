"""A chain on the page: opened out of its file, followed stage by stage, every picture a click
away."""

import streamlit as st

from sdplay.chain import Chain, Chains, Following, QueuedWorkshop, StagePicture, base, check
from sdplay.errors import BadParams
from sdplay.ui import session, whole
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.picture.details import details
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio

NEWS_SECONDS = 1.0


@st.cache_resource(show_spinner=False)
def chains() -> Chains:
    """The chains of all browsers."""
    return Chains()


def begin(studio: Studio, chain: Chain) -> None:
    """Checks a chain and starts it with the chosen backend."""
    if chain.backend not in ("", studio.backend.name):
        label = session.labels().get(chain.backend, chain.backend)
        raise BadParams(f"This chain is made for {label}. Choose that backend, then open it again.")
    check(chain, studio.backend, studio.capabilities)
    workshop = QueuedWorkshop(
        studio.backend,
        studio.library,
        studio.owner,
        jobs=studio.jobs,
        address=session.address(),
        at_once=studio.capabilities.at_once,
    )
    chains().begin(Following(chain, base(chain, studio.capabilities), workshop))


def show(studio: Studio) -> None:
    """Shows how far the chain of this browser is, if there is one."""
    following = chains().of(studio.owner)
    if following is None:
        return
    was_running = following.running

    @whole.fragment(every=NEWS_SECONDS if was_running else None, key="chain_stage")
    def stage() -> None:
        if was_running and not following.running:
            st.rerun()  # a whole run: the timer stops
        with st.container(border=True, gap="small", key="chain_card"), explained():
            _standing(following, studio.owner)
            _pictures(studio, following)

    stage()


def _standing(following: Following, owner: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(following.fraction, following.standing)
        if following.running:
            st.button(
                "Cancel",
                icon=":material/stop_circle:",
                key="chain_cancel",
                on_click=following.cancel,
                help="The pictures that are there stay.",
            )
            return
        if not following.done:
            st.button(
                "Go on",
                icon=":material/play_arrow:",
                key="chain_on",
                on_click=_go_on,
                args=(following,),
            )
        st.button(
            "Close", icon=":material/close:", key="chain_close", on_click=_close, args=(owner,)
        )
    if following.trouble:
        told(following.trouble, warn=True)


def _go_on(following: Following) -> None:
    whole.due()
    with explained():
        chains().begin(following)


def _close(owner: str) -> None:
    whole.due()
    chains().forget(owner)


def _pictures(studio: Studio, following: Following) -> None:
    """Shows the pictures of all stages. A click opens the drawer, which links them."""
    links = list(following.pictures)
    if not links:
        return
    small = studio.library.thumbnails([link.saved for link in links])
    row = [
        Tile(link.saved.id, jpeg, _label(following.chain, link), _caption(following.chain, link))
        for link, jpeg in zip(links, small, strict=True)
    ]
    if id := tiles(row, key="chain_tiles", width=128, strip=True):
        details(id)


def _caption(chain: Chain, link: StagePicture) -> str:
    return f"{link.at + 1} {chain.stages[link.at].name}"


def _label(chain: Chain, link: StagePicture) -> str:
    size = f"{link.saved.width} × {link.saved.height}"
    return f"{_caption(chain, link)}: {size} {link.saved.params.prompt}"
