"""The picture that follows a drawing: swapped without a flicker, never for an older one, with the
time from stroke to picture."""

from dataclasses import asdict, dataclass

from sdplay.ui.components import component


@dataclass(frozen=True)
class Outcome:
    """What stands beside the drawing."""

    width: int
    height: int
    turn: int = 0
    """Of two answers the one with the larger turn was asked for later."""
    stroke: int = 0
    """The number of the drawing it follows."""
    source: str = ""
    """The picture as the address that an img element takes; empty for none yet."""
    alt: str = ""
    said: str = ""
    empty: str = ""
    """What stands in its place while there is no picture."""
    working: bool = False
    timed: bool = False
    """It was asked for by a stroke, so that the time since then says something."""


_OUTCOME = component("outcome", "pulse")


def outcome(look: Outcome, key: str) -> None:
    """Draw it."""
    _OUTCOME(key=key, data=asdict(look), height="content")
