"""Pictures inside the page itself.

Streamlit removes a picture that it serves as a file when the script runs again, often before a slow
browser has asked for it, and the browser then shows a broken picture.  Our own components have no
other way to be given one.  Downloads and films are too large for that, see `offered.py`.
"""

import base64
from typing import Any

import streamlit as st

_STARTS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}


def source(data: bytes) -> str:
    """A picture file as the address of an img element; empty if there is no file."""
    kind = next((kind for start, kind in _STARTS.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if data else ""


def picture(data: bytes, caption: str | None = None, **look: Any) -> None:
    """Shows the file unchanged, so that a picture saved from the browser has its settings
    inside."""
    st.image(source(data), caption, **look)
