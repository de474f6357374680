"""Inpaint: somebody paints a mask over the start image, and only what it covers is made anew."""

import hashlib
import io
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from sdplay.engine.framing import Size, cropped, fits
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture
from sdplay.params import KNOBS, Params
from sdplay.studio import keep_original
from sdplay.ui import session
from sdplay.ui.components.canvas import Backdrop, Pad, canvas, coming, drawn
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.form import form, start_image, visit
from sdplay.ui.picture.inline import source
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.ui.sketch.backdrop import RECENT, small_file
from sdplay.ui.sketch.sitting import Sitting

PAD = "inpaint_pad"
NO_MASK = "Nothing is masked yet. Paint over what should be made anew, and ask again."
NO_PICTURE = "There is no picture to paint a mask over. Upload one, or choose one of yours."
FAINT = 8
"""A grey of a mask that is at most this bright, of 255, changes nothing."""


def soften(seat: Sitting) -> None:
    """Asks how soft the mask's edge is."""
    knob = KNOBS["mask_blur"]
    st.slider(
        knob.label,
        value=knob.default,
        **linked.bound("sketch_soft"),
        on_change=seat.again,
        help=knob.help,
    )


def sheet(studio: Studio, seat: Sitting) -> None:
    """The start image with the mask over it, or a way to choose one."""
    seat.original = None
    with explained():
        data, frame = start_image.asked("init"), form.frame_of(studio.capabilities)
        if not data:
            _choose_picture(studio, seat)
            return
        seat.original = _original(start_image.framed("init", frame), frame)
        there = seat.mask and seat.mask.background == seat.original.id
        pad = Pad(
            f"mask {hashlib.sha256(data).hexdigest()[:16]}",
            *frame,
            None if there else seat.original,
            mask=True,
            visit=seat.visit,
            soft=_softness(studio),
        )
        canvas(pad, PAD, partial(_masked, seat), partial(_coming, seat))
        _say_frame(start_image.size_of(data), frame)


def _say_frame(size: Size, frame: Size) -> None:
    """Says how a start image of another shape was fitted, and offers the other way."""
    if fits(size, frame):
        return
    is_whole = start_image.is_letterboxed()
    outcome = "is shown whole, between bars" if is_whole else "is cut at its edges"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"The start image is {size[0]} × {size[1]} and {outcome}.", width="content")
        st.button(
            "Crop it" if is_whole else "Letterbox it",
            icon=":material/crop:" if is_whole else ":material/fit_screen:",
            type="tertiary",
            key="inpaint_frame",
            on_click=start_image.reframe,
        )


def params(studio: Studio, seat: Sitting) -> Params:
    """The form's settings with the painted mask. If there is none yet, an error says so in a
    sentence."""
    settings = form.asked(studio.capabilities)
    if not settings.init or seat.original is None:
        raise BadParams(NO_PICTURE)
    mask = seat.mask
    if mask is None or mask.background != seat.original.id:
        raise BadParams(NO_MASK)
    if seat.once("no mask", mask, partial(covers_nothing, mask.data)):
        raise BadParams(NO_MASK)
    blur = {"mask_blur": _softness(studio)} if studio.capabilities.offers("mask_blur") else {}
    strength = float(st.session_state["sketch_strength"])
    return settings.with_(mask=mask.data, strength=strength, **blur)


def keep_its_original(studio: Studio, asked: Params) -> None:
    """Stores the picture under a mask, unless it is in the library."""
    id = st.session_state.get(f"{start_image.START}_id", "")
    if not (id and studio.library.get(id, studio.owner)):
        keep_original(asked, studio.library, studio.owner)


def covers_nothing(mask: bytes) -> bool:
    """Whether a mask is missing or black all over."""
    if not mask:
        return True
    with Image.open(io.BytesIO(mask)) as opened:
        return float(np.asarray(opened.convert("L")).max()) <= FAINT


def _softness(studio: Studio) -> int:
    offered = studio.capabilities.offers("mask_blur")
    return int(st.session_state.get("sketch_soft", KNOBS["mask_blur"].default)) if offered else 0


def _coming(seat: Sitting) -> None:
    """Called when the browser begins to send a mask."""
    seat.mask_coming = coming(PAD)


def _masked(seat: Sitting) -> None:
    """Called when a mask has arrived."""
    try:
        seat.mask = drawn(PAD)
    except NotAPicture as error:
        seat.refusal = f"The mask that came {error}. Reload the page and try again."
        return
    seat.follow(seat.mask)


@st.cache_data(show_spinner=False, max_entries=8)
def _original(data: bytes, frame: Size) -> Backdrop:
    """The start image as the backend will get it."""
    digest = hashlib.sha256(data + repr(frame).encode()).hexdigest()[:16]
    return Backdrop(digest, source(small_file(cropped(data, frame))))


def _choose_picture(studio: Studio, seat: Sitting) -> None:
    """Lets somebody upload a picture, or choose any picture of the library with a click."""
    st.info(NO_PICTURE, icon=":material/ink_eraser:")
    st.file_uploader(
        "Upload a picture",
        start_image.KINDS,
        max_upload_size=20,
        key="inpaint_file",
        on_change=_uploaded,
        args=(studio, seat),
    )
    recent = studio.library.recent(studio.owner, RECENT)
    if not recent:
        return
    st.caption("From your library")
    row = [
        Tile(picture.id, studio.library.thumbnail(picture), picture.params.prompt or "No prompt")
        for picture in recent
    ]
    if id := tiles(row, key="inpaint_recent", width=84, strip=True):
        saved = next(picture for picture in recent if picture.id == id)
        size = saved.width, saved.height
        start_image.hold_whole(session.original(id), id, size, studio.capabilities)


def _uploaded(studio: Studio, seat: Sitting) -> None:
    """Called when a picture was uploaded here: it is the start image from now on."""
    data = visit.uploaded(st.session_state["inpaint_file"])
    if not data:
        return
    try:
        size = start_image.size_of(data)
    except BadParams as error:
        seat.refusal = str(error)
        return
    seat.forget_refusal()
    start_image.hold_whole(data, "", size, studio.capabilities)
