"""What is to be seen in one picture, as records: things with colour, number and size, and how they
stand."""

import zlib
from dataclasses import dataclass

from sdplay.training.pictures.icons import Thing

RELATIONS = ("next to", "left of", "right of", "above", "below", "on")
"""How the first of two things stands to the second."""
PLACES = ("left", "right", "top", "bottom")
"""Where a lone thing may be, if not in the middle."""
SIZES = ("small", "large")
MOST = 4
"""The most things in one picture."""


@dataclass(frozen=True)
class Figure:
    """A thing as it appears: so many of it, in a colour, a size and a pose."""

    thing: Thing
    colour: str = ""
    """The colour it has, or nothing where its drawing has its own."""
    count: int = 1
    size: str = ""
    pose: str = ""
    """Upside down, tilted, or nothing."""


@dataclass(frozen=True)
class Scene:
    """One or more figures in one style on one ground."""

    figures: tuple[Figure, ...]
    style: str
    ground: str
    relation: str = ""
    """Of the first of two figures to the second, or nothing."""
    place: str = ""
    """Where a lone figure is, or nothing: about the middle."""

    @property
    def count(self) -> int:
        """How many things are in the picture."""
        return sum(figure.count for figure in self.figures)


def held_out(scene: Scene) -> bool:
    """Combinations that are never trained on, so that evaluation can ask for something new: one in
    sixteen of those on a ground that is not white."""
    figures = "+".join(
        f"{figure.count} {figure.colour} {figure.thing.word}" for figure in scene.figures
    )
    text = f"{figures}/{scene.relation}/{scene.place}/{scene.style}/{scene.ground}"
    return scene.ground != "white" and zlib.crc32(text.encode()) % 16 == 0
