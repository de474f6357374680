"""Makes pictures larger through the queue: one on request, or every new one."""

from collections.abc import Sequence
from copy import copy

import streamlit as st

from sdplay.backends import Capabilities
from sdplay.picture import Enlargement
from sdplay.ui import session, whole
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio

FACTORS = (1.5, 2.0, 3.0, 4.0)
AS_THEY_ARE = "As they are"
NEWS_SECONDS = 0.5
AUTOMATIC = "enlarge_all"
"""The session's name for the way in which every new picture is enlarged."""


def upscalers(capabilities: Capabilities) -> list[str]:
    """The upscalers that work on finished pictures. The others work only inside hires fix."""
    if not capabilities.offers("upscale"):
        return []
    return [name for name in capabilities.upscalers or () if not name.startswith("Latent")]


def way(capabilities: Capabilities, key: str, initial: Enlargement | None = None) -> Enlargement:
    """Asks for the network, the factor, and whether faces are repaired."""
    before = initial or Enlargement("")
    left, right = st.columns([3, 1])
    names = upscalers(capabilities)
    upscaler = left.selectbox("Upscaler", names, _at(names, before.upscaler), key=f"{key}_upscaler")
    factor = right.selectbox(
        "Scale", FACTORS, _at(FACTORS, before.factor), lambda by: f"{by:g} ×", key=f"{key}_by"
    )
    faces = AS_THEY_ARE
    if capabilities.face_restorers:
        choices = (AS_THEY_ARE, *capabilities.face_restorers)
        faces = st.selectbox(
            "Faces",
            choices,
            _at(choices, before.faces),
            key=f"{key}_faces",
            help="Repair them meanwhile.",
        )
    return Enlargement(str(upscaler), float(factor), "" if faces == AS_THEY_ARE else str(faces))


def _at(choices: Sequence[object], chosen: object) -> int:
    """The position of a value among its options; the first if it is none of them."""
    return choices.index(chosen) if chosen in choices else 0


def ask(studio: Studio, id: str) -> None:
    """Offers to enlarge this picture, and shows how far the work is."""
    how = way(studio.capabilities, "upscale")
    if st.button("Upscale", icon=":material/open_in_full:", key="upscale"):
        with explained():
            _submit(studio, id, how)
    _watch(studio, id)


def _submit(studio: Studio, id: str, how: Enlargement) -> None:
    if saved := studio.library.get(id, studio.owner):
        studio.jobs.enlarge(
            saved,
            how,
            copy(studio.backend),
            studio.owner,
            at_once=studio.capabilities.at_once,
            address=session.address(),
        )


def _watch(studio: Studio, id: str) -> None:
    """Follows the enlargement until it is done."""
    job = next(reversed(studio.jobs.of(studio.owner, f"enlarge-{id}")), None)
    if job is None:
        return

    @whole.fragment(every=NEWS_SECONDS if job.active else None, key=f"enlarging_{id}")
    def watch() -> None:
        if not job.active:
            if job.saved:
                size = f"{job.saved.width} × {job.saved.height}"
                whole.note(f"A picture of {size} is in your library.", ":material/open_in_full:")
            studio.jobs.forget(job)
            if job.error:
                told(job.error, warn=True)
            else:
                st.rerun()  # the larger picture stands among those made from this one
            return
        progress = job.progress
        ahead = studio.jobs.ahead(job)
        waits = f"Waiting for {ahead} before it" if ahead else ""
        st.progress(progress.fraction or 0.0, progress.message or waits or "Enlarging")
        st.button("Cancel", icon=":material/close:", key="enlarge_cancel", on_click=job.cancel)

    watch()


def every_picture(studio: Studio) -> None:
    """A switch that enlarges every new picture once it is made."""
    if not upscalers(studio.capabilities):
        return
    how = automatic(studio)
    label = f"Then {how.factor:g} × larger" if how else "Then enlarge"
    with st.popover(label, icon=":material/open_in_full:", type="tertiary", key="enlarge_then"):
        chosen = way(studio.capabilities, "then", how)
        switched = st.toggle(
            "Enlarge every new picture",
            how is not None,
            key="then_on",
            help="The picture as it was made is kept too.",
        )
    if how != (wish := chosen if switched else None):
        st.session_state[AUTOMATIC] = (studio.backend.name, wish)
        st.rerun()  # the button above says it


def automatic(studio: Studio) -> Enlargement | None:
    """How new pictures of this backend are enlarged; None if that is switched off."""
    name, how = st.session_state.get(AUTOMATIC) or ("", None)
    return how if name == studio.backend.name else None
