"""Two pictures compared: slider, side by side, blink, onion skin or difference, with one zoom for
both."""

from dataclasses import dataclass

from sdplay.ui.components import component
from sdplay.ui.picture.inline import source

MODES = ("slider", "side by side", "blink", "onion", "difference")


@dataclass(frozen=True)
class Shown:
    """One of the two pictures, and its name."""

    label: str
    data: bytes
    """The file as it is stored: PNG, JPEG, WebP or GIF."""


_VIEWER = component("viewer", "slider")


def viewer(left: Shown, right: Shown, mode: str, key: str, difference: bytes = b"") -> None:
    """Draws both pictures in one of MODES. Zoom and slider stay where the person left them when the
    pictures change."""
    sides = [{"label": side.label, "source": source(side.data)} for side in (left, right)]
    _VIEWER(
        key=key,
        data={"one": sides[0], "other": sides[1], "map": source(difference), "mode": mode},
        height="content",
    )
