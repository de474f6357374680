"""The start image, by upload, from an address or from a picture: how much of it may change, and
where."""

import io
from collections.abc import Mapping

import streamlit as st
from PIL import Image

from sdplay.backends import Capabilities
from sdplay.engine.framing import Size, fits, letterboxed
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked
from sdplay.params import KNOBS
from sdplay.ui import address, notes, session, whole
from sdplay.ui.form import visit
from sdplay.ui.form.controls import current, draw
from sdplay.ui.form.fitting import shape_that_fits
from sdplay.ui.picture import inline
from sdplay.ui.problems import explained
from sdplay.ui.share import linked

START, MASK = "start", "start_mask"
"""Their names in the address and in the session."""
KINDS = ["png", "jpg", "jpeg", "webp"]


def choose(capabilities: Capabilities) -> None:
    """Asks for the start image, shows it, and stores its bytes for the form."""
    state = st.session_state
    with explained():
        _follow_address()
    upload = _uploaded("init")
    location = st.text_input(
        "Or its address",
        placeholder="https://…",
        **linked.bound("init_url"),
        help="The picture at this address is fetched by this page.",
    ).strip()
    state["init_bytes"] = None
    with explained():
        data = upload or (_fetched(location) if location else state.get("start_held", b""))
        if data:
            _shown(data, capabilities)
        state["init_bytes"] = data
    _remember(START, upload)
    draw(KNOBS["strength"], capabilities)
    if state["init_bytes"] and capabilities.offers("inpaint"):
        _mask(capabilities)
    else:
        _set_mask_aside()


def _uploaded(name: str) -> bytes:
    """The file in the uploader of a picture."""
    knob = KNOBS[name]
    return visit.uploaded(
        st.file_uploader(
            knob.label,
            KINDS,
            max_upload_size=20,
            help=knob.help,
            key=f"{name}_file_{st.session_state.get(f'{name}_round', 0)}",
        )
    )


def _follow_address() -> None:
    """Restores the picture in the address after a reload or the browser's back button: one of the
    library, or one that this browser uploaded.

    In all other runs an address that says something else is only late.
    """
    if not address.arrived():
        return
    state = st.session_state
    ids = {name: st.query_params.get(name, "") for name in (START, MASK)}
    if all(id == state.get(f"{name}_id", "") for name, id in ids.items()):
        return
    pictures = {name: _given_before(id) for name, id in ids.items()}
    _put(pictures, {name: id for name, id in ids.items() if pictures[name]})
    for name, role in ((START, "start image"), (MASK, "mask")):
        if ids[name] and not pictures[name]:
            notes.add(f"The {role} of this link is gone, or its owner keeps it private.")


def _given_before(id: str) -> bytes:
    upload = session.uploads().find(session.visitor(), id) if id else None
    return upload.data if upload else session.original(id) if id else b""


def _remember(name: str, uploaded: bytes) -> None:
    """Writes into the address the id by which a reload finds the picture in the form."""
    state = st.session_state
    if uploaded:
        state[f"{name}_held"] = b""
    id = "" if uploaded else state.get(f"{name}_id", "")
    if data := uploaded or (not id and state.get(f"{name}_held", b"")):
        id = session.uploads().keep(session.visitor(), data)
    id = id if data or state.get(f"{name}_held") else ""
    if {id} != {st.query_params.get(name, ""), state.get(f"{name}_id", "")}:
        state[f"{name}_id"] = id
        address.rewrite({name: id or None})


def asked(name: str) -> bytes:
    """The start image or the mask, empty if there is none. One that cannot be used raises an error
    with a clear sentence."""
    data = st.session_state.get(f"{name}_bytes", b"")
    if data is None:
        label = KNOBS[name].label.lower()
        raise BadParams(
            f"The {label} cannot be used; under Start image the form says why. Choose another "
            "one, or remove it."
        )
    return bytes(data)


def framed(name: str, frame: Size) -> bytes:
    """The picture in the chosen shape: unchanged if it is to be cropped, otherwise between bars. A
    mask keeps the bars."""
    data = asked(name)
    if not data or not is_letterboxed():
        return data
    return _letterboxed(data, frame, "black" if name == "mask" else "")


def is_letterboxed() -> bool:
    """Whether a start image of another shape is used whole, between bars."""
    return bool(st.session_state.get("init_frame") == "letterbox")


def reframe() -> None:
    """Changes between cropping and bars. Call it from a callback."""
    whole.due()
    st.session_state["init_frame"] = "crop" if is_letterboxed() else "letterbox"


_letterboxed = st.cache_data(show_spinner=False, max_entries=8)(letterboxed)


def hold_whole(data: bytes, picture: str, size: Size, capabilities: Capabilities) -> None:
    """Starts from a picture in its own size, or the nearest that the backend makes. Call it from a
    callback."""
    hold(data, picture=picture)
    width, height = shape_that_fits(size, size[0] * size[1], capabilities)
    st.session_state.update(width=width, height=height)


def hold(data: bytes, mask: bytes = b"", picture: str = "") -> None:
    """Starts from these bytes until another picture is given; empty bytes remove it. Call it from a
    callback.

    `picture` is their id in the library. It is written into the address, so that a reload finds
    them.
    """
    whole.due()
    pictures = {START: data, MASK: mask}
    memory, visitor = session.uploads(), session.visitor()
    ids = {name: memory.keep(visitor, data) for name, data in pictures.items()}
    _put(pictures, ids | ({START: picture} if picture else {}))


def _put(pictures: Mapping[str, bytes], ids: Mapping[str, str]) -> None:
    state = st.session_state
    for name in (START, MASK):
        state[f"{name}_held"], state[f"{name}_id"] = pictures[name], ids.get(name, "")
    address.rewrite({name: ids.get(name) or None for name in (START, MASK)})
    state.update(init_url="", mask_bytes=b"")
    for name in ("init", "mask"):
        _empty_uploader(name)


def _empty_uploader(name: str) -> None:
    """Let a new one take its place: nobody can take a file out of one."""
    rounds = f"{name}_round"
    st.session_state[rounds] = st.session_state.get(rounds, 0) + 1


def _set_mask_aside() -> None:
    """Hold the mask for the next start image: a browser that puts one in another's place takes the
    old one away first, and an uploader that is not drawn loses what it got."""
    if mask := st.session_state.get("mask_bytes"):
        st.session_state.update(start_mask_held=mask, mask_bytes=b"")
        _empty_uploader("mask")


def _shown(data: bytes, capabilities: Capabilities) -> None:
    """The picture small, with a button to remove it and one for a result of its shape."""
    size, state = size_of(data), st.session_state
    now = (current("width", capabilities), current("height", capabilities))
    look = _letterboxed(data, now) if is_letterboxed() else data
    inline.picture(small(look), width=140, alt="Start image")
    st.button(
        "Remove",
        icon=":material/close:",
        type="tertiary",
        key="init_remove",
        on_click=hold,
        args=(b"",),
    )
    fitting = shape_that_fits(size, now[0] * now[1], capabilities)
    if capabilities.offers("size") and not fits(size, now):
        _frame(size, now)
    if capabilities.offers("size") and fitting != now:
        st.button(
            f"Make it {fitting[0]} × {fitting[1]}",
            icon=":material/aspect_ratio:",
            key="init_shape",
            help="The start image's shape in about as many pixels as now.",
            on_click=lambda: state.update(width=fitting[0], height=fitting[1]),
        )


def _frame(size: Size, now: Size) -> None:
    """Asks how the picture is fitted to the result's shape, and says what that does."""
    way = st.segmented_control(
        "To the picture's shape",
        list(linked.FRAMES),
        default="crop",
        required=True,
        **linked.bound("init_frame"),
        format_func=linked.FRAMES.__getitem__,
        help="Crop cuts what stands out. Letterbox shows all of it, between bars of its colours.",
    )
    outcome = "it is shown whole, between bars" if way == "letterbox" else "its edges are cut"
    st.caption(f"It is {size[0]} × {size[1]}. In a picture of {now[0]} × {now[1]} {outcome}.")


def _mask(capabilities: Capabilities) -> None:
    state = st.session_state
    upload = _uploaded("mask")
    data = upload or state.get("start_mask_held", b"")
    state["mask_bytes"] = None
    with explained():
        if data and size_of(data, "mask") and not upload:
            inline.picture(small(data), width=140, alt="Mask")
            st.button(
                "Remove the mask",
                icon=":material/close:",
                type="tertiary",
                key="mask_remove",
                on_click=hold,
                args=(state["init_bytes"],),
            )
        state["mask_bytes"] = data
    _remember(MASK, upload)
    for knob in KNOBS.values() if state["mask_bytes"] else ():
        if knob.needs in ("mask_blur", "inpaint_area") and capabilities.offers(knob.needs):
            draw(knob, capabilities)


def _fetched(address: str) -> bytes:
    """The picture at an address. The visit stores the one of the latest address, so it is fetched
    once."""
    latest = st.session_state.get("init_fetched")
    if not latest or latest[0] != address:
        from sdplay.http.fetch import (
            fetch_public,  # urllib3 comes with it: the page need not wait for that
        )

        with st.spinner("Fetching the picture"):
            latest = (address, fetch_public(address))
        st.session_state["init_fetched"] = latest
    return latest[1]


@st.cache_data(show_spinner=False, max_entries=20)
def size_of(data: bytes, what: str = "start image") -> tuple[int, int]:
    """The width and height of a picture. A file that is none raises an error with a clear
    sentence."""
    try:
        with Image.open(io.BytesIO(checked(data))) as opened:
            return opened.size
    except NotAPicture as error:
        raise BadParams(f"The {what} {error}. Choose a PNG, JPEG or WebP picture.") from error


@st.cache_data(show_spinner=False, max_entries=20)
def small(data: bytes) -> bytes:
    """A preview of an uploaded picture."""
    from sdplay.picture import jpeg_bytes

    with Image.open(io.BytesIO(data)) as opened:
        return jpeg_bytes(opened)
