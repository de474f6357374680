"""The pictures of a live session as an animation."""

from collections.abc import Iterator

import streamlit as st
from PIL import Image

from sdplay import metadata
from sdplay.compare.exports.animation import MEDIA_TYPES, animate, kinds, smaller
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.sketch.live import MOST_FRAMES
from sdplay.ui.sketch.sitting import Sitting
from sdplay.wording import many


def offer(studio: Studio, seat: Sitting) -> None:
    """A button that saves the pictures made since the page was opened, in their order."""
    count = len(seat.live.frames)
    if count < 2:
        return
    box = st.popover(
        "Animation", icon=":material/animation:", type="tertiary", key="film", on_change="rerun"
    )
    if not box.open:
        return
    with box, explained():
        last = f"the last {MOST_FRAMES}" if count == MOST_FRAMES else "all"
        st.caption(f"{many(count, 'picture')} of this session, {last} of them in their order.")
        kind = st.segmented_control(
            "As",
            kinds(),
            default="gif",
            required=True,
            key="film_kind",
            persist_state="session",
        )
        seconds = st.slider(
            "Seconds per picture",
            0.05,
            2.0,
            0.3,
            0.05,
            key="film_seconds",
            persist_state="session",
        )
        ids = tuple(seat.live.frames)
        st.download_button(
            "Save it",
            lambda: animate(list(_frames(studio, ids)), kind=str(kind), seconds=seconds),
            f"sdplay-sketch.{kind}",
            MEDIA_TYPES[str(kind)],
            icon=":material/download:",
            on_click="ignore",
            key="film_save",
        )


def _frames(studio: Studio, ids: tuple[str, ...]) -> Iterator[tuple[str, Image.Image]]:
    """The pictures that still exist, reduced so far that all of them fit into memory."""
    for id in ids:
        if picture := studio.library.get(id, studio.owner):
            image = metadata.decoded(studio.library.data(picture))
            yield "", smaller(image, len(ids))
