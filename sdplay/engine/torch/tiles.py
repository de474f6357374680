"""Denoises a large picture in overlapping tiles, so that memory follows the tile, not the picture.

The way of MultiDiffusion (Bar-Tal, Yariv, Lipman, Dekel, 2023, arXiv:2302.08113): at every step the
model answers for every tile, and where tiles overlap their answers are averaged.  The average is
weighed by a window that falls smoothly towards a tile's edge, so that no edge shows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sdplay.engine.noise import Array

OVERLAP = 0.5
"""Share of a tile that its neighbour sees too, at least.  Measured with the built-in model, 384
pixels in tiles of 128, six edges: steps between pixels where tiles end are 0.81 of those elsewhere;
with a quarter, at half the work, 0.83; without any overlap 5.7."""


@dataclass(frozen=True)
class Patch:
    """A part of a picture, in latent cells."""

    top: int
    left: int
    height: int
    width: int

    def of(self, values: Any, scale: int = 1) -> Any:
        """That part of [..., h, w], which has `scale` values for each cell."""
        top, left = self.top * scale, self.left * scale
        bottom, right = top + self.height * scale, left + self.width * scale
        return values[..., top:bottom, left:right]


def tiles_of(height: int, width: int, side: int) -> list[Patch]:
    """Tiles that cover so many cells, at most `side` cells high and wide; 0 takes the whole."""
    rows, columns = _starts(height, side), _starts(width, side)
    high, wide = (min(cells, side or cells) for cells in (height, width))
    return [Patch(top, left, high, wide) for top in rows for left in columns]


def blended(x: Array, side: int, answer: Callable[[Patch], Array]) -> Array:
    """The model's answer for all of x [n, c, h, w], put together from its answers for the tiles."""
    tiles = tiles_of(x.shape[2], x.shape[3], side)
    if len(tiles) == 1:
        return answer(tiles[0])
    total = np.zeros_like(x, np.float32)
    weights = np.zeros(x.shape[2:], np.float32)
    for tile in tiles:
        window = _window(tile.height, tile.width)
        tile.of(total)[...] += answer(tile) * window
        tile.of(weights)[...] += window
    return np.asarray(total / weights, np.float32)


def _starts(cells: int, side: int) -> list[int]:
    """Where tiles begin along one edge, evenly spaced, the last one at the end."""
    if not side or cells <= side:
        return [0]
    count = math.ceil((cells - side) / (side * (1 - OVERLAP))) + 1
    return [round(at * (cells - side) / (count - 1)) for at in range(count)]


@cache
def _window(height: int, width: int) -> Array:
    return np.outer(_slope(height), _slope(width)).astype(np.float32)


def _slope(cells: int) -> Any:
    """A bell that is nowhere zero: the picture's own edge has one tile only."""
    return np.sin(np.pi * (np.arange(cells) + 0.5) / cells) ** 2
