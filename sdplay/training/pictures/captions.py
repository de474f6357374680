"""The grammar of captions: one of many ways to say what is in a scene, and never what is not."""

import random
from collections.abc import Sequence

from sdplay.training.pictures import grounds, styles
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.scenes import Figure, Scene

WORDS = 22
"""The most words that the model reads."""
NUMBERS = {2: ("two", "two", "2"), 3: ("three", "three", "3"), 4: ("four", "four", "4")}
PLURALS = {"mouse": "mice", "fish": "fish", "tropical fish": "tropical fish", "sheep": "sheep"}
PLURALS |= {"wolf": "wolves", "maple leaf": "maple leaves", "leaf": "leaves", "knife": "knives"}
PLURALS |= {"goose": "geese", "dice": "dice", "man": "men", "pair": "pairs"}
PLURALS |= {"mug of beer": "mugs of beer", "bag of money": "bags of money"}
PLURALS |= {"glass of wine": "glasses of wine", "face in love": "faces in love"}
PLURALS |= {"face with sunglasses": "faces with sunglasses", "die": "dice"}
COLOUR_WORDS = {
    "gray": ("gray", "grey"),
    "turquoise": ("turquoise", "turquoise", "cyan", "teal"),
    "purple": ("purple", "purple", "violet"),
}
SIZE_WORDS = {"small": ("small", "small", "little", "tiny"), "large": ("large", "big", "huge")}
RELATION_WORDS = {
    "next to": ("next to", "beside", "with", "and"),
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
    "on": ("on", "on top of"),
}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
PLACE_WORDS = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top", "in the upper half"),
    "bottom": ("at the bottom", "in the lower half"),
}
GROUND_WORDS = {
    "night": ("at night", "in the night", "under the night sky"),
    "beach": ("at the beach", "on the beach", "on a beach"),
    "snow": ("in the snow", "in snow"),
    "forest": ("in a forest", "in the forest"),
    "city": ("in a city", "in the city"),
}
STYLE_WORDS = {
    "pixel art": ("{}, pixel art", "pixel art of {}", "pixel art {}", "{} as pixel art"),
    "line": ("{}, line drawing", "line drawing of {}", "{}, line art", "{}, line style"),
    "silhouette": ("silhouette of {}", "{}, silhouette", "{} as a silhouette"),
    "sticker": ("sticker of {}", "{}, sticker", "{} as a sticker", "{}, sticker style"),
}
DRAWN_STYLE = ("{}, @ style", "{}, @ style", "@ {}", "{} in @ style")


def caption(scene: Scene, dice: random.Random) -> str:
    """What is in the scene, in words that the model has room for: every thing and number, and most
    of the rest."""
    while True:
        sentence = _sentence(scene, dice)
        if len(sentence.split()) <= WORDS:
            return sentence


def plural(name: str) -> str:
    """The name of several of them."""
    if name in PLURALS:
        return PLURALS[name]
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def article(phrase: str) -> str:
    """The one that goes before it, by its sound."""
    return "an" if phrase[0] in "aeiou" and not phrase.startswith(("uni", "ewe")) else "a"


def spoken() -> list[str]:
    """Every word that the grammar itself can use, things' names aside."""
    ways: list[Sequence[str]] = list(NUMBERS.values())
    for table in (SIZE_WORDS, RELATION_WORDS, PLACE_WORDS, GROUND_WORDS, STYLE_WORDS):
        ways += table.values()
    ways += [_colour_words(colour) for colour in COLOURS]
    text = " ".join(phrase for way in ways for phrase in way)
    rest = "a an and on in style background upside down tilted 3d flat cartoon simple glossy bold"
    return list(dict.fromkeys(f"{text} {rest}".replace("{}", " ").replace(",", " ").split()))


def names(scene_or_names: Sequence[str]) -> list[str]:
    """The words of these names and of their plurals."""
    return [
        word for name in scene_or_names for text in (name, plural(name)) for word in text.split()
    ]


def _sentence(scene: Scene, dice: random.Random) -> str:
    text = _styled(_figures(scene, dice) + _place(scene, dice), scene.style, dice)
    return text + _ground(scene.ground, dice)


def _figures(scene: Scene, dice: random.Random) -> str:
    articled = dice.random() < 0.6
    phrases = [_figure(figure, dice, with_article=articled) for figure in scene.figures]
    if len(phrases) == 2:
        return _related(phrases, scene.relation, dice)
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))


def _figure(figure: Figure, dice: random.Random, *, with_article: bool) -> str:
    name = dice.choice((figure.thing.word, figure.thing.word, *figure.thing.also))
    words = [dice.choice(SIZE_WORDS[figure.size])] if figure.size else []
    if figure.colour:
        words.append(dice.choice(_colour_words(figure.colour)))
        name = name.removeprefix(f"{figure.colour} ")
    words.append(name if figure.count == 1 else plural(name))
    if figure.count > 1:
        words.insert(0, dice.choice(NUMBERS[figure.count]))
    elif with_article and figure.thing.counted:
        words.insert(0, article(words[0]))
    return " ".join([*words, figure.pose]).strip()


def _related(phrases: list[str], relation: str, dice: random.Random) -> str:
    if not relation or dice.random() < 0.1:
        return f"{phrases[0]} and {phrases[1]}"
    if relation in OPPOSITE and dice.random() < 0.3:
        phrases, relation = phrases[::-1], OPPOSITE[relation]
    return f"{phrases[0]} {dice.choice(RELATION_WORDS[relation])} {phrases[1]}"


def _place(scene: Scene, dice: random.Random) -> str:
    return f" {dice.choice(PLACE_WORDS[scene.place])}" if scene.place else ""


def _styled(text: str, style: str, dice: random.Random) -> str:
    """With its style, often for a drawn one and always for one made in code: who names none shall
    not get a silhouette."""
    if style in styles.MADE:
        return dice.choice(STYLE_WORDS[style]).format(text)
    if dice.random() > 0.65:
        return text
    way = dice.choice(DRAWN_STYLE).replace("@", style)
    first, _, rest = text.partition(" ")
    if way.startswith(style) and first in ("a", "an"):
        return f"a {style} {rest}"
    if way.startswith(style) and any(first in number for number in NUMBERS.values()):
        return f"{first} {style} {rest}"
    return way.format(text)


def _ground(name: str, dice: random.Random) -> str:
    if name in grounds.PLACES:
        return f"{dice.choice((' ', ' ', ', '))}{dice.choice(GROUND_WORDS[name])}"
    if dice.random() > (0.35 if name == "white" else 0.88):
        return ""
    colour = dice.choice(_colour_words(name))
    return dice.choice(
        (f" on {article(colour)} {colour} background", f", {colour} background", f" on {colour}")
    )


def _colour_words(colour: str) -> Sequence[str]:
    return COLOUR_WORDS.get(colour, (colour,))
