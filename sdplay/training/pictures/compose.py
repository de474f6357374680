"""Draws a scene, and says where everything in it has come to stand."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sdplay.training.pictures import styles
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.grounds import ground
from sdplay.training.pictures.icons import Icons
from sdplay.training.pictures.scenes import Figure, Scene

PIXELS = 128
PALE = (246, 246, 248)
DARK = ("black", "night")
"""Grounds on which lines and silhouettes are pale."""
MIRRORED = 0.2
"""The share of things in a mirror; were it half, each drawing would be two shapes to learn."""
BASES = ("flat", "simple", "cartoon", "glossy")
"""Drawn styles that the styles made in code start from."""


@dataclass(frozen=True)
class Box:
    """Where one thing is, in parts of the picture's side."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre: across, down."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def side(self) -> float:
        """The longer of its two sides."""
        return max(self.right - self.left, self.bottom - self.top)


@dataclass(frozen=True)
class Drawn:
    """A picture and where its things are: one tuple of boxes for each figure."""

    picture: Image.Image
    boxes: tuple[tuple[Box, ...], ...]


@dataclass(frozen=True)
class Spot:
    """A place for one thing: its middle and the longer of its sides."""

    x: float
    y: float
    side: float


def compose(scene: Scene, icons: Icons, dice: random.Random, pixels: int = PIXELS) -> Drawn:
    """The scene, with a little chance in place, size and tint."""
    picture = ground(scene.ground, pixels, dice)
    boxes: list[tuple[Box, ...]] = []
    spots = iter(_spots(scene, dice))
    base = _base(scene, icons, dice)
    standing: Box | None = None
    for figure in scene.figures[::-1] if scene.relation == "on" else scene.figures:
        icon = _icon(figure, scene, icons, base)
        own = []
        for _ in range(figure.count):
            turned = _turned(icon, figure, dice)
            standing = _paste(
                picture, turned, next(spots), standing if scene.relation == "on" else None
            )
            own.append(standing)
        boxes.append(tuple(own))
    if scene.relation == "on":
        boxes.reverse()
    if scene.style == "pixel art":
        picture = styles.pixel_art(picture)
    return Drawn(picture, tuple(boxes))


def as_array(picture: Image.Image) -> np.ndarray:
    """Pixels as the model sees them: channels first, -1 to 1."""
    return np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1


def _base(scene: Scene, icons: Icons, dice: random.Random) -> dict[str, str]:
    """Which set of drawings each thing is taken from."""
    if scene.style in icons.sets:
        return {figure.thing.word: scene.style for figure in scene.figures}
    sets = [name for name in BASES if name in icons.sets] or list(icons.sets)
    return {
        figure.thing.word: dice.choice(
            icons.of(figure.thing, sets) or icons.of(figure.thing, icons.sets)
        )
        for figure in scene.figures
    }


def _icon(figure: Figure, scene: Scene, icons: Icons, base: dict[str, str]) -> Image.Image:
    """The thing in its colour and the scene's style."""
    word = figure.thing.word
    drawing = icons.drawings[word, base[word]]
    if scene.style in styles.UNCOLOURED:
        ink = (
            COLOURS[figure.colour]
            if figure.colour
            else PALE
            if scene.ground in DARK
            else styles.INK
        )
        return (styles.line if scene.style == "line" else styles.silhouette)(drawing.icon, ink)
    icon = drawing.painted(figure.colour)
    return styles.sticker(icon) if scene.style == "sticker" else icon


def _turned(icon: Image.Image, figure: Figure, dice: random.Random) -> Image.Image:
    """Mirrored now and then, and a little or much turned."""
    if dice.random() < MIRRORED:
        icon = icon.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = dice.uniform(-4, 4)
    if figure.pose == "upside down":
        angle += 180
    elif figure.pose == "tilted":
        angle += dice.choice((-1, 1)) * dice.uniform(25, 45)
    turned = icon.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return turned.crop(
        turned.getchannel("A").point(lambda value: 255 if value > 12 else 0).getbbox()
    )


def _paste(picture: Image.Image, icon: Image.Image, spot: Spot, below: Box | None) -> Box:
    """Lay the icon on the picture, and stand it on what is below."""
    side = picture.width
    scale = spot.side * side / max(icon.size)
    size = (max(1, round(icon.width * scale)), max(1, round(icon.height * scale)))
    left, top = round(spot.x * side - size[0] / 2), round(spot.y * side - size[1] / 2)
    if below is not None:
        top = round((below.top + 0.03) * side) - size[1]
    small = icon.resize(size, Image.Resampling.LANCZOS)
    picture.paste(small, (left, top), small)
    return Box(left / side, top / side, (left + size[0]) / side, (top + size[1]) / side)


def _spots(scene: Scene, dice: random.Random) -> list[Spot]:
    """A spot for each thing, in the order of the figures (of "on", the lower one first)."""
    if scene.count == 1:
        return [_lone(scene, dice)]
    if scene.relation in ("above", "below", "on"):
        return _column(scene, dice)
    row = _row(scene, dice) if scene.count < 4 and dice.random() < 0.7 else _grid(scene, dice)
    if scene.relation == "right of":
        return [Spot(1 - spot.x, spot.y, spot.side) for spot in row]
    return row


def _lone(scene: Scene, dice: random.Random) -> Spot:
    sides = {"small": (0.22, 0.34), "large": (0.93, 1.0), "": (0.7, 0.9)}
    if scene.style == "pixel art":
        # Of few large pixels a thing needs most to be known.
        sides |= {"small": (0.4, 0.5), "": (0.8, 0.98)}
    side = dice.uniform(*sides[scene.figures[0].size])
    if scene.place and side > 0.34:
        side = dice.uniform(0.36, 0.46)
    free = min(0.06, max(0.0, (1 - side) / 2))
    x, y = (0.5 + dice.uniform(-free, free) for _ in "xy")
    edge = dice.uniform(0.24, 0.28)
    if scene.place in ("left", "right"):
        x = edge if scene.place == "left" else 1 - edge
    elif scene.place:
        y = edge if scene.place == "top" else 1 - edge
    return Spot(x, y, side)


def _sides(scene: Scene, room: float, dice: random.Random) -> list[float]:
    """How large each thing may be where each has so much room."""
    parts = {"small": (0.5, 0.62), "large": (1.0, 1.12), "": (0.82, 0.94)}
    return [
        room * dice.uniform(*parts[figure.size])
        for figure in scene.figures
        for _ in range(figure.count)
    ]


def _row(scene: Scene, dice: random.Random) -> list[Spot]:
    count = scene.count
    sides = _sides(scene, 1 / count, dice)
    foot = 0.5 + dice.uniform(-0.08, 0.1)
    return [
        Spot((at + 0.5) / count + dice.uniform(-0.01, 0.01), foot + dice.uniform(-0.04, 0.04), side)
        for at, side in enumerate(sides)
    ]


def _grid(scene: Scene, dice: random.Random) -> list[Spot]:
    """Two by two; of three, the last in the middle below; two stand side by side, one higher."""
    places: Sequence[tuple[float, float]] = ((0.26, 0.26), (0.74, 0.26), (0.26, 0.74), (0.74, 0.74))
    if scene.count == 3:
        places = ((0.26, 0.27), (0.74, 0.27), (0.5, 0.74))
    elif scene.count == 2:
        lower = dice.uniform(0.05, 0.14) * dice.choice((-1, 1))
        places = ((0.26, 0.5 - lower), (0.74, 0.5 + lower))
    sides = _sides(scene, 0.48, dice)
    return [
        Spot(x + dice.uniform(-0.015, 0.015), y + dice.uniform(-0.015, 0.015), side)
        for (x, y), side in zip(places, sides, strict=True)
    ]


def _column(scene: Scene, dice: random.Random) -> list[Spot]:
    first, second = _sides(scene, 0.48, dice)
    x = 0.5 + dice.uniform(-0.08, 0.08)
    if scene.relation == "on":
        return [Spot(x, 0.96 - second / 2, second), Spot(x + dice.uniform(-0.03, 0.03), 0.3, first)]
    high, low = 0.26 + dice.uniform(-0.01, 0.01), 0.74 + dice.uniform(-0.01, 0.01)
    if scene.relation == "below":
        high, low = low, high
    return [Spot(x, high, first), Spot(x + dice.uniform(-0.06, 0.06), low, second)]
