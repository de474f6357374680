"""Pictures inside the page itself.

A picture that Streamlit keeps as a file of its own is thrown away when the script begins anew,
often before a slow browser has asked for it; the browser then shows a broken picture.
"""

import base64
from typing import Any

import streamlit as st

_STARTS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}


def source(data: bytes) -> str:
    """A picture file as the address an img element takes; nothing stays nothing."""
    kind = next((kind for start, kind in _STARTS.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if data else ""


def picture(data: bytes, caption: str | None = None, **look: Any) -> None:
    """Draw the file as it is: what the browser saves of it keeps the settings inside."""
    st.image(source(data), caption, **look)
