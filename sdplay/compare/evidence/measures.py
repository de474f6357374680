"""How far two pictures are apart, and where: colour distance, SSIM, PSNR, difference map."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sdplay.compare.evidence.colour import colour_distance

Array = np.ndarray[Any, np.dtype[np.float32]]
_SIDES = (
    ("top left", "top", "top right"),
    ("left", "the middle", "right"),
    ("bottom left", "bottom", "bottom right"),
)
NINTHS = {
    name: (row, column) for row, line in enumerate(_SIDES) for column, name in enumerate(line)
}
"""The row and the column of each ninth of a picture, by its name."""
_HEAT = (
    (0, (0, 0, 0)),
    (0.25, (66, 10, 104)),
    (0.5, (187, 55, 84)),
    (0.75, (249, 142, 9)),
    (1, (252, 255, 164)),
)


@dataclass(frozen=True)
class Measure:
    """A way to say how far two pictures are apart: 0 is the same."""

    id: str
    label: str
    sees: str
    """What it sees and what it does not, as a part of a sentence."""
    unseen: float
    """Distances below this are hard to see."""
    enough: float
    """A curve has settled when it stays below this share of its largest distance."""


COLOUR = Measure(
    "colour",
    "colour distance",
    "sees hue, brightness and edges, as an eye does when one picture takes the other's place",
    0.05,
    0.2,
)
SHAPE = Measure(
    "ssim", "1 − SSIM", "sees shapes and texture, and is nearly blind to colour", 0.02, 0.1
)
MEASURES = {measure.id: measure for measure in (COLOUR, SHAPE)}
"""By name, the one that judges first."""
WHAT_THEY_SEE = " ".join(
    f"{measure.label[0].upper()}{measure.label[1:]} {measure.sees}."
    for measure in MEASURES.values()
)


@dataclass(frozen=True)
class Difference:
    """Two pictures measured against each other."""

    colour: float
    """The colour distance; 0 is the same, 1 as far apart as colours can be."""
    ssim: float
    """Structural similarity; 1 is the same."""
    psnr: float
    """In decibels; infinite when nothing differs."""
    mean: float
    """Mean absolute difference, 0 to 1."""
    largest: float
    changed: float
    """The share of pixels that differ visibly."""
    box: tuple[int, int, int, int] | None
    """Left, top, right and bottom of what changed."""
    place: str = ""
    resized: bool = False
    """They had different sizes: the larger was made smaller first."""
    clipped: tuple[float, float] = (0.0, 0.0)
    """Of each, the share of pixels with a colour at its limit."""

    @property
    def same(self) -> bool:
        return self.largest == 0 and not self.resized

    def by(self, measure: Measure) -> float:
        """The distance as one measure has it; 0 is the same."""
        return self.colour if measure is COLOUR else 1 - self.ssim

    @property
    def numbers(self) -> str:
        """Both measures beside each other."""
        return f"colour distance {self.colour:.3f}, SSIM {self.ssim:.3f}"

    @property
    def sentence(self) -> str:
        if self.same:
            return "The two pictures are the same, pixel for pixel."
        size = (
            " The sizes differ, so the larger one was made smaller first." if self.resized else ""
        )
        share = "less than 1 %" if self.changed < 0.01 else f"{self.changed:.0%}".replace("%", " %")
        spread = "all over the picture" if self.changed > 0.6 else f"mostly {_at(self.place)}"
        numbers = f"{self.numbers[0].upper()}{self.numbers[1:]}"
        return f"{numbers}; {share} of the pixels change visibly, {spread}.{size}"


def difference(left: Image.Image, right: Image.Image) -> Difference:
    """Measure two pictures against each other."""
    a, b = _pair(left, right)
    gaps = np.abs(a - b).max(axis=2)
    visible = gaps > min(8.0, float(gaps.max()) / 2)
    mean = float(np.abs(a - b).mean()) / 255
    return Difference(
        colour_distance(a.astype(np.uint8), b.astype(np.uint8)),
        _ssim(a, b),
        _psnr(a, b),
        mean,
        float(gaps.max()) / 255,
        float(visible.mean()),
        _box(visible),
        _ninth(gaps),
        left.size != right.size,
        (_clipped(a), _clipped(b)),
    )


def _clipped(pixels: Array) -> float:
    """The share of pixels with a colour at its limit, as far as JPEG keeps limits."""
    return float(((pixels <= 1) | (pixels >= 254)).any(axis=2).mean())


def ssim(left: Image.Image, right: Image.Image) -> float:
    """Structural similarity (Wang et al. 2004): mean over the colours, Gaussian window of 11
    pixels."""
    return _ssim(*_pair(left, right))


def _ssim(left: Array, right: Array) -> float:
    a, b = _shrunk(left), _shrunk(right)
    if np.array_equal(a, b):
        return 1.0
    small, tiny = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    both = _blurred(a * b) - mean_a * mean_b
    over = (2 * mean_a * mean_b + small) * (2 * both + tiny)
    under = (mean_a**2 + mean_b**2 + small) * (var_a + var_b + tiny)
    return float((over / under).mean())


def difference_map(
    left: Image.Image, right: Image.Image, gain: float = 4.0, heat: bool = True
) -> Image.Image:
    """How much each pixel differs, amplified and drawn as heat, or in the colours that differ."""
    a, b = _pair(left, right)
    gaps = np.clip(np.abs(a - b) * gain / 255, 0, 1)
    if not heat:
        return Image.fromarray((gaps * 255).round().astype(np.uint8))
    strength = gaps.max(axis=2)
    stops, colours = [at for at, _ in _HEAT], np.array([colour for _, colour in _HEAT], np.float64)
    channels = [np.interp(strength, stops, colours[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=2).round().astype(np.uint8))


def pixels_hash(image: Image.Image) -> str:
    """Names the pixels alone: files differ by the times written into them, pictures do not."""
    opaque = image.convert("RGB")
    return hashlib.sha256(
        f"{opaque.width}x{opaque.height}:".encode() + opaque.tobytes()
    ).hexdigest()


def look(image: Image.Image) -> str:
    """A coarse fingerprint: the picture in 8×8 colours, as hexadecimal text."""
    return image.convert("RGB").resize((8, 8), Image.Resampling.BOX).tobytes().hex()


def look_apart(left: str, right: str) -> int:
    """The largest difference between two such fingerprints, 0 to 255."""
    return max(
        (abs(a - b) for a, b in zip(bytes.fromhex(left), bytes.fromhex(right), strict=True)),
        default=0,
    )


def _pair(left: Image.Image, right: Image.Image) -> tuple[Array, Array]:
    """Both pictures as arrays of one shape."""
    if left.size != right.size:
        size = (min(left.width, right.width), min(left.height, right.height))
        left, right = (
            _opaque(image).resize(size, Image.Resampling.LANCZOS) for image in (left, right)
        )
    a, b = (np.asarray(_opaque(image), np.float32) for image in (left, right))
    return a, b


def _opaque(image: Image.Image) -> Image.Image:
    """The picture on white: the colours of invisible pixels must not count."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layered).convert("RGB")


def _psnr(a: Array, b: Array) -> float:
    error = float(np.square(a - b).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _shrunk(pixels: Array) -> Array:
    """The picture at about 256 pixels on its short side, as the measure's authors do: it is meant
    for what the eye takes in at once."""
    factor = max(1, round(min(pixels.shape[:2]) / 256))
    if factor == 1:
        return pixels
    height, width = (side // factor * factor for side in pixels.shape[:2])
    blocks = pixels[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _blurred(pixels: Array) -> Array:
    """Weighted by a Gaussian, only where the whole window lies inside."""
    for axis in (0, 1):
        taps = min(11, pixels.shape[axis])
        weights = np.exp(-0.5 * ((np.arange(taps) - (taps - 1) / 2) / 1.5) ** 2)
        weights /= weights.sum()
        room = pixels.shape[axis] - taps + 1
        total = np.zeros_like(np.take(pixels, range(room), axis))
        for start, weight in enumerate(weights):
            total += np.take(pixels, range(start, start + room), axis) * np.float32(weight)
        pixels = total
    return pixels


def _box(visible: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[int, int, int, int] | None:
    if not visible.any():
        return None
    rows, columns = np.flatnonzero(visible.any(axis=1)), np.flatnonzero(visible.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _ninth(gaps: Array) -> str:
    """In which ninth of the picture most of the difference lies."""
    total = float(gaps.sum())
    if total == 0:
        return ""
    thirds = [np.array_split(part, 3, axis=1) for part in np.array_split(gaps, 3, axis=0)]
    sums = np.array([[float(part.sum()) for part in row] for row in thirds])
    row, column = divmod(int(sums.argmax()), 3)
    return _SIDES[row][column]


def _at(ninth: str) -> str:
    return "in the middle" if ninth == "the middle" else f"at the {ninth}"
