"""How far two pictures look apart when one takes the other's place: colour, brightness and edges.

The algorithm follows FLIP by Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström and Fairchild
("FLIP: A Difference Evaluator for Alternating Images", 2020), written from the paper: opponent
colours are blurred as an eye blurs them, compared in a space that knows hues, and count more where
edges or points differ too.
"""

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Taps = np.ndarray[Any, np.dtype[np.float64]]

LONG = 384
"""Pictures whose short side is longer are averaged down until it is not: an eye takes them in as a
whole."""
PIXELS_PER_DEGREE = 67.0
"""A screen of 3840 pixels, 0.7 m wide, seen from 0.7 m."""
_BLURS = (0.0047, 0.0053, 0.0364)
"""The widths of the Gaussians in which an eye loses fine detail, in square degrees: of lightness,
of red against green, and of yellow against blue (the paper's two as one of the same width)."""
_FEATURE = 0.082 / 2
"""The standard deviation in degrees of the edges and points that catch an eye."""
_BEND, _KNEE, _AT_KNEE = 0.7, 0.4, 0.95
"""Small differences count for more than their size; those beyond the knee for hardly more."""

_LIGHT = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255],
    np.float32,
)
"""How much light each colour value stands for."""
_XYZ = np.array(
    (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
)
_XYZ /= _XYZ.sum(axis=1, keepdims=True)
"""From light in red, green and blue to XYZ, white being 1."""
_OPPONENT = np.array(((0, 1, 0), (1, -1, 0), (0, 1, -1))) @ _XYZ
"""From light to lightness, red against green, and yellow against blue."""
_BACK = np.linalg.inv(_OPPONENT)


def colour_distance(reference: Pixels, pixels: Pixels) -> float:
    """0 is the same, 1 as far apart as colours can be; the mean over two pictures of one size."""
    if np.array_equal(reference, pixels):
        return 0.0
    factor = math.ceil(min(reference.shape[:2]) / LONG)
    light = np.stack([_averaged(_LIGHT[picture], factor) for picture in (reference, pixels)])
    opponent = _mixed(_OPPONENT, np.moveaxis(light, -1, 0))
    features = _features(opponent[0], factor)
    averaged = np.stack(
        [
            _blurred(plane, _variance(width, factor))
            for plane, width in zip(opponent, _BLURS, strict=True)
        ]
    )
    colours = _colours(np.clip(_mixed(_BACK, averaged), 0, 1))
    return float((colours ** (1 - features)).mean())


def _averaged(pixels: Array, factor: int) -> Array:
    """Squares of pixels as one each; what does not fill a square at the edge is left out."""
    if factor == 1:
        return pixels
    height, width = (side // factor * factor for side in pixels.shape[:2])
    for axis, side in enumerate((height, width)):
        lines = np.moveaxis(pixels, axis, 0)[:side]
        total = np.array(lines[::factor])
        for at in range(1, factor):
            total += lines[at::factor]
        pixels = np.moveaxis(total / np.float32(factor), 0, axis)
    return pixels


def _mixed(matrix: Any, planes: Array) -> Array:
    """Three planes of colour as three others."""
    flat = matrix.astype(np.float32) @ planes.reshape(3, -1)
    return np.asarray(flat.reshape(planes.shape), np.float32)


def _variance(width: float, factor: int) -> float:
    """A Gaussian's variance in pixels, less the blur that averaging has done already."""
    own = width / (2 * math.pi**2) * PIXELS_PER_DEGREE**2 - (factor**2 - 1) / 12
    return max(0.0, own) / factor**2


def _features(lightness: Array, factor: int) -> Array:
    """How much edges and points differ, 0 to 1."""
    variance = _variance(2 * math.pi**2 * _FEATURE**2, factor)
    at, bell = _bell(variance)
    smooth = _filtered(lightness, bell / bell.sum(), 1), _filtered(lightness, bell / bell.sum(), 2)
    strengths = []
    for taps in (at * bell, (at**2 / variance - 1) * bell):
        halves = np.where(taps > 0, taps / taps[taps > 0].sum(), -taps / taps[taps < 0].sum())
        down, across = _filtered(smooth[1], halves, 1), _filtered(smooth[0], halves, 2)
        strengths.append(np.sqrt(down**2 + across**2))
    edges, points = (np.abs(strength[0] - strength[1]) for strength in strengths)
    return np.asarray(np.sqrt(np.maximum(edges, points) / math.sqrt(2)), np.float32)


def _colours(light: Array) -> Array:
    """How far the colours of two pictures are apart, 0 to 1."""
    lab = _lab(light)
    distances = np.abs(lab[:, 0] - lab[:, 1])
    return _bent(distances[0] + np.sqrt(distances[1] ** 2 + distances[2] ** 2))


def _lab(light: Array) -> Array:
    """CIELAB, in which dark colours are closer to grey (Hunt's effect)."""
    xyz = _mixed(_XYZ, light)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * ((29 / 6) ** 2 / 3) + 4 / 29)
    lightness = 116 * y - 16
    return np.stack([lightness, 5 * lightness * (x - y), 2 * lightness * (y - z)])


def _bent(distances: Array) -> Array:
    """A colour difference as 0 to 1: up to the knee by its root, then slowly to the largest."""
    most = _FARTHEST**_BEND
    bent, knee = distances**_BEND, _KNEE * _FARTHEST**_BEND
    above = _AT_KNEE + (bent - knee) / (most - knee) * (1 - _AT_KNEE)
    return np.asarray(np.where(bent < knee, bent * (_AT_KNEE / knee), above), np.float32)


def _farthest() -> float:
    """Green against blue, the two colours of a screen that are farthest apart."""
    lab = _lab(np.array(((0, 0), (1, 0), (0, 1)), np.float32))
    distances = np.abs(lab[:, 0] - lab[:, 1])
    return float(distances[0] + np.hypot(distances[1], distances[2]))


def _blurred(planes: Array, variance: float) -> Array:
    """By a Gaussian, along both sides."""
    if variance == 0:
        return planes
    _, bell = _bell(variance)
    return _filtered(_filtered(planes, bell / bell.sum(), 1), bell / bell.sum(), 2)


def _bell(variance: float) -> tuple[Taps, Taps]:
    """The places of a Gaussian's taps, and the taps."""
    reach = math.ceil(3 * math.sqrt(variance))
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    return at, np.exp(-(at**2) / (2 * variance))


def _filtered(planes: Array, taps: Taps, axis: int) -> Array:
    """Every place as a weighted sum of those beside it along one axis; the edge goes on as it
    ends."""
    reach = len(taps) // 2
    padding = [(0, 0)] * planes.ndim
    padding[axis] = (reach, reach)
    padded = np.moveaxis(np.pad(planes, padding, "edge"), axis, 0)
    side = planes.shape[axis]
    total, part = np.zeros_like(padded[:side]), np.empty_like(padded[:side])
    for start, tap in enumerate(taps.astype(np.float32)):
        total += np.multiply(padded[start : start + side], tap, out=part)
    return np.moveaxis(total, 0, axis)


_FARTHEST = _farthest()
