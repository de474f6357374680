"""Chooses the picture under the drawing: an upload, an address, one of the library, or the last
result."""

import hashlib
import io
import time

import streamlit as st
from PIL import Image, ImageOps

from sdplay.errors import BadParams, PlayError
from sdplay.files.decode import NotAPicture, checked
from sdplay.picture import png_bytes
from sdplay.ui import session
from sdplay.ui.components.canvas import Backdrop
from sdplay.ui.components.tiles import Tile, tiles
from sdplay.ui.form import visit
from sdplay.ui.picture.inline import source
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.ui.sketch.sitting import Sitting
from sdplay.wording import literal

KINDS = ["png", "jpg", "jpeg", "webp"]
SMALLEST, LARGEST = 16, 2048
"""The shorter side must have so many pixels at least. A longer side is reduced to so many at
most."""
PNG_PIXELS = 300_000
"""A picture with no more pixels than this is sent to the browser without loss."""
RECENT = 10


def choose(studio: Studio, seat: Sitting) -> None:
    """Asks for the picture in a popover. The browser puts it under the drawing, and Undo removes
    it."""
    box = st.popover(
        "Choose a background",
        icon=":material/wallpaper:",
        type="tertiary",
        key="backdrop",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        st.file_uploader(
            "Upload a picture",
            KINDS,
            max_upload_size=20,
            key="backdrop_file",
            on_change=_uploaded,
            args=(seat,),
        )
        st.text_input(
            "Or its address",
            placeholder="https://…",
            key="backdrop_url",
            on_change=_linked,
            args=(seat,),
            help="The picture at this address is fetched by this page.",
        )
        if seat.backdrop_refusal:
            told(seat.backdrop_refusal, warn=True)
        elif seat.backdrop_note:
            st.caption(literal(seat.backdrop_note))
        with explained():
            _own_pictures(studio, seat)


def _own_pictures(studio: Studio, seat: Sitting) -> None:
    """The result beside the drawing, and the newest pictures of the library."""
    rendering = seat.live.answer
    if rendering:
        st.button(
            "The last result",
            icon=":material/image:",
            key="backdrop_result",
            on_click=_from_library,
            args=(seat, rendering.picture.id),
        )
    recent = studio.library.recent(studio.owner, RECENT)
    if not recent:
        return
    st.caption("From your library")
    row = [
        Tile(picture.id, studio.library.thumbnail(picture), picture.params.prompt or "No prompt")
        for picture in recent
    ]
    if id := tiles(row, key="backdrop_recent", width=84, strip=True):
        _from_library(seat, id)
        st.rerun(scope="fragment")


def _uploaded(seat: Sitting) -> None:
    if upload := st.session_state["backdrop_file"]:
        _lay(seat, visit.uploaded(upload))


def _linked(seat: Sitting) -> None:
    address = st.session_state["backdrop_url"].strip()
    if not address:
        return
    from sdplay.http.fetch import fetch_public  # urllib3 comes with it

    try:
        data = fetch_public(address)
    except PlayError as error:
        seat.backdrop_refusal = str(error)
    else:
        _lay(seat, data)


def _from_library(seat: Sitting, id: str) -> None:
    _lay(seat, session.original(id))


def _lay(seat: Sitting, data: bytes) -> None:
    """Sends the picture to the browser, or says why it cannot be used."""
    seat.backdrop_refusal = seat.backdrop_note = ""
    try:
        picture = prepared(data)
    except BadParams as error:
        seat.backdrop_refusal = str(error)
        return
    digest = hashlib.sha256(data).hexdigest()[:16]
    seat.backdrop = Backdrop(f"{digest}-{time.time_ns()}", source(small_file(picture)))
    if _is_transparent(data):
        seat.backdrop_note = "Its transparent parts are white here."


def prepared(data: bytes) -> Image.Image:
    """The picture upright, on white, and no larger than a drawing needs. One that cannot be used
    raises an error with a clear sentence."""
    try:
        with Image.open(io.BytesIO(checked(data))) as opened:
            opened.draft("RGB", (LARGEST, LARGEST))
            upright = ImageOps.exif_transpose(opened)
    except NotAPicture as error:
        raise BadParams(f"The background {error}. Choose a PNG, JPEG or WebP picture.") from error
    if min(upright.size) < SMALLEST:
        raise BadParams(
            f"The background is {upright.width} × {upright.height} pixels, which shows nothing. "
            f"Choose one of at least {SMALLEST} × {SMALLEST}."
        )
    upright.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return _on_white(upright)


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(coloured, mask=coloured.getchannel("A"))
    return white


def _is_transparent(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as opened:
        if not opened.has_transparency_data:
            return False
        lowest, _ = opened.convert("RGBA").getchannel("A").getextrema()
    return lowest != 255


def small_file(picture: Image.Image) -> bytes:
    """The file that is sent to the browser, without loss if it is small."""
    if picture.width * picture.height <= PNG_PIXELS:
        return png_bytes(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()
