"""Backgrounds: one of the twelve colours, or a simple place composed in code."""

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from sdplay.training.pictures.colours import COLOURS

Colour = tuple[int, int, int]


def ground(name: str, side: int, dice: random.Random) -> Image.Image:
    """The background of that name, with a little chance in its tint or its parts."""
    if name in PLACES:
        return PLACES[name](side, dice)
    return Image.new(
        "RGB", (side, side), _near(COLOURS[name], dice) if name != "white" else "white"
    )


def _near(colour: Colour, dice: random.Random, by: int = 8) -> Colour:
    red, green, blue = (max(0, min(255, value + dice.randint(-by, by))) for value in colour)
    return red, green, blue


def _fade(side: int, top: Colour, bottom: Colour) -> Image.Image:
    """From one colour above to another below."""
    column = Image.new("RGB", (1, 2))
    column.putdata([top, bottom])
    return column.resize((side, side), Image.Resampling.BILINEAR)


def night(side: int, dice: random.Random) -> Image.Image:
    """A dark sky with stars and a moon."""
    sky = _fade(side, _near((14, 18, 54), dice), _near((46, 52, 110), dice))
    pen = ImageDraw.Draw(sky)
    for _ in range(dice.randint(12, 26)):
        x, y, size = dice.randrange(side), dice.randrange(side), dice.choice((1, 1, 2))
        pen.ellipse((x, y, x + size, y + size), fill=(240, 236, 200))
    left, top, wide = (
        part * side for part in (dice.choice((0.1, 0.8)), 0.07, dice.uniform(0.1, 0.15))
    )
    pen.ellipse((left, top, left + wide, top + wide), fill=(248, 240, 196))
    return sky


def beach(side: int, dice: random.Random) -> Image.Image:
    """Sky, sea and sand."""
    shore = _fade(side, _near((120, 196, 244), dice), _near((206, 236, 250), dice))
    pen = ImageDraw.Draw(shore)
    sea, sand = side * dice.uniform(0.42, 0.5), side * dice.uniform(0.6, 0.7)
    pen.rectangle((0, sea, side, side), fill=_near((44, 142, 206), dice))
    pen.ellipse((-side * 0.4, sand, side * 1.4, side * 2), fill=_near((240, 214, 150), dice))
    return shore


def snow(side: int, dice: random.Random) -> Image.Image:
    """White hills under a pale sky, and flakes."""
    hills = _fade(side, _near((150, 180, 214), dice), _near((206, 222, 240), dice))
    pen = ImageDraw.Draw(hills)
    for left, tint in ((-0.5, 226), (0.2, 248)):
        left, top = (left + dice.uniform(0, 0.3)) * side, dice.uniform(0.6, 0.7) * side
        pen.ellipse(
            (left, top, left + 1.3 * side, top + side), fill=(tint - 4, tint, min(255, tint + 6))
        )
    for _ in range(dice.randint(14, 26)):
        x, y, size = dice.randrange(side), dice.randrange(side), dice.choice((1, 2, 2))
        pen.ellipse((x, y, x + size, y + size), fill=(255, 255, 255))
    return hills


def forest(side: int, dice: random.Random) -> Image.Image:
    """Rows of firs on a meadow."""
    wood = _fade(side, _near((186, 222, 214), dice), _near((150, 200, 160), dice))
    pen = ImageDraw.Draw(wood)
    for row, tint in ((0.62, (58, 122, 84)), (0.74, (34, 94, 58))):
        x = -0.1
        while x < 1.1:
            high, wide = dice.uniform(0.38, 0.55), dice.uniform(0.14, 0.2)
            tip = ((x + wide / 2) * side, (row - high) * side)
            pen.polygon(
                (tip, (x * side, row * side), ((x + wide) * side, row * side)), _near(tint, dice)
            )
            x += wide * dice.uniform(0.75, 1)
    pen.rectangle((0, 0.73 * side, side, side), fill=_near((96, 164, 84), dice))
    return wood


def city(side: int, dice: random.Random) -> Image.Image:
    """Houses with windows along a street."""
    street = _fade(side, _near((150, 190, 230), dice), _near((222, 226, 232), dice))
    pen = ImageDraw.Draw(street)
    x = -0.05
    while x < 1:
        wide, top = dice.uniform(0.16, 0.26), dice.uniform(0.12, 0.45)
        tint = _near(dice.choice(((108, 118, 140), (140, 128, 126), (92, 108, 128))), dice)
        pen.rectangle((x * side, top * side, (x + wide) * side, 0.78 * side), fill=tint)
        for row in range(int((0.72 - top) / 0.09)):
            for column in range(2):
                left, high = (
                    (x + wide * (0.18 + 0.42 * column)) * side,
                    (top + 0.05 + 0.09 * row) * side,
                )
                pen.rectangle(
                    (left, high, left + 0.05 * side, high + 0.045 * side), fill=(250, 226, 140)
                )
        x += wide + dice.uniform(0, 0.03)
    pen.rectangle((0, 0.78 * side, side, side), fill=_near((92, 94, 100), dice))
    return street


PLACES: dict[str, Callable[[int, random.Random], Image.Image]] = {
    "night": night,
    "beach": beach,
    "snow": snow,
    "forest": forest,
    "city": city,
}
GROUNDS = (*COLOURS, *PLACES)
