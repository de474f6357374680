"""Does a negative prompt take away what it names?  What is seen in a picture painted without one is
named in it, and looked for in the picture that the same seed then gives."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from diffusers import StableDiffusionPipeline
from PIL import Image

from sdplay.training.judging.eyes import Eyes, there
from sdplay.training.judging.prompts import NAMED, with_article
from sdplay.training.pictures.icons import Thing, things
from sdplay.training.pictures.scenes import Figure, Scene
from sdplay.training.samples.sample import BATCH, paint

CASES = 10
"""How many of each kind."""
FIRST_SEED = 9000
UNSEEN = "umbrella"
"""Named to see what any negative prompt takes away by chance."""
Named = Callable[[Eyes, Image.Image, Scene], str]
"""What is seen in a picture of a scene and may be named, or nothing."""


def _style(eyes: Eyes, picture: Image.Image, scene: Scene) -> str:
    style = eyes.style(picture, scene)
    return style if style in NAMED else f"{style} style"


def _colour(eyes: Eyes, picture: Image.Image, scene: Scene) -> str:
    return eyes.colour(picture)


def _ground(eyes: Eyes, picture: Image.Image, scene: Scene) -> str:
    return f"{eyes.ground(picture)} background"


def _second(eyes: Eyes, picture: Image.Image, scene: Scene) -> str:
    last = scene.figures[-1]
    return last.thing.word if there(last, eyes.sightings(picture)) else ""


KINDS: dict[str, tuple[int, Named]] = {
    "a style": (1, _style),
    "a colour": (1, _colour),
    "the ground": (1, _ground),
    "the second of two": (2, _second),
}
"""How many things the prompt names, and what is looked for."""


@dataclass(frozen=True)
class Case:
    """A prompt whose picture shows something that nobody asked for, or that is taken back."""

    prompt: str
    scene: Scene
    seed: int
    named: str


def removed(eyes: Eyes, pipe: StableDiffusionPipeline, count: int) -> dict[str, float]:
    """The share of cases in which what is named goes, of each kind and of all; and the share in
    which it goes though something else is named."""
    gone: dict[str, list[bool]] = {}
    chance: list[bool] = []
    for at, (kind, (many, named)) in enumerate(KINDS.items()):
        cases = list(islice(_cases(eyes, pipe, many, named, FIRST_SEED + 1000 * at), count))
        gone[kind] = _gone(eyes, pipe, cases, named, [case.named for case in cases])
        chance += _gone(eyes, pipe, cases, named, [UNSEEN] * len(cases))
    shares = {f"removed: {kind}": _share(each) for kind, each in gone.items() if each}
    shares["removed by a negative prompt"] = _share([one for each in gone.values() for one in each])
    shares["gone though another word is named"] = _share(chance)
    return shares


def _cases(
    eyes: Eyes, pipe: StableDiffusionPipeline, many: int, named: Named, first: int
) -> Iterator[Case]:
    """Cases of one kind, as they come, from a first seed on."""
    dice = random.Random(first)
    able = [thing for thing in things() if thing.word != UNSEEN]
    for seed in range(first, first + len(able), BATCH):
        scenes = [_scene(dice.sample(able, many)) for _ in range(BATCH)]
        prompts, seeds = [_said(scene) for scene in scenes], range(seed, seed + BATCH)
        pictures = paint(pipe, prompts, seeds, width=128, height=128)
        for prompt, scene, own, picture in zip(prompts, scenes, seeds, pictures, strict=True):
            if seen := named(eyes, picture, scene):
                yield Case(prompt, scene, own, seen)


def _gone(
    eyes: Eyes,
    pipe: StableDiffusionPipeline,
    cases: Sequence[Case],
    named: Named,
    negatives: Sequence[str],
) -> list[bool]:
    """Of each case, whether what was seen is seen no more."""
    said, seeds = [case.prompt for case in cases], [case.seed for case in cases]
    pictures = paint(pipe, said, seeds, negatives, width=128, height=128)
    return [
        named(eyes, picture, case.scene) != case.named
        for picture, case in zip(pictures, cases, strict=True)
    ]


def _scene(chosen: Sequence[Thing]) -> Scene:
    return Scene(tuple(Figure(thing) for thing in chosen), "", "white")


def _said(scene: Scene) -> str:
    return " and ".join(with_article(figure.thing.word) for figure in scene.figures)


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / max(1, len(right)), 3)
