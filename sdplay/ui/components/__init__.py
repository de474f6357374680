"""Controls that Streamlit does not have: each is a .py file with its .html, .css and .js beside
it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[\w./]+)";\n', re.MULTILINE)


def component(name: str, *looks: str) -> Callable[..., Any]:
    """The component made from the files with that name, which may be in a folder. `looks` names
    style sheets that come before its own."""
    # Streamlit takes files by path only from installed packages, so it gets their text.
    style = "".join(_text(f"{look}.css") for look in (*looks, name))
    script = FOLDER / f"{name}.js"
    drawn: Callable[..., Any] = st.components.v2.component(
        f"sdplay_{script.stem}",
        html=_text(f"{name}.html"),
        css=style or None,
        js=(_joined(script, set()) if script.exists() else "") or None,
    )
    return drawn


def _joined(script: Path, read: set[Path]) -> str:
    """A script after all scripts that it imports, each once. The browser gets one text in which
    they share all names."""
    if script in read:
        return ""
    read.add(script)
    text = script.read_text(encoding="utf-8")
    imported = ((script.parent / path).resolve() for path in _IMPORT.findall(text))
    return "".join(_joined(path, read) for path in imported) + _IMPORT.sub("", text)


def _text(file: str) -> str:
    path = FOLDER / file
    return path.read_text(encoding="utf-8") if path.exists() else ""
