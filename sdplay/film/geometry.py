"""Zoom and rotation of a frame; what comes in from beyond its edges is the frame mirrored."""

import math

from PIL import Image, ImageOps

ZOOM = (0.1, 5.0)
DEGREES = (-180.0, 180.0)


def moved(image: Image.Image, zoom: float, degrees: float) -> Image.Image:
    """The picture at its own size, nearer by `zoom` and turned clockwise about its centre."""
    if zoom == 1 and degrees % 360 == 0:
        return image
    small = _reduced(image, zoom)
    sheet = _mirrored(small, math.hypot(*image.size))
    # How many of the sheet's pixels lie under one of the frame's.
    across = small.width / (image.width * zoom)
    down = small.height / (image.height * zoom)
    turn = math.radians(degrees)
    a, b = math.cos(turn) * across, math.sin(turn) * across
    d, e = -math.sin(turn) * down, math.cos(turn) * down
    c = sheet.width / 2 - a * image.width / 2 - b * image.height / 2
    f = sheet.height / 2 - d * image.width / 2 - e * image.height / 2
    return sheet.transform(
        image.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC
    )


def _reduced(image: Image.Image, zoom: float) -> Image.Image:
    """For a step back the picture is made smaller first: sampled as it stands, it would flicker."""
    if zoom >= 1:
        return image
    size = (max(1, round(image.width * zoom)), max(1, round(image.height * zoom)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _mirrored(tile: Image.Image, diagonal: float) -> Image.Image:
    """The tile in the middle of its mirror images, as many as a turned frame can reach."""
    columns, rows = (_around(diagonal, side) for side in tile.size)
    sheet = Image.new(tile.mode, ((2 * columns + 1) * tile.width, (2 * rows + 1) * tile.height))
    flipped = ImageOps.mirror(tile)
    upright = (tile, flipped)
    upside_down = (ImageOps.flip(tile), ImageOps.flip(flipped))
    for row in range(-rows, rows + 1):
        for column in range(-columns, columns + 1):
            corner = ((column + columns) * tile.width, (row + rows) * tile.height)
            sheet.paste((upside_down if row % 2 else upright)[column % 2], corner)
    return sheet


def _around(diagonal: float, side: int) -> int:
    """How many tiles on either side of the middle one cover half the diagonal, and one pixel."""
    return max(0, math.ceil((diagonal / 2 + 1) / side - 0.5))
