"""A page with nothing but our components, for test_components_in_chromium.py."""

import streamlit as st
from PIL import Image, ImageDraw

from sdplay.picture import png_bytes
from sdplay.ui.viewer import MODES, Shown, viewer


def drawn(colour: str, size: int = 128) -> bytes:
    """A disc on a dark ground."""
    image = Image.new("RGB", (size, size), "#202030")
    ImageDraw.Draw(image).ellipse((size // 4, size // 4, size * 3 // 4, size * 3 // 4), fill=colour)
    return png_bytes(image)


st.set_page_config(layout="wide")
st.session_state.setdefault("mode", st.query_params.get("mode", "slider"))
mode = st.segmented_control("Look", MODES, key="mode", required=True)
viewer(Shown("Euler <b>20</b>", drawn("tomato")), Shown("DDIM 20", drawn("gold")), mode, "viewer", drawn("white"))
