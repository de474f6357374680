"""Small pictures to click: a row or a grid of the library's thumbnails."""

import base64
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sdplay.ui.components import component


@dataclass(frozen=True)
class Tile:
    """One thumbnail and what is said about it."""

    id: str
    jpeg: bytes
    label: str
    """Shown when the pointer rests on it, and read aloud with the caption and its position."""
    caption: str = ""


_TILES = component("tiles", "thumbnail")


def tiles(pictures: Iterable[Tile], key: str, width: int = 180, strip: bool = False) -> str:
    """Draws the tiles and returns the id of the one that was just clicked, or an empty text. A
    strip scrolls sideways in one row."""
    fields = [{**asdict(tile), "jpeg": base64.b64encode(tile.jpeg).decode()} for tile in pictures]
    result = _TILES(
        key=key,
        data={"tiles": fields, "width": width, "strip": strip},
        height="content",
        on_opened_change=lambda: None,
    )
    return str(result.get("opened") or "")
