"""The style of a picture of one thing: that of the drawing of this thing which it is most like.

Nothing is learnt here.  A network that was to tell the ten styles apart named half of the true
drawings rightly.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from sdplay.training.pictures.scenes import Scene
from sdplay.training.pictures.styles import CELLS, MADE
from sdplay.training.pictures.world import World

Pixels = np.ndarray[Any, np.dtype[np.float32]]
SIDE = 64
"""The side at which picture and drawing are laid over each other."""
APART = 60.0
"""How far the colour of a thing's pixel is from its ground's, all three channels added."""
ON_GRID = 0.3
"""The share of all steps in brightness that lies between large pixels, from which on a picture is
pixel art.  Of drawings in other styles none has more than 0.23; pixel art as the autoencoder gives
it back has 0.67 in the middle."""
TRIES = 4
"""How often a style is drawn that may start from any of several drawings."""


def style_of(picture: Image.Image, scene: Scene, world: World) -> str:
    """The style of a picture of the scene's lone thing."""
    if on_grid(picture) > ON_GRID:
        return "pixel art"
    seen = laid(picture)
    return min(
        (float(np.abs(seen - laid(drawing)).mean()), style)
        for style, drawing in _drawings(scene, world)
    )[1]


def on_grid(picture: Image.Image) -> float:
    """The share of a picture's steps in brightness that lies between large pixels."""
    gray = np.asarray(picture.convert("L"), np.float32)
    every = picture.width // CELLS
    share = []
    for axis in (0, 1):
        steps = np.abs(np.diff(gray, axis=axis)).sum(1 - axis)
        share.append(steps[every - 1 :: every].sum() / max(1.0, float(steps.sum())))
    return float(np.mean(share))


def laid(picture: Image.Image) -> Pixels:
    """A picture cut to its thing, all of one size."""
    box = cut_out(picture).getbbox() or (0, 0, *picture.size)
    return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), box=box), np.float32)


def cut_out(picture: Image.Image) -> Image.Image:
    """A picture with its ground taken away."""
    away = np.abs(np.asarray(picture.convert("RGB"), np.float32) - ground_of(picture)).sum(-1)
    thing = picture.convert("RGBA")
    thing.putalpha(Image.fromarray(np.where(away > APART, 255, 0).astype(np.uint8)))
    return thing


def ground_of(picture: Image.Image) -> Pixels:
    """The colour of a picture's rim."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.asarray(np.median(rim, axis=0), np.float32)


def _drawings(scene: Scene, world: World) -> Iterator[tuple[str, Image.Image]]:
    """The scene in each style that its thing is drawn in, and mirrored."""
    dice = random.Random(0)
    thing = scene.figures[0].thing
    drawn = world.icons.of(thing, world.icons.sets)
    for style in (*drawn, *(made for made in MADE if made != "pixel art")):
        for _ in range(1 if style in drawn else TRIES):
            picture = world.draw(replace(scene, style=style), dice).picture
            yield style, picture
            yield style, ImageOps.mirror(picture)
