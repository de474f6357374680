"""A page with nothing but our components, for test_components_in_chromium.py."""

from base64 import b64encode

import streamlit as st
from PIL import Image, ImageDraw

from sdplay.picture import Frame, jpeg_bytes, png_bytes
from sdplay.ui.components.filmstrip import Strip, filmstrip
from sdplay.ui.components.flipbook import Leaf, flipbook, large_pictures
from sdplay.ui.components.grid import thumbnails
from sdplay.ui.components.sift import Number, Sifted, sift
from sdplay.ui.components.viewer import MODES, Shown, viewer


def disc(colour: str, size: int = 128) -> Image.Image:
    """A disc on a dark ground."""
    image = Image.new("RGB", (size, size), "#202030")
    ImageDraw.Draw(image).ellipse((size // 4, size // 4, size * 3 // 4, size * 3 // 4), fill=colour)
    return image


def strip(label: str, steps: int, seconds: float) -> Strip:
    """A run whose disc turns from black to white while the noise falls from 16 to 0.1."""
    clean = [
        jpeg_bytes(disc(f"hsl(0, 0%, {100 * step // steps}%)")) for step in range(1, steps + 1)
    ]
    noisy = jpeg_bytes(Image.effect_noise((128, 128), 90).convert("RGB"))
    frames = tuple(
        Frame(at + 1, 16 * (0.1 / 16) ** (at / (steps - 1)), seconds * (at + 1), picture, noisy)
        for at, picture in enumerate(clean)
    )
    return Strip(label, frames)


def coloured(number: int, size: int = 256) -> Image.Image:
    """A busy picture of its own colour: as heavy to decode as a photograph."""
    noise = Image.effect_noise((size, size), 60).convert("RGB")
    return Image.blend(noise, disc(f"hsl({number * 7 % 360}, 80%, 50%)", size), 0.6)


@st.cache_data
def stocked(count: int) -> dict[str, bytes]:
    return {f"p{number}": jpeg_bytes(coloured(number)) for number in range(count)}


def reject(cells: frozenset[tuple[int, ...]]) -> None:
    st.session_state["rejected"] = cells


@st.fragment
def book() -> None:
    """Steps by CFG, as many as the address says; what was asked for is said below."""
    wide, high = (int(st.query_params.get(name, 4)) for name in ("wide", "high"))
    small = stocked(wide * high)
    thumbnails({id: b64encode(jpeg).decode() for id, jpeg in small.items()})
    axes = [
        ("Steps", [str(at) for at in range(1, wide + 1)]),
        ("CFG", [str(at) for at in range(high)]),
    ]
    leaves = [
        Leaf((x, y), f"p{x + wide * y}", f"{x + 1} steps · CFG {y}", "0.40 s")
        for x in range(wide)
        for y in range(high)
    ]
    rejected = st.session_state.setdefault("rejected", frozenset())
    turn = flipbook(axes, leaves, "book", start=(0, 0), rejected=rejected, on_reject=reject)
    large_pictures({id: png_bytes(coloured(int(id[1:]), 512)) for id in turn.wanted})
    if turn.beside or turn.details:
        st.session_state["heard"] = f"beside {turn.beside} details {turn.details}"
    st.caption(f"Rejected: {sorted(rejected)}. {st.session_state.get('heard', '')}")


@st.fragment
def sieve() -> None:
    """Four pictures, of which one has no time."""
    thumbnails({id: b64encode(jpeg).decode() for id, jpeg in stocked(4).items()})
    seconds = (0.3, 0.1, None, 0.2)
    pictures = [
        Sifted(
            (at,),
            f"p{at}",
            f"picture {at}",
            {} if time is None else {"time": time},
            {} if time is None else {"time": f"{time:.2f}"},
        )
        for at, time in enumerate(seconds)
    ]
    rejected = st.session_state.setdefault("rejected", frozenset())
    numbers = [Number("time", "Seconds"), Number("stars", "Stars", ready=False)]
    choice = sift(pictures, numbers, "sift", rejected=rejected, on_reject=reject)
    if choice.wanted or choice.opened:
        st.session_state["heard"] = f"wanted {choice.wanted} opened {choice.opened}"
    st.caption(f"Rejected: {sorted(rejected)}. {st.session_state.get('heard', '')}")


st.set_page_config(layout="wide")
if st.query_params.get("show") == "film":
    filmstrip([strip("Euler <i>5</i>", 5, 0.2), strip("Euler 9", 9, 0.1)], "film")
elif st.query_params.get("show") == "flip":
    book()
elif st.query_params.get("show") == "sift":
    sieve()
else:
    st.session_state.setdefault("mode", st.query_params.get("mode", "slider"))
    mode = st.segmented_control("Look", MODES, key="mode", required=True)
    one, other = (
        Shown("Euler <b>20</b>", png_bytes(disc("tomato"))),
        Shown("DDIM 20", png_bytes(disc("gold"))),
    )
    viewer(one, other, mode, "viewer", png_bytes(disc("white")))
