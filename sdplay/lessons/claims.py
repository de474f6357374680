"""A lesson's claim as inequalities between measures of its pictures: read from text and judged.

Like `distance(few, end) > 2 * distance(many, end)`: on both sides a measure of one or two named
pictures, or a number; a factor may stand before a measure.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sdplay import work
from sdplay.compare.evidence.measures import COLOUR, SHAPE, Difference, difference
from sdplay.errors import BadParams
from sdplay.params import Params

EXAMPLE = "distance(few, end) > 2 * distance(many, end)"
LONGEST = 200
"""Letters of one inequality."""
_NUMBER = r"\d{1,6}(?:\.\d{1,6})?"
_SIDE = re.compile(
    rf"(?:(?P<factor>{_NUMBER}) \* )?(?P<measure>[a-z]+)\((?P<names>\w+(?:, \w+)?)\)"
    rf"|(?P<number>{_NUMBER})",
    re.ASCII,
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_PARTED = re.compile(r"\s*(<=|>=|<|>|=)\s*")


@dataclass(frozen=True)
class Sample:
    """A finished picture of a check, with its settings."""

    params: Params
    image: Image.Image


def _rgb(shot: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(shot.image.convert("RGB"), np.float64) / 255


def _colourful(shot: Sample) -> float:
    """How far the colours are from grey, 0 to 1."""
    pixels = _rgb(shot)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _contrast(shot: Sample) -> float:
    """How far light and dark are apart, 0 to 1."""
    return float(_rgb(shot).mean(axis=2).std())


def _clipped(shot: Sample) -> float:
    """The share of pixels with a colour at its limit."""
    pixels = np.asarray(shot.image.convert("RGB"))
    return float(((pixels <= 1) | (pixels >= 254)).any(axis=2).mean())


def _white(shot: Sample) -> float:
    """The share of pixels that are nearly white."""
    return float((_rgb(shot).min(axis=2) > 0.88).mean())


def _lightness(shot: Sample) -> float:
    """How light the picture is, 0 to 1."""
    return float(_rgb(shot).mean())


def _of_hue(middle: float) -> Callable[[Sample], float]:
    """The share of pixels whose colour is near that hue, in degrees."""

    def share(shot: Sample) -> float:
        hsv = np.asarray(shot.image.convert("HSV"), np.float64)
        hue, strong = hsv[..., 0] * 360 / 255, (hsv[..., 1] > 64) & (hsv[..., 2] > 48)
        return float((strong & (np.abs((hue - middle + 180) % 360 - 180) < 30)).mean())

    return share


def _evaluations(shot: Sample) -> float:
    """How often the model looked at the picture: twice a step with CFG."""
    return float(sum(part.calls * part.rows for part in work.passes(shot.params)))


OF_ONE: Mapping[str, Callable[[Sample], float]] = {
    "colourful": _colourful,
    "contrast": _contrast,
    "clipped": _clipped,
    "lightness": _lightness,
    "white": _white,
    "red": _of_hue(0),
    "yellow": _of_hue(55),
    "green": _of_hue(120),
    "blue": _of_hue(220),
    "evaluations": _evaluations,
}
OF_TWO: Mapping[str, Callable[[Difference], float]] = {
    "distance": lambda measured: measured.by(COLOUR),
    "shape": lambda measured: measured.by(SHAPE),
}
MEASURES = (*OF_TWO, *OF_ONE)


@dataclass(frozen=True)
class Term:
    """A number, or a measure of named pictures times a factor."""

    factor: float
    measure: str = ""
    names: tuple[str, ...] = ()

    def value(self, shots: Mapping[str, Sample]) -> float:
        """What it comes to for these pictures."""
        if not self.measure:
            return self.factor
        pictures = [shots[name] for name in self.names]
        if self.measure in OF_TWO:
            measured = difference(pictures[0].image, pictures[1].image)
            return self.factor * OF_TWO[self.measure](measured)
        return self.factor * OF_ONE[self.measure](pictures[0])


@dataclass(frozen=True)
class Condition:
    """One inequality."""

    text: str
    left: Term
    sign: str
    right: Term

    @property
    def names(self) -> tuple[str, ...]:
        """The pictures it speaks of."""
        return (*self.left.names, *self.right.names)

    def holds(self, shots: Mapping[str, Sample]) -> bool:
        """Whether it is true for these pictures."""
        return _SIGNS[self.sign](self.left.value(shots), self.right.value(shots))

    def figures(self, shots: Mapping[str, Sample]) -> str:
        """Both sides as numbers."""
        return f"{self.left.value(shots):.3f} {self.sign} {self.right.value(shots):.3f}"


def read_condition(text: str) -> Condition:
    """An inequality out of its text; a sentence when it is none."""
    parts = _PARTED.split(text.strip()) if len(text) <= LONGEST else []
    if len(parts) != 3:
        raise BadParams(
            f"A claim needs two sides with <, >, <=, >= or = between them, not {text[:60]!r}. "
            f"Write it like this: {EXAMPLE}"
        )
    return Condition(text.strip(), _side(parts[0]), parts[1], _side(parts[2]))


def _side(text: str) -> Term:
    match = _SIDE.fullmatch(text)
    if match is None:
        raise BadParams(f"{text[:60]!r} is no side of a claim. Write it like this: {EXAMPLE}")
    if match["number"]:
        return Term(float(match["number"]))
    measure, names = match["measure"], tuple(match["names"].split(", "))
    if measure not in MEASURES:
        raise BadParams(f"There is no measure {measure!r}. There are: {', '.join(MEASURES)}.")
    count = 2 if measure in OF_TWO else 1
    if len(names) != count:
        raise BadParams(
            f"{measure} measures {count} picture{'s' * (count > 1)}, not {len(names)}: {text[:60]}"
        )
    return Term(float(match["factor"] or 1), measure, names)


def judged(conditions: Sequence[Condition], shots: Mapping[str, Sample]) -> bool:
    """Whether all of them are true."""
    return all(condition.holds(shots) for condition in conditions)
