"""What Streamlit has not: each component is a .py with its .html, .css and .js beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


def component(name: str, *looks: str) -> Callable[..., Any]:
    """The component made of the files of that name; `looks` name style sheets that go before its
    own."""
    # Streamlit takes files by path only from installed packages, so it gets their text.
    style = "".join(_text(f"{look}.css") for look in (*looks, name))
    drawn: Callable[..., Any] = st.components.v2.component(
        f"sdplay_{name}",
        html=_text(f"{name}.html"),
        css=style or None,
        js=_text(f"{name}.js") or None,
    )
    return drawn


def _text(file: str) -> str:
    path = FOLDER / file
    return path.read_text(encoding="utf-8") if path.exists() else ""
