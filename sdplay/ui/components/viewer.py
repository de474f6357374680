"""Two pictures looked at together: slider, side by side, blink, onion skin or difference, with one
zoom for both."""

import base64
from dataclasses import dataclass

from sdplay.ui.components import component

MODES = ("slider", "side by side", "blink", "onion", "difference")


@dataclass(frozen=True)
class Shown:
    """One of the two pictures and what it is called."""

    label: str
    data: bytes
    """The file as it is kept: PNG, JPEG, WebP or GIF."""


_VIEWER = component("viewer", "slider")


def viewer(left: Shown, right: Shown, mode: str, key: str, difference: bytes = b"") -> None:
    """Draw both pictures in one of MODES.  Zoom and handle stay where the person left them when
    pictures change."""
    sides = [{"label": side.label, "source": source(side.data)} for side in (left, right)]
    _VIEWER(
        key=key,
        data={"one": sides[0], "other": sides[1], "map": source(difference), "mode": mode},
        height="content",
    )


def source(data: bytes) -> str:
    """A picture file as the address an img element takes; nothing stays nothing."""
    starts = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}
    kind = next((kind for start, kind in starts.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if data else ""
