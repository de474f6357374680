"""How near a picture stays to the drawing it came from, and what strength has to do with it."""

import io

import numpy as np
from PIL import Image

from sdplay.compare.evidence.measures import COLOUR, difference

ENOUGH_PIXELS = 192
"""Along the longest side: more of them tell nothing new."""
WHITE = 250
"""A grey as light as this is not seen on a white sheet."""
FORGETFUL = 0.9
"""From this strength on hardly anything of a drawing is left."""


def distance(drawing: bytes, picture: bytes) -> float:
    """The colour distance between both; 0 is the same."""
    return difference(_small(drawing), _small(picture)).colour


def advice(apart: float, strength: float) -> str:
    """What to do when strength is too low or too high; nothing when it is neither."""
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
