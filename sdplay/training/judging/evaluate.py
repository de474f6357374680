"""How good is it?  The judge says what it sees in pictures painted from prompts that nobody was
trained on."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image

from sdplay.training.judging.eyes import Eyes, there
from sdplay.training.judging.judge import Judge, Sighting, melted, sightings
from sdplay.training.judging.negatives import CASES, removed
from sdplay.training.judging.prompts import SEED, Ask, drawn_styles, prompts
from sdplay.training.log import Log
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.scenes import Scene
from sdplay.training.pictures.world import World
from sdplay.training.samples.sample import paint, sheet

BATCH = 24
SHEET = 64
SEEDS = 3
"""How often each prompt is painted: tables of sixty prompts would tell little otherwise."""
FIRST_SEED = 1000
WHOLE = 0.5
TARGETS = {
    "one thing: top 1": 0.95,
    "both of two": 0.90,
    "colour": 0.85,
    "count": 0.80,
    "position": 0.85,
    "synonyms: top 1": 0.60,
    "style": 0.90,
    "one thing at 192": 0.90,
    "one thing at 256": 0.90,
    "removed by a negative prompt": 0.70,
    "styles in 9 seeds": 3,
    "whole": 0.60,
    "autoencoder PSNR": 32,
}
"""What the third edition must reach."""


def evaluate(
    world: World,
    judge: Judge,
    pipe: StableDiffusionPipeline,
    out: Path,
    log: Log,
    share: float = 1.0,
) -> dict[str, float]:
    """Paint the prompts (or a share of each table), judge them, and write table and sheet."""
    asks = [ask for table in _tables(prompts(world)) for ask in _several(_some(table, share))]
    pictures = list(painted(pipe, asks, log))
    eyes = Eyes(judge, world)
    shares = measure(eyes, pictures, asks)
    shares |= removed(eyes, pipe, max(1, round(CASES * share)))
    shares["autoencoder PSNR"] = psnr(world, pipe.vae, max(1, round(8 * share)))
    true = list(drawn(world, asks))
    columns = {
        "reached": shares,
        "drawings given back": measure(eyes, list(given_back(pipe.vae, true)), asks),
        "true drawings": measure(eyes, true, asks),
        "target": TARGETS,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(shares, indent=1) + "\n", "utf-8")
    ones = [at for at, ask in enumerate(asks) if ask.table == "one thing"][:SHEET]
    sheet([pictures[at] for at in ones], 8, [asks[at].prompt for at in ones]).save(
        out / "evaluation.png"
    )
    log("\n" + table_of(columns))
    return shares


def table_of(columns: Mapping[str, Mapping[str, float]]) -> str:
    """What pictures reached beside what drawings reach, true ones and as the autoencoder gives them
    back, and what is wanted; as in the model card."""
    rows = [
        [name, *(_figure(name, column.get(name)) for column in columns.values())]
        for name in next(iter(columns.values()))
    ]
    lines = [["asked", *columns], ["---", *["---:"] * len(columns)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def drawn(world: World, asks: Sequence[Ask]) -> Iterator[Image.Image]:
    """A true drawing of what each asks for: more than in these the judge cannot see."""
    dice = random.Random(SEED)
    for ask in asks:
        scene = ask.scene
        if not scene.style:
            scene = replace(scene, style=drawn_styles(world, scene.figures, dice)[0])
        yield world.draw(scene, dice, ask.side).picture


@torch.no_grad()
def given_back(vae: AutoencoderKL, pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """Pictures as the autoencoder gives them back: more than in these no painter can show."""
    for picture in pictures:
        pixels = torch.from_numpy(as_array(picture))[None]
        yield _image(vae.decode(vae.encode(pixels).latent_dist.mean).sample[0])


def painted(pipe: StableDiffusionPipeline, asks: Sequence[Ask], log: Log) -> Iterator[Image.Image]:
    """A picture for each, every one with a seed of its own, in batches of one size."""
    done = 0
    for side, group in groupby(asks, lambda ask: ask.side):
        alike = list(group)
        for at in range(0, len(alike), BATCH):
            batch = alike[at : at + BATCH]
            seeds = [FIRST_SEED + done + place for place in range(len(batch))]
            said = [ask.prompt for ask in batch]
            yield from paint(pipe, said, seeds, width=side, height=side)
            done += len(batch)
            log(f"painted {done} of {len(asks)}")


def measure(eyes: Eyes, pictures: Sequence[Image.Image], asks: Sequence[Ask]) -> dict[str, float]:
    """What each table reached: shares of what is right."""
    right: dict[str, list[float]] = defaultdict(list)
    many: dict[str, set[str]] = defaultdict(set)
    for picture, ask in zip(pictures, asks, strict=True):
        seen = eyes.sightings(picture)
        for name, value in _verdicts(ask, seen):
            right[name].append(value)
        if ask.table == "style":
            right["style"].append(eyes.style(picture, ask.scene) == ask.scene.style)
        elif ask.table == "styles in 9 seeds":
            many[ask.prompt].add(eyes.style(picture, ask.scene))
    shares = {name: round(float(np.mean(values)), 3) for name, values in right.items()}
    if many:
        shares["styles in 9 seeds"] = round(float(np.mean([len(s) for s in many.values()])), 1)
    return shares


def _verdicts(ask: Ask, sightings: Sequence[Sighting]) -> Iterator[tuple[str, float]]:
    """What a picture adds to the tables."""
    subject = ask.scene.figures[0]
    if ask.table in ("one thing", "synonyms"):
        ranks = [
            sighting.things.index(subject.thing.word)
            for sighting in sightings
            if subject.thing.word in sighting.things
        ]
        yield f"{ask.table}: top 1", bool(ranks) and min(ranks) == 0
        yield f"{ask.table}: top 5", bool(ranks)
    if ask.table == "one thing":
        yield "whole", sightings[0].whole > WHOLE
    elif ask.table == "both of two":
        yield ask.table, all(there(figure, sightings) for figure in ask.scene.figures)
    elif ask.table == "colour":
        yield ask.table, sightings[0].colour == subject.colour
    elif ask.table == "count":
        yield ask.table, len(sightings) == subject.count
    elif ask.table == "position":
        yield ask.table, _stands(ask.scene, sightings)
    elif ask.table.startswith("one thing at"):
        yield ask.table, len(sightings) == 1 and there(subject, sightings)


def _stands(scene: Scene, sightings: Sequence[Sighting]) -> bool:
    """Whether the first thing stands to the second as was asked."""
    matches = [
        next((sighting for sighting in sightings if sighting.things[0] == figure.thing.word), None)
        for figure in scene.figures
    ]
    first, second = matches
    if first is None or second is None:
        return False
    across, down = second.x - first.x, second.y - first.y
    aside = abs(across) > abs(down)
    return {
        "left of": aside and across > 0,
        "right of": aside and across < 0,
        "above": not aside and down > 0,
        "below": not aside and down < 0,
    }[scene.relation]


@torch.no_grad()
def saturation(world: World, judge: Judge, log: Log, count: int = 400) -> dict[str, float]:
    """The judge judged: what it names and what it calls whole, of lone things of that world, clean
    and melted ever more."""
    dice = random.Random(77)
    clean = []
    for _ in range(count):
        scene = world.any_scene(dice, "one")
        clean.append((scene.figures[0].thing.word, world.draw(scene, dice).picture))
    shares = {}
    for amount in (0.0, 0.03, 0.06, 0.1, 0.16):
        seen = [
            (word, sightings(judge, [_bent(picture, amount, dice)])[0][0])
            for word, picture in clean
        ]
        shares[f"named, bent {amount:g}"] = np.mean([one.things[0] == word for word, one in seen])
        shares[f"whole, bent {amount:g}"] = np.mean([one.whole > WHOLE for _, one in seen])
    rounded = {name: round(float(value), 3) for name, value in shares.items()}
    log("judge " + json.dumps(rounded))
    return rounded


def _bent(picture: Image.Image, amount: float, dice: random.Random) -> Image.Image:
    pixels = torch.from_numpy(as_array(picture))[None]
    return _image(melted(pixels, amount, dice)[0] if amount else pixels[0])


def _image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(((pixels.movedim(0, -1).clamp(-1, 1) + 1) * 127.5).byte().numpy())


@torch.no_grad()
def psnr(world: World, vae: AutoencoderKL, batches: int) -> float:
    """How well the autoencoder gives pictures back, in dB, mean over batches of 16 pictures never
    used in training."""
    drawn = world.pictures_forever(seed=987_654)
    ratios: list[float] = []
    for _ in range(batches):
        pixels = torch.from_numpy(np.stack([as_array(p) for _, p, _ in islice(drawn, 16)]))
        back = vae.decode(vae.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
        ratios += (10 * torch.log10(4 / (back - pixels).pow(2).mean((1, 2, 3)))).tolist()
    return round(float(np.mean(ratios)), 2)


def _tables(asks: Sequence[Ask]) -> list[list[Ask]]:
    return [list(group) for _, group in groupby(asks, lambda ask: ask.table)]


def _several(asks: list[Ask]) -> list[Ask]:
    """A table once for each seed; one that asks for several seeds itself, once."""
    return asks if asks[0].table == "styles in 9 seeds" else asks * SEEDS


def _some(asks: list[Ask], share: float) -> list[Ask]:
    """A share of a table, spread over it; of seeds of one prompt all."""
    if share >= 1 or asks[0].table == "styles in 9 seeds":
        return asks if share >= 1 else asks[:9]
    return asks[:: max(1, round(1 / share))]


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:g}" if name in ("autoencoder PSNR", "styles in 9 seeds") else f"{value:.0%}"
