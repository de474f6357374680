"""The sheet of a sweep on the page: rows, columns and cells that fill as pictures are made, with
mouse or arrow keys to move.

Thumbnails are sent apart from the grid, a few dozen in a message. Unchanged messages are not sent
again, so hundreds of cells cost little while they fill.
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
    """The text that is read aloud, and shown when the pointer rests on the cell."""
    picture: str = ""
    """The thumbnail's name in the store."""
    badge: str = ""
    heat: float | None = None
    """How strongly it is tinted, from 0 to 1."""


def thumbnails(pictures: Mapping[str, str]) -> None:
    """Sends thumbnails in base64 to the browser, each once. Append new ones at the end."""
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
    """Draws the grid and returns the place of the cell that was just clicked, or an empty text.

    Cells take the available width up to `most` pixels each. Without columns they fill line after
    line.
    """
    fields = {
        "columns": columns,
        "rows": rows,
        "cells": [vars(cell) for cell in cells],
        "most": most,
        "ratio": ratio,
    }
    result = _GRID(key=key, data=fields, height="content", on_picked_change=lambda: None)
    return str(result.get("picked") or "")
