"""Training pictures: icons of named things, laid on coloured backgrounds on the fly, each with a
caption.

The icons come from npm packages with free licences (see NOTICE): install them and render once with

    npm install @iconify-json/fluent-emoji-flat @iconify-json/noto @iconify-json/twemoji \\
        @lobehub/fluent-emoji-3d emojibase-data @resvg/resvg-js
    node render.mjs things.json ICONS
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

PIXELS = 128
STYLES = ("3d", "flat", "cartoon", "simple")
COLOURS = {
    "white": (255, 255, 255),
    "black": (22, 22, 26),
    "gray": (138, 138, 142),
    "red": (222, 56, 52),
    "orange": (248, 150, 40),
    "yellow": (250, 215, 60),
    "green": (70, 170, 84),
    "turquoise": (60, 200, 196),
    "blue": (58, 118, 228),
    "purple": (140, 84, 210),
    "pink": (248, 148, 190),
    "brown": (132, 88, 56),
}


@dataclass(frozen=True)
class Thing:
    """Something that can be drawn, and the words for it."""

    word: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """What is in one picture: one or two things, left to right, in one style on one colour."""

    things: tuple[Thing, ...]
    style: str
    colour: str


def things() -> tuple[Thing, ...]:
    """The things of things.json."""
    listed = json.loads((Path(__file__).parent / "things.json").read_text())
    return tuple(Thing(entry["word"], tuple(entry.get("also", ()))) for entry in listed)


def held_out(scene: Scene) -> bool:
    """Combinations that are never trained on, so that tests can ask for something new: one in
    sixteen."""
    words = "+".join(thing.word for thing in scene.things)
    mark = sum(
        ord(letter) * (place + 3)
        for place, letter in enumerate(f"{words}/{scene.style}/{scene.colour}")
    )
    return scene.colour != "white" and mark % 16 == 0


def caption(scene: Scene, dice: random.Random) -> str:
    """One of many ways to say what is in the scene; a white background often goes unsaid."""
    names = [dice.choice((thing.word, thing.word, *thing.also)) for thing in scene.things]
    if dice.random() < 0.4:
        names = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names]
    said = " and ".join(names)
    style = dice.random()
    if style < 0.35:
        said = f"{said}, {scene.style} style"
    elif style < 0.55:
        said = f"{scene.style} {said}"
    elif style < 0.65:
        said = f"{said} in {scene.style} style"
    if dice.random() < (0.35 if scene.colour == "white" else 0.85):
        said += dice.choice(
            (
                f" on a {scene.colour} background",
                f", {scene.colour} background",
                f" on {scene.colour}",
            )
        )
    return said


class Icons:
    """Every thing in every style, as transparent pictures in memory."""

    def __init__(self, folder: Path) -> None:
        self.things = things()
        self.pictures = {
            (thing.word, style): _cut(file)
            for thing in self.things
            for style in STYLES
            for file in (folder / style).glob(f"{thing.word.replace(' ', '-')}.*")
        }

    def scene(self, dice: random.Random, pairs: float = 0.2) -> Scene:
        """A random scene out of those that may be trained on."""
        while True:
            count = 2 if dice.random() < pairs else 1
            colour = "white" if dice.random() < 0.4 else dice.choice(list(COLOURS))
            scene = Scene(tuple(dice.sample(self.things, count)), dice.choice(STYLES), colour)
            if not held_out(scene) and all(
                (thing.word, scene.style) in self.pictures for thing in scene.things
            ):
                return scene

    def draw(self, scene: Scene, dice: random.Random) -> Image.Image:
        """The scene at 128 pixels, with a little chance in place, size and tint."""
        tint = tuple(
            max(0, min(255, value + dice.randint(-8, 8))) for value in COLOURS[scene.colour]
        )
        picture = Image.new(
            "RGB", (PIXELS, PIXELS), COLOURS["white"] if scene.colour == "white" else tint
        )
        widths = (0.7, 0.88) if len(scene.things) == 1 else (0.42, 0.48)
        for place, thing in enumerate(scene.things):
            side = round(PIXELS * dice.uniform(*widths))
            icon = self.pictures[thing.word, scene.style].resize(
                (side, side), Image.Resampling.LANCZOS
            )
            middle = PIXELS * (2 * place + 1) / (2 * len(scene.things))
            jitter = 7 if len(scene.things) == 1 else 2
            left = round(middle - side / 2 + dice.uniform(-jitter, jitter))
            top = round(
                (PIXELS - side) / 2
                + dice.uniform(-jitter, jitter) * (1 if len(scene.things) == 1 else 5)
            )
            picture.paste(icon, (left, top), icon)
        return picture

    def pictures_forever(
        self, seed: int, pairs: float = 0.2
    ) -> Iterator[tuple[Scene, Image.Image, str]]:
        """Scenes with their pictures and captions, without end."""
        dice = random.Random(seed)
        while True:
            scene = self.scene(dice, pairs)
            yield scene, self.draw(scene, dice), caption(scene, dice)


def as_array(picture: Image.Image) -> np.ndarray:
    """Pixels as the model sees them: channels first, -1 to 1."""
    return np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1


def _cut(file: Path) -> Image.Image:
    """The icon, its empty border cut away, in a square."""
    with Image.open(file) as opened:
        icon = opened.convert("RGBA")
    box = icon.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox() or (
        0,
        0,
        *icon.size,
    )
    icon = icon.crop(box)
    side = max(icon.size)
    square = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    square.paste(icon, ((side - icon.width) // 2, (side - icon.height) // 2))
    return square.resize((192, 192), Image.Resampling.LANCZOS) if side > 192 else square
