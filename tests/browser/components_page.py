"""A page with nothing but our components, for test_components_in_chromium.py."""

import streamlit as st
from PIL import Image, ImageDraw

from sdplay.picture import Frame, jpeg_bytes, png_bytes
from sdplay.ui.components.filmstrip import Strip, filmstrip
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


st.set_page_config(layout="wide")
if st.query_params.get("show") == "film":
    filmstrip([strip("Euler <i>5</i>", 5, 0.2), strip("Euler 9", 9, 0.1)], "film")
else:
    st.session_state.setdefault("mode", st.query_params.get("mode", "slider"))
    mode = st.segmented_control("Look", MODES, key="mode", required=True)
    one, other = (
        Shown("Euler <b>20</b>", png_bytes(disc("tomato"))),
        Shown("DDIM 20", png_bytes(disc("gold"))),
    )
    viewer(one, other, mode, "viewer", png_bytes(disc("white")))
