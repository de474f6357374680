"""What a ControlNet is shown of a picture: as it is, or its lines, white on black."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

INK = 127
"""A line of a drawing is at least so far from white, of 255."""
FAINT_EDGE, CLEAR_EDGE = 100.0, 200.0
"""Slopes of brightness: a clear one begins an edge, which goes on as long as there is a faint
one."""
CALM = 1.0
"""The grain of a picture, in pixels, that is blurred away before its edges are looked for."""
Pixels = Any


def preprocessed(image: Image.Image, module: str) -> Pixels:
    """What the preprocessor of that name makes of an RGB picture: [h, w, 3], 0 to 255."""
    made = MODULES[module](image)
    return np.repeat(made[..., None], 3, axis=2) if made.ndim == 2 else made


def _as_it_is(image: Image.Image) -> Pixels:
    return np.asarray(image)


def _inverted(image: Image.Image) -> Pixels:
    return 255 - np.asarray(image)


def _soft_scribble(image: Image.Image) -> Pixels:
    """How much ink lies on each pixel, of any colour: white paper becomes black."""
    return 255 - np.asarray(image).min(axis=2)


def _scribble(image: Image.Image) -> Pixels:
    return np.where(_soft_scribble(image) > INK, 255, 0).astype(np.uint8)


def _canny(image: Image.Image) -> Pixels:
    """Edges one pixel wide: where the brightness changes most, followed along their way."""
    grey = image.convert("L").filter(ImageFilter.GaussianBlur(CALM))
    across, down = _slopes(np.asarray(grey, np.float32))
    crests = _crests(np.hypot(across, down), across, down)
    return np.where(_followed(crests), 255, 0).astype(np.uint8)


def _slopes(grey: Pixels) -> tuple[Pixels, Pixels]:
    """How brightness changes to the right and downwards, as Sobel measures it."""
    wide = np.pad(grey, 1, "edge")
    rows = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    columns = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    return rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2]


def _crests(slope: Pixels, across: Pixels, down: Pixels) -> Pixels:
    """The slopes that are no smaller than both neighbours on the way up; 0 elsewhere."""
    way = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    wide, (height, width) = np.pad(slope, 1), slope.shape
    highest = np.zeros(slope.shape, bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = wide[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = wide[1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        highest |= (way == number) & (slope >= ahead) & (slope > behind)
    return np.where(highest, slope, 0)


def _followed(crests: Pixels) -> Pixels:
    """The clear crests, and the faint ones that are joined to them."""
    faint, joined = crests >= FAINT_EDGE, crests >= CLEAR_EDGE
    while True:
        wide = np.pad(joined, 1)
        near = wide[:-2] | wide[1:-1] | wide[2:]
        grown = (near[:, :-2] | near[:, 1:-1] | near[:, 2:]) & faint | joined
        if (grown == joined).all():
            return joined
        joined = grown


MODULES: Mapping[str, Callable[[Image.Image], Pixels]] = {
    "none": _as_it_is,
    "invert": _inverted,
    "canny": _canny,
    "scribble": _scribble,
    "scribble_soft": _soft_scribble,
}
"""The preprocessors of the local process, by name."""
