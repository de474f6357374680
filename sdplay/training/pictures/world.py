"""All that may be trained on: random scenes out of what can be drawn, without those held out."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from sdplay.training.pictures import styles
from sdplay.training.pictures.captions import caption
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.compose import BASES, PIXELS, Drawn, compose
from sdplay.training.pictures.grounds import PLACES
from sdplay.training.pictures.icons import DRAWN, SIDE, Icons, Thing, things
from sdplay.training.pictures.scenes import PLACES as CORNERS
from sdplay.training.pictures.scenes import RELATIONS, SIZES, Figure, Scene, held_out

STYLES = (*DRAWN, *styles.MADE)
KINDS = {"one": 0.62, "counted": 0.1, "two": 0.22, "several": 0.06}
"""How often a picture shows one thing, several of one, two things, or three to four things: a plain
lone thing most often, because that is what people ask for first, and its shape is learnt last."""
UPRIGHT = 0.95
ANIMALS = 2
"""How many times as often as another thing an animal is alone: faces are the hardest."""


@dataclass
class World:
    """The drawings, and what is made of them."""

    icons: Icons
    styles: Sequence[str] = STYLES

    @classmethod
    def read(cls, folder: Path, pixels: int = PIXELS) -> "World":
        """The world that the generator is trained on, from the folder that render.mjs filled; for
        pictures of that side."""
        return cls(Icons.read(folder, side=max(SIDE, pixels)))

    def scene(self, dice: random.Random) -> Scene:
        """A random scene out of those that may be trained on."""
        while True:
            scene = self.any_scene(dice)
            if not held_out(scene):
                return scene

    def any_scene(self, dice: random.Random, kind: str = "") -> Scene:
        """A random scene, held out or not; of one kind where that is given."""
        kind = kind or dice.choices(list(KINDS), list(KINDS.values()))[0]
        style = self._style(kind, dice)
        ground = _ground(style, dice)
        if kind == "counted":
            return self._counted(style, ground, dice)
        if kind == "two":
            return self._two(style, ground, dice)
        if kind == "several":
            chosen = self._things(style, dice.choice((3, 3, 4)), dice)
            figures = tuple(Figure(thing) for thing in chosen)
            return Scene(self._coloured(figures, style, ground, 0.15, dice), style, ground)
        return self._one(style, ground, dice)

    def draw(self, scene: Scene, dice: random.Random, pixels: int = PIXELS) -> Drawn:
        """The scene as a picture."""
        return compose(scene, self.icons, dice, pixels)

    def pictures_forever(
        self, seed: int, pixels: int = PIXELS
    ) -> Iterator[tuple[Scene, Image.Image, str]]:
        """Scenes with their pictures and captions, without end."""
        dice = random.Random(seed)
        while True:
            scene = self.scene(dice)
            yield scene, self.draw(scene, dice, pixels).picture, caption(scene, dice)

    def _one(self, style: str, ground: str, dice: random.Random) -> Scene:
        size = dice.choices(("", *SIZES), (0.84, 0.1, 0.06))[0]
        place = dice.choice(CORNERS) if size != "large" and dice.random() < 0.12 else ""
        pose = "" if dice.random() < UPRIGHT else dice.choice(("upside down", "tilted"))
        able = self._able(style)
        often = [ANIMALS if thing.animal else 1 for thing in able]
        figure = Figure(dice.choices(able, often)[0], size=size, pose=pose)
        figures = self._coloured((figure,), style, ground, 0.33, dice)
        return Scene(figures, style, ground, place=place)

    def _counted(self, style: str, ground: str, dice: random.Random) -> Scene:
        thing = next(thing for thing in self._things(style, 60, dice) if thing.counted)
        figures = self._coloured(
            (Figure(thing, count=dice.choice((2, 3, 4))),), style, ground, 0.25, dice
        )
        return Scene(figures, style, ground)

    def _two(self, style: str, ground: str, dice: random.Random) -> Scene:
        relation = dice.choice(("", "", *RELATIONS))
        sizes = dice.choice((("", ""),) * 5 + (("small", "large"), ("large", "small")))
        figures = tuple(
            Figure(thing, size=size)
            for thing, size in zip(self._things(style, 2, dice), sizes, strict=True)
        )
        figures = self._coloured(figures, style, ground, 0.3, dice)
        return Scene(figures, style, ground, relation)

    def _style(self, kind: str, dice: random.Random) -> str:
        """A drawn one twice as often as one that is made in code."""
        weights = [2 if style in self.icons.sets else 1 for style in self.styles]
        while True:
            style = dice.choices(self.styles, weights)[0]
            if kind == "one" or style != "pixel art":
                return style

    def _things(self, style: str, count: int, dice: random.Random) -> list[Thing]:
        return dice.sample(self._able(style), count)

    def _able(self, style: str) -> list[Thing]:
        """The things that can be shown in that style."""
        return [thing for thing in things() if self._sets(thing, style)]

    def _sets(self, thing: Thing, style: str) -> list[str]:
        """The sets that the thing may be drawn from in that style."""
        return self.icons.of(thing, (style,) if style in self.icons.sets else self.icons.sets)

    def _coloured(
        self,
        figures: tuple[Figure, ...],
        style: str,
        ground: str,
        share: float,
        dice: random.Random,
    ) -> tuple[Figure, ...]:
        """Some of the figures in a colour that their drawings can have and the ground has not."""
        return tuple(
            replace(figure, colour=self._colour(figure.thing, style, ground, dice))
            if dice.random() < share
            else figure
            for figure in figures
        )

    def _colour(self, thing: Thing, style: str, ground: str, dice: random.Random) -> str:
        if style == "line":
            return ""
        choices = [colour for colour in self.colours(thing, style) if colour != ground]
        return dice.choice(choices) if choices else ""

    def colours(self, thing: Thing, style: str) -> tuple[str, ...]:
        """The colours that the thing can be shown in, in that style, whichever drawing is taken."""
        if style == "silhouette":
            return tuple(COLOURS)
        sets = (
            [style]
            if style in self.icons.sets
            else [name for name in BASES if name in self.icons.sets]
        )
        possible = [
            set(self.icons.drawings[thing.word, name].colours())
            for name in self.icons.of(thing, sets)
        ]
        return tuple(
            colour for colour in COLOURS if possible and all(colour in each for each in possible)
        )


def _ground(style: str, dice: random.Random) -> str:
    """Lines are lost before a place."""
    way = dice.random()
    if way < 0.32:
        return "white"
    return dice.choice(list(PLACES if way > 0.84 and style != "line" else COLOURS))
