"""One picture of the library: large, with its receipt and what can be done with it."""

import streamlit as st

from sdplay.library import Kept
from sdplay.params import KNOBS, differing
from sdplay.ui import form, start_image
from sdplay.ui.problems import explained, plain
from sdplay.ui.receipt import receipt, timing
from sdplay.ui.session import Studio


def hero(studio: Studio, kept: Kept) -> None:
    """The original file, so that saving it from the browser keeps its settings."""
    with explained():
        st.image(studio.library.data(kept), width="stretch", output_format="PNG", alt=kept.params.prompt or "Picture")


def download(studio: Studio, kept: Kept, key: str) -> None:
    """The original file."""
    st.download_button("PNG", lambda: studio.library.data(kept), f"sdplay-{kept.params.seed}-{kept.id[:6]}.png",
                       "image/png", icon=":material/download:", on_click="ignore", key=f"png_{key}",
                       help="The original file, its settings inside.")  # fmt: skip


def start_from(studio: Studio, kept: Kept, key: str) -> None:
    """Make this picture the start image."""
    if studio.capabilities.offers("img2img"):
        st.button("Start from it", icon=":material/image:", key=f"start_{key}", on_click=_hold, args=(studio, kept),
                  help="Make it the start image of the next picture.")  # fmt: skip


@st.dialog("Picture", width=480, position="right", icon=":material/image:")
def details(studio: Studio, id: str) -> None:
    """The drawer."""
    kept = studio.library.get(id, studio.owner)
    if kept is None:
        st.info("This picture is no longer in the library.", icon=":material/delete:")
        return
    hero(studio, kept)
    st.code(kept.params.prompt, language=None, wrap_lines=True)
    with st.container(horizontal=True, gap="xsmall"):
        if st.button("Use these settings", type="primary", icon=":material/replay:", key="use", on_click=form.use,
                     args=(kept.params,)):  # fmt: skip
            st.rerun()
        download(studio, kept, "details")
        if st.button("Delete", icon=":material/delete:", type="tertiary", key="delete", on_click=_delete,
                     args=(studio, kept)):  # fmt: skip
            st.rerun()
    _stars(studio, kept)
    timing(kept, "details")
    receipt(kept, "details")
    with explained():
        changed = [KNOBS[name].label for name in differing(kept.params, form.asked(studio.capabilities))]
        if changed:
            st.caption(f"Differs from the form in: {', '.join(changed)}.")
    told = (f"{kept.made:%d %b %Y, %H:%M} UTC", plain(kept.backend), plain(kept.model))
    st.caption(" · ".join(each for each in told if each))


def _stars(studio: Studio, kept: Kept) -> None:
    given = st.feedback("stars", key=f"stars_{kept.id}", default=kept.stars - 1 if kept.stars else None)
    if given is not None and given + 1 != kept.stars:
        with explained():
            studio.library.update(kept, stars=given + 1)


def _hold(studio: Studio, kept: Kept) -> None:
    with explained():
        start_image.hold(studio.library.data(kept))
        st.toast("It is the start image now. Strength says how much of it may change.", icon=":material/image:")


def _delete(studio: Studio, kept: Kept) -> None:
    with explained():
        studio.library.delete(kept)
        st.toast("Deleted. The Library tab can bring it back.", icon=":material/delete:")
