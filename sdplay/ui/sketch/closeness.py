"""How near a picture is to the drawing it was made from, and what that says about strength."""

import io

import numpy as np
from PIL import Image

from sdplay.compare.evidence.measures import COLOUR, difference

ENOUGH_PIXELS = 192
"""The pixels of the longest side that are compared; more give the same answer."""
WHITE = 250
"""A grey this light cannot be seen on a white sheet."""
FORGETFUL = 0.9
"""From this strength on, hardly anything of a drawing is left."""


def distance(drawing: bytes, picture: bytes) -> float:
    """The colour distance between both pictures; 0 means that they are the same."""
    return difference(_small(drawing), _small(picture)).colour


def advice(apart: float, strength: float) -> str:
    """What to do if strength is too low or too high; empty if it is neither."""
    if apart < COLOUR.unseen:
        return (
            f"The picture is nearly your drawing (colour distance {apart:.2f}): at strength "
            f"{strength:g} little may change. Try {min(0.8, strength + 0.3):.2g}."
        )
    if strength >= FORGETFUL:
        return (
            f"Strength {strength:g} begins with almost pure noise, so most of your drawing is "
            "forgotten. Try 0.6."
        )
    return ""


def shows_nothing(drawing: bytes) -> bool:
    """Whether a drawing is an empty white sheet."""
    with Image.open(io.BytesIO(drawing)) as opened:
        return float(np.asarray(opened.convert("L")).min()) >= WHITE


def _small(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((ENOUGH_PIXELS, ENOUGH_PIXELS))
    return picture
