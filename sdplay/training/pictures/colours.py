"""The twelve named colours: which of them a drawing has, and the same drawing in another one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

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
SHARE = 0.45
"""The part of a drawing that has its one colour, if it has one."""
NEAR, CLEARLY = 0.11, 0.03
"""How near a named colour must be (in Oklab), and how much nearer than the next."""

Array = np.ndarray[Any, np.dtype[np.float32]]

_TO_CONES = np.array(
    (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
)
_TO_LAB = np.array(
    (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
)


def oklab(rgb: Any) -> Array:
    """Red, green and blue (0 to 255) as lightness and two colour axes in which eyes see evenly."""
    share = np.asarray(rgb, np.float32) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(light @ _TO_CONES.T) @ _TO_LAB.T, np.float32)


_NAMED = oklab(list(COLOURS.values()))


def nearest(rgb: Any) -> str:
    """The named colour that looks most like this one."""
    return list(COLOURS)[int(np.linalg.norm(_NAMED - oklab(rgb), axis=1).argmin())]


@dataclass(frozen=True)
class Body:
    """The part of a drawing that has its one colour."""

    where: Array
    """1 where a pixel belongs to it, 0 elsewhere."""
    share: float
    """Of all that is drawn."""
    mean: Array
    """Its colour, 0 to 255."""


def body(icon: Image.Image) -> Body:
    """The largest part of one hue, or of no hue where most of the drawing is gray."""
    pixels = np.asarray(icon, np.float32)
    rgb, alpha = pixels[..., :3] / 255, pixels[..., 3] / 255
    value = rgb.max(-1)
    chroma: Array = value - rgb.min(-1)
    coloured = (chroma > 0.22 * np.maximum(value, 1e-3)) & (value > 0.2)
    hues = _hues(rgb, chroma)
    if (alpha * coloured).sum() >= 0.5 * alpha.sum():
        away = np.abs((hues - _peak(hues, alpha * coloured * chroma) + 180) % 360 - 180)
        where = coloured & (away < 32)
    else:
        where = ~coloured & (value > 0.25)
    weight = alpha * where
    total = max(float(weight.sum()), 1e-6)
    mean = (rgb * weight[..., None]).sum((0, 1)) / total * 255
    return Body(where.astype(np.float32), total / max(float(alpha.sum()), 1e-6), mean)


def natural(icon: Image.Image) -> str:
    """The name of the colour that the drawing clearly has, or nothing."""
    part = body(icon)
    away = np.sort(np.linalg.norm(_NAMED - oklab(part.mean), axis=1))
    clear = part.share > SHARE and away[0] < NEAR and away[1] - away[0] > CLEARLY
    return nearest(part.mean) if clear else ""


def recoloured(icon: Image.Image, colour: str) -> Image.Image | None:
    """The drawing with its body in another colour, light and shadow as they were; nothing where no
    colour has enough of it."""
    part = body(icon)
    if part.share < SHARE:
        return None
    pixels = np.asarray(icon, np.float32)
    rgb = pixels[..., :3] / 255
    bright = rgb.mean(-1)
    ratio = bright / max(float(part.mean.mean()) / 255, 0.05)
    target = np.array(COLOURS[colour], np.float32) / 255
    darker = target * np.clip(ratio, 0.45, 1)[..., None]
    lighter = (1 - target) * (0.55 * np.clip(ratio - 1, 0, 1))[..., None]
    where = part.where[..., None]
    pixels = np.concatenate(
        [(darker + lighter) * where + rgb * (1 - where), pixels[..., 3:] / 255], axis=-1
    )
    return Image.fromarray((pixels * 255).round().astype(np.uint8), "RGBA")


def _hues(rgb: Any, chroma: Any) -> Array:
    """Hues in degrees; 0 where there is none."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    some = np.where(chroma > 1e-6, chroma, 1)
    value = rgb.max(-1)
    sixth = np.where(
        value == red,
        (green - blue) / some % 6,
        np.where(value == green, (blue - red) / some + 2, (red - green) / some + 4),
    )
    return np.asarray(60 * np.where(chroma > 1e-6, sixth, 0), np.float32)


def _peak(hues: Array, weight: Array) -> float:
    """The hue that most of the weight is near."""
    counts, _ = np.histogram(hues, 36, (0, 360), weights=weight)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    at = int(smooth.argmax())
    around = np.array((-10, 0, 10)) + 10 * at + 5
    shares = np.array([counts[(at + step) % 36] for step in (-1, 0, 1)])
    return float((around * shares).sum() / max(shares.sum(), 1e-6))
