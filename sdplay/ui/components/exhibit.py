"""The pictures of a lesson, large, with numbers and rings that show where to look. A click enlarges
one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdplay.ui.components import component

_EXHIBIT = component("exhibit", "pulse")


@dataclass(frozen=True)
class Piece:
    """One picture of the lesson."""

    text: str
    source: str = ""
    """A data address; empty while there is no picture."""
    state: str = ""
    """`waits` while the picture is at work."""
    marks: tuple[int, ...] = ()
    """The numbers of the things to look at in it."""
    ring: tuple[float, float, float, float] | None = None
    """Where to look: left, top, width and height in percent of the picture."""


def exhibit(
    pieces: Sequence[Piece], columns: int, key: str, *, flows: bool, ratio: float = 1.0
) -> None:
    """Draws the pictures in so many columns. If lines may break anywhere (`flows`), a phone shows
    two columns."""
    _EXHIBIT(
        key=key,
        data={
            "pictures": [vars(piece) for piece in pieces],
            "columns": columns,
            "flows": flows,
            "ratio": ratio,
        },
        height="content",
    )
