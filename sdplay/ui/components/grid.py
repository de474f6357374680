"""The sheet of a sweep on the page: rows, columns and cells that fill as pictures end, walked by
mouse or arrow keys.

Thumbnails travel apart from the grid, some dozens to a message: what has not changed is not sent
again, so that hundreds of cells stay light while they fill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sdplay.ui.components import component

PER_MESSAGE = 50
_STORE = component("thumbnails")
_GRID = component("grid", "pulse")


@dataclass(frozen=True)
class GridCell:
    """One cell as it is drawn."""

    at: str
    state: str
    text: str
    title: str
    """Read aloud, and shown when the pointer rests on it."""
    picture: str = ""
    """The thumbnail's name in the store."""
    badge: str = ""
    heat: float | None = None
    """0 to 1: how strongly it is tinted."""


def thumbnails(pictures: Mapping[str, str]) -> None:
    """Bring thumbnails in base64 to the browser, once each; append new ones at the end."""
    waiting = iter(pictures.items())
    while chunk := dict(islice(waiting, PER_MESSAGE)):
        _STORE(
            data={"pictures": chunk}
        )  # without a key: every control of the page looks through all keyed components


def grid(
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[GridCell],
    key: str,
    most: int = 640,
    ratio: float = 1.0,
) -> str:
    """The place of the cell that was just picked, else nothing.  Cells take the room there is, up
    to `most` pixels wide; without columns they fill line after line."""
    fields = {
        "columns": columns,
        "rows": rows,
        "cells": [vars(cell) for cell in cells],
        "most": most,
        "ratio": ratio,
    }
    result = _GRID(key=key, data=fields, height="content", on_picked_change=lambda: None)
    return str(result.get("picked") or "")
