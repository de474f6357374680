"""Four styles made in code from a drawn one: pixel art, line, silhouette and sticker."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageFilter

INK = (24, 24, 28)
CELLS = 16
"""How many pixels of pixel art make a side: as many as a latent has, so that they stay sharp."""
TINTS = 12
"""How many colours pixel art has."""
USUAL = 56
"""The side of a drawing whose lines are one pixel wide: about one in the finished picture, where it
is smaller, so that the autoencoder can hold them."""


def line(icon: Image.Image, ink: tuple[int, int, int] = INK) -> Image.Image:
    """Outline and inner edges as lines, wider in a larger drawing; the rest transparent."""
    wide = max(1, round(max(icon.size) / USUAL))
    alpha = icon.getchannel("A").point(lambda value: 255 if value > 90 else 0)
    flat = Image.new("RGB", icon.size, (255, 255, 255))
    flat.paste(icon, (0, 0), icon)
    soft = np.asarray(flat.filter(ImageFilter.GaussianBlur(0.8 * wide)).convert("L"), np.int16)
    steps = np.zeros(soft.shape, np.int16)
    steps[:, 1:] = np.abs(np.diff(soft, axis=1))
    steps[1:] = np.maximum(steps[1:], np.abs(np.diff(soft, axis=0)))
    inner = Image.fromarray(np.where(steps > 16 / wide, 255, 0).astype(np.uint8))
    rim = ImageChops.subtract(alpha, alpha.filter(ImageFilter.MinFilter(2 * wide + 1)))
    drawn = ImageChops.lighter(rim, ImageChops.multiply(inner, alpha))
    sheet = Image.new("RGBA", icon.size, (*ink, 0))
    sheet.putalpha(drawn.filter(ImageFilter.GaussianBlur(0.5)))
    return sheet


def silhouette(icon: Image.Image, ink: tuple[int, int, int] = INK) -> Image.Image:
    """The outline filled with one colour."""
    shape = Image.new("RGBA", icon.size, (*ink, 0))
    shape.putalpha(icon.getchannel("A"))
    return shape


def sticker(icon: Image.Image) -> Image.Image:
    """The drawing with a thick white rim and a thin gray one, as if cut out of paper; larger by the
    rim."""
    rim = max(2, round(max(icon.size) * 0.05))
    wide = Image.new("RGBA", (icon.width + 2 * rim + 4, icon.height + 2 * rim + 4), (0, 0, 0, 0))
    wide.paste(icon, (rim + 2, rim + 2), icon)
    paper = wide.getchannel("A").filter(ImageFilter.MaxFilter(2 * rim + 1))
    edge = paper.filter(ImageFilter.MaxFilter(3))
    whole = Image.new("RGBA", wide.size, (150, 150, 156, 0))
    whole.putalpha(edge)
    whole.paste((255, 255, 255, 255), (0, 0), paper)
    whole.alpha_composite(wide)
    return whole


def pixel_art(picture: Image.Image) -> Image.Image:
    """The whole picture in large pixels of few colours, each of the colour that most of it has."""
    few = picture.quantize(TINTS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    every = picture.width // CELLS
    tints = np.asarray(few).reshape(CELLS, every, CELLS, every).swapaxes(1, 2)
    counts = (tints.reshape(CELLS, CELLS, -1, 1) == np.arange(TINTS)).sum(2)
    few.putdata(counts.argmax(-1).repeat(every, 0).repeat(every, 1).ravel().tolist())
    return few.convert("RGB")


OF_A_THING: dict[str, Callable[[Image.Image], Image.Image]] = {
    "line": line,
    "silhouette": silhouette,
    "sticker": sticker,
}
MADE = ("pixel art", *OF_A_THING)
"""All styles that are made in code."""
UNCOLOURED = ("line", "silhouette")
"""Styles in which a thing has no colour of its own."""
