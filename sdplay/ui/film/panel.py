"""Film: pictures that move, saved as WebP, GIF or MP4."""

from copy import copy

import streamlit as st

from sdplay.compare.exports import video
from sdplay.compare.exports.animation import LABELS, MEDIA_TYPES, kinds
from sdplay.film import Crew, Shooting, check
from sdplay.film.films import Films
from sdplay.film.saving import film_file
from sdplay.ui import session, whole
from sdplay.ui.film.kinds import KINDS, frames
from sdplay.ui.form import form, local_card
from sdplay.ui.picture import inline
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

NEWS_SECONDS = 1.0
MOST_PLAYED = 120
"""The most frames of a film that plays by itself. A longer one becomes a file only when somebody
asks for it."""


@st.cache_resource(show_spinner=False)
def films() -> Films:
    """The films of all browsers."""
    return Films()


def show(studio: Studio) -> None:
    """Draws the prompt, what moves, and then the film."""
    with st.container(border=True, gap="small", key="reel_card"):
        form.prompts(studio.capabilities)
        _ask(studio)
    _stage(studio)


def _ask(studio: Studio) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = st.segmented_control(
            "What moves",
            tuple(KINDS),
            default=next(iter(KINDS)),
            required=True,
            **linked.bound("moves"),
            label_visibility="collapsed",
        )
        sentence, draw, storyboard = KINDS[str(kind)]
        st.caption(sentence, width="content")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(key="reel_settings"):
            settings = draw()
        with st.container(width=130):
            count = frames()
        pressed = st.button(
            "Make the film",
            icon=":material/movie:",
            type="primary",
            key="reel_go",
            disabled=local_card.unready(studio.backend.name, studio.capabilities),
        )
    if pressed or st.session_state.pop("reel_wish", False):
        with explained():
            base = form.asked(studio.capabilities)
            board = storyboard(base, count, settings)
            check(board, studio.backend, studio.capabilities)
            films().begin(Shooting(board, _crew(studio)))


def _crew(studio: Studio) -> Crew:
    return Crew(
        studio.jobs,
        copy(studio.backend),
        studio.owner,
        session.address(),
        studio.capabilities.at_once,
    )


def _stage(studio: Studio) -> None:
    film = films().of(studio.owner)
    if film is None:
        st.caption("Your film appears here, frame by frame. Closing the page does not stop it.")
        return
    was_running = film.running

    @whole.fragment(every=NEWS_SECONDS if was_running else None, key="reel_stage")
    def stage() -> None:
        if was_running and not film.running:
            st.rerun()  # a whole run: the timer stops
        left, right = st.columns(2, gap="medium")
        with left, st.container(key="reel_picture"), explained():
            _picture(studio, film)
        with right:
            if film.running:
                _progress(film)
            else:
                _ended(studio, film)

    stage()


def _picture(studio: Studio, film: Shooting) -> None:
    """Shows the film, or its newest frame while it is being made."""
    count = len(film.frames)
    if not film.running and 1 < count <= MOST_PLAYED:
        fps = int(st.session_state.get("reel_fps", 12))
        _play(_played(film, studio, kinds()[-1], fps), kinds()[-1])
    elif count:
        inline.picture(
            studio.library.data(film.frames[-1]),
            f"Frame {count:,}",
            width="stretch",
        )
    else:
        st.skeleton(height=240)


def _play(data: bytes, kind: str) -> None:
    if kind == "mp4":
        st.video(data, loop=True, autoplay=True, muted=True)
    else:
        inline.picture(data, width="stretch")


def _played(film: Shooting, studio: Studio, kind: str, fps: int) -> bytes:
    key = (film.group, len(film.frames), kind, fps)
    held = st.session_state.get("reel_played")
    if held is None or held[0] != key:
        held = (key, film_file(film.frames, studio.library, kind, fps))
        st.session_state["reel_played"] = held
    return bytes(held[1])


def _progress(film: Shooting) -> None:
    st.progress(film.fraction, film.standing)
    st.button(
        "Cancel",
        icon=":material/stop_circle:",
        key="reel_cancel",
        on_click=film.cancel,
        help="The frames that are there stay.",
    )


def _ended(studio: Studio, film: Shooting) -> None:
    """Shows how many frames there are, why some are missing, and the file."""
    st.caption(film.standing)
    if film.trouble:
        told(film.trouble, warn=True)
    if not film.done:
        st.button(
            "Go on", icon=":material/play_arrow:", key="reel_on", on_click=_go_on, args=(film,)
        )
    if film.frames:
        _save(studio, film)


def _go_on(film: Shooting) -> None:
    whole.due()
    with explained():
        films().begin(film)


def _save(studio: Studio, film: Shooting) -> None:
    st.slider("Frames a second", value=12, **linked.bound("reel_fps"))
    kind = str(
        st.segmented_control(
            "As",
            kinds(),
            default="webp",
            format_func=LABELS.__getitem__,
            required=True,
            **linked.bound("reel_as"),
        )
    )
    fps = int(st.session_state["reel_fps"])
    st.download_button(
        "Save it",
        lambda: film_file(film.frames, studio.library, kind, fps),
        f"sdplay-film.{kind}",
        MEDIA_TYPES[kind],
        icon=":material/download:",
        on_click="ignore",
        key="reel_save",
    )
    if not video.can_write():
        st.caption(video.EXTRA)
