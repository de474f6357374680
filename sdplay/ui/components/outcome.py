"""The picture that follows a drawing: replaced without a flicker, never by an older one, with the
time since the stroke."""

from dataclasses import asdict, dataclass

from sdplay.ui.components import component


@dataclass(frozen=True)
class Outcome:
    """What is shown beside the drawing."""

    width: int
    height: int
    turn: int = 0
    """Grows with each request, so that of two answers the later request's counts."""
    stroke: int = 0
    """The number of the stroke that the picture follows."""
    source: str = ""
    """The address for an img element; empty while there is no picture."""
    alt: str = ""
    said: str = ""
    empty: str = ""
    """The text shown while there is no picture."""
    working: bool = False
    timed: bool = False
    """Whether a stroke asked for it, so that the time since then has a meaning."""


_OUTCOME = component("outcome", "pulse")


def outcome(look: Outcome, key: str) -> None:
    """Draws the picture."""
    _OUTCOME(key=key, data=asdict(look), height="content")
