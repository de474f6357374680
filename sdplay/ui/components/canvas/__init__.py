"""A sheet for drawing with pen, finger, mouse or keys. The drawing stays in the browser."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.ui.components import component

LARGEST = 12_000_000
"""The most letters of a picture that the browser sends, far below the server's limit for a
message."""
UNKNOWN = (0, 0)
"""The size of a drawing whose message does not say it."""


@dataclass(frozen=True)
class Backdrop:
    """A picture to draw on. The browser takes one with a new id once."""

    id: str
    source: str
    """The address for an img element."""


@dataclass(frozen=True)
class Pad:
    """What somebody draws on: its name in the browser's storage, and how many pixels are sent."""

    name: str
    width: int
    height: int
    background: Backdrop | None = None
    largest: int = LARGEST
    mask: bool = False
    """Whether the drawing is a mask over the background, which then cannot be removed."""
    visit: str = ""
    """Names who asks. To another than before, the browser tells again what is drawn."""
    soft: int = 0
    """By how many pixels the mask's edge is shown blurred."""


@dataclass(frozen=True)
class Sketched:
    """What the browser has sent."""

    number: int
    """The number of the drawing, which grows with each."""
    data: bytes
    """A picture file; a mask is white on black. Empty while nothing is drawn."""
    changed: bool
    """Whether the person has just drawn, and not only opened the page."""
    background: str = ""
    """The id of the last background that the browser took."""
    too_large: bool = False
    """Whether the browser could not make the drawing small enough for a message."""
    size: tuple[int, int] = UNKNOWN
    """The pixels across and down that were asked for when it was drawn."""


_CANVAS = component("canvas/canvas")


def canvas(
    sheet: Pad, key: str, on_drawn: Callable[[], None], on_coming: Callable[[], None]
) -> None:
    """Draws the sheet and its tools.

    After each stroke `on_drawn` is called, in which `drawn` returns the drawing. If writing it
    takes a while, `on_coming` is called before, in which `coming` returns its number.
    """
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
    """The drawing that has just arrived. It raises NotAPicture if it is none."""
    return received(st.session_state[key].get("drawing"))


def received(fields: Any) -> Sketched:
    """The drawing in a browser's message, which may contain anything."""
    if not isinstance(fields, Mapping):
        raise NotAPicture("is missing")
    picture = str(fields.get("picture") or "")
    return Sketched(
        _number(fields.get("number")),
        checked(from_base64(picture)) if picture else b"",
        fields.get("why") == "change",
        str(fields.get("background") or ""),
        fields.get("large") is True,
        (_number(fields.get("width")), _number(fields.get("height"))),
    )


def _number(value: Any) -> int:
    """A number from a browser, which may send anything."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0
