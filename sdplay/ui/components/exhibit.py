"""The pictures of a lesson, large, with what to look at marked; a click enlarges one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdplay.ui.components import component

_EXHIBIT = component("exhibit", "pulse")


@dataclass(frozen=True)
class Piece:
    """One picture on the wall."""

    text: str
    source: str = ""
    """A data address; empty while the picture is not there."""
    state: str = ""
    """`waits` while it is at work."""
    marks: tuple[int, ...] = ()
    """The numbers of the things to look at in it."""
    ring: tuple[float, float, float, float] | None = None
    """Where to look: left, top, width and height in percent of the picture."""


def exhibit(
    pieces: Sequence[Piece], columns: int, key: str, *, flows: bool, ratio: float = 1.0
) -> None:
    """Draw them in so many columns; where the line may break anywhere (`flows`), a
    phone has two."""
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
