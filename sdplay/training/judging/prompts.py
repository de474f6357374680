"""The fixed prompts of the evaluation: nobody was trained on them, and each says what must be
seen."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from sdplay.training.pictures.captions import article, plural
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.icons import DRAWN, things
from sdplay.training.pictures.scenes import Figure, Scene, held_out
from sdplay.training.pictures.styles import MADE
from sdplay.training.pictures.world import STYLES, World

SEED = 5
NUMBERS = ("", "a", "two", "three", "four")
PLACED = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "above",
    "below": "below",
}
NAMED = ("pixel art", "silhouette", "sticker")
"""Styles that are said without the word "style"."""


@dataclass(frozen=True)
class Ask:
    """A prompt, what should be seen, and the table that it counts for."""

    prompt: str
    scene: Scene
    table: str
    side: int = 128


def prompts(world: World) -> list[Ask]:
    """All of them, the same every time."""
    return [
        ask for table, make in TABLES.items() for ask in make(world, random.Random(SEED), table)
    ]


def _one(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for thing in things():
        figures = (Figure(thing),)
        for scene in _new(figures, drawn_styles(world, figures, dice), dice):
            said = f"{with_article(thing.word)}, {scene.style} style"
            yield Ask(f"{said}, on a {scene.ground} background", scene, table)


def _two(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for figures in _pairs(60, dice):
        for scene in _new(figures, drawn_styles(world, figures, dice), dice):
            first, second = (with_article(figure.thing.word) for figure in figures)
            yield Ask(f"{first} and {second}, {scene.style} style, on {scene.ground}", scene, table)


def _coloured(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for colour in COLOURS:
        able = [thing for thing in things() if colour in world.colours(thing, "flat")]
        for thing in dice.sample(able, 5):
            styles = [name for name in DRAWN if colour in world.colours(thing, name)]
            for scene in _new((Figure(thing, colour),), styles, dice):
                phrase = f"{with_article(f'{colour} {thing.word}')}, {scene.style} style"
                yield Ask(f"{phrase}, {scene.ground} background", scene, table)


def _counted(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    able = [thing for thing in things() if thing.counted]
    for count in (1, 2, 3, 4):
        for thing in dice.sample(able, 12):
            name = thing.word if count == 1 else plural(thing.word)
            figures = (Figure(thing, count=count),)
            for scene in _new(figures, drawn_styles(world, figures, dice), dice):
                phrase = f"{NUMBERS[count]} {name}, {scene.style} style"
                yield Ask(f"{phrase}, on {scene.ground}", scene, table)


def _placed(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for relation, phrase in PLACED.items():
        for figures in _pairs(12, dice):
            for scene in _new(figures, drawn_styles(world, figures, dice), dice, relation):
                first, second = (with_article(figure.thing.word) for figure in figures)
                text = f"{first} {phrase} {second}, {scene.style} style, on {scene.ground}"
                yield Ask(text, scene, table)


def _synonyms(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for thing in things():
        for word in thing.unseen:
            yield Ask(with_article(word), Scene((Figure(thing),), "", "white"), table)


def _styled(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for style in STYLES:
        able = [thing for thing in things() if style in (*MADE, *world.icons.of(thing, DRAWN))]
        for thing in dice.sample(able, 12):
            for scene in _new((Figure(thing),), [style], dice):
                phrase = f"{with_article(thing.word)}, {style}{'' if style in NAMED else ' style'}"
                yield Ask(f"{phrase}, {scene.ground} background", scene, table)


def _large(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    for side in (192, 256):
        for thing in dice.sample(things(), 12):
            scene = Scene((Figure(thing),), "flat", "white")
            yield Ask(
                f"{with_article(thing.word)}, flat style", scene, f"{table} {side}", side=side
            )


def _unstyled(world: World, dice: random.Random, table: str) -> Iterator[Ask]:
    """Nine seeds of the same prompt, four times."""
    for thing in dice.sample(things(), 4):
        for _ in range(9):
            yield Ask(with_article(thing.word), Scene((Figure(thing),), "", "white"), table)


TABLES: dict[str, Callable[[World, random.Random, str], Iterator[Ask]]] = {
    "one thing": _one,
    "both of two": _two,
    "colour": _coloured,
    "count": _counted,
    "position": _placed,
    "synonyms": _synonyms,
    "style": _styled,
    "one thing at": _large,
    "styles in 9 seeds": _unstyled,
}


def with_article(words: str) -> str:
    if words in _bare():
        return words
    return f"{article(words)} {words}"


@cache
def _bare() -> frozenset[str]:
    """Names that come without "a"."""
    return frozenset(thing.word for thing in things() if not thing.counted)


def _pairs(count: int, dice: random.Random) -> Iterator[tuple[Figure, ...]]:
    for _ in range(count):
        yield tuple(Figure(thing) for thing in dice.sample(things(), 2))


def drawn_styles(world: World, figures: Sequence[Figure], dice: random.Random) -> list[str]:
    """The drawn styles in which all of them exist, in any order."""
    styles = [
        name
        for name in world.icons.sets
        if all(world.icons.of(figure.thing, (name,)) for figure in figures)
    ]
    return dice.sample(styles, len(styles))


def _new(
    figures: tuple[Figure, ...], styles: Sequence[str], dice: random.Random, relation: str = ""
) -> Iterator[Scene]:
    """One scene of these that is held out of training; rarely none."""
    used = {"white", *(figure.colour for figure in figures)}
    grounds = [colour for colour in COLOURS if colour not in used]
    dice.shuffle(grounds)
    scenes = (Scene(figures, style, ground, relation) for ground in grounds for style in styles)
    return islice(filter(held_out, scenes), 1)
