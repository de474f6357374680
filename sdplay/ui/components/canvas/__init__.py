"""A sheet to draw on with pen, finger, mouse or keys; the drawing stays in the browser."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.ui.components import component

LARGEST = 12_000_000
"""Letters of a picture that the browser sends: far below the server's limit for a message."""


@dataclass(frozen=True)
class Backdrop:
    """A picture to draw on; the browser takes one of a new id once."""

    id: str
    source: str
    """As the address that an img element takes."""


@dataclass(frozen=True)
class Pad:
    """What is drawn on: its name in the browser's storage, and the pixels that are sent."""

    name: str
    width: int
    height: int
    background: Backdrop | None = None
    largest: int = LARGEST
    mask: bool = False
    """What is drawn is a mask over the background, which cannot be taken away."""
    soft: int = 0
    """By how many pixels the mask's edge is shown blurred."""


@dataclass(frozen=True)
class Sketched:
    """What the browser sent."""

    number: int
    """A later drawing has a larger one."""
    data: bytes
    """A picture file, of a mask white on black; empty while nothing is drawn."""
    changed: bool
    """The person has just drawn, and not only opened the page."""
    background: str = ""
    """The id of the last backdrop that the browser took."""
    too_large: bool = False
    """It was drawn, but the browser could not make it small enough for a message."""


_CANVAS = component("canvas/canvas")


def canvas(
    sheet: Pad, key: str, on_drawn: Callable[[], None], on_coming: Callable[[], None]
) -> None:
    """Draw the sheet and its tools; after each stroke `on_drawn` runs, in which `drawn` answers,
    and before it `on_coming`, in which `coming` does, where writing the drawing takes a while."""
    _CANVAS(
        key=key,
        data=asdict(sheet),
        height="content",
        on_drawing_change=on_drawn,
        on_coming_change=on_coming,
    )


def coming(key: str) -> int:
    """The number of the drawing that the browser has begun to write."""
    fields = st.session_state[key].get("coming")
    return _number(fields.get("number")) if isinstance(fields, Mapping) else 0


def drawn(key: str) -> Sketched:
    """The drawing that has just come; raises NotAPicture for what is none."""
    return received(st.session_state[key].get("drawing"))


def received(fields: Any) -> Sketched:
    """The drawing in what a browser sent, which may be anything."""
    if not isinstance(fields, Mapping):
        raise NotAPicture("is missing")
    picture = str(fields.get("picture") or "")
    return Sketched(
        _number(fields.get("number")),
        checked(from_base64(picture)) if picture else b"",
        fields.get("why") == "change",
        str(fields.get("background") or ""),
        fields.get("large") is True,
    )


def _number(value: Any) -> int:
    """Of a browser, which may send anything."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0
