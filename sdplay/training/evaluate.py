"""How good is it?  A classifier that has only seen the renderer's pictures names what the model has
painted.

Two things side by side are judged half by half; styles by its second answer; backgrounds by their
corners.
"""

import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image, ImageFilter
from torch import nn

from sdplay.training.data import COLOURS, STYLES, Icons, Scene, as_array, held_out
from sdplay.training.log import Log, load, save
from sdplay.training.sample import paint

BATCH = 64
PACE = 2e-3
SINGLES, UNSEEN, PAIRS = 106, 150, 100


class Judge(nn.Module):
    """A plain convolutional classifier of 64-pixel pictures: which thing, in which style."""

    def __init__(self, count: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in (32, 64, 128, 192):
            for given, stride in ((before, 2), (width, 1)):
                layers += [
                    nn.Conv2d(given, width, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
            before = width
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2))
        self.thing, self.style = nn.Linear(before, count), nn.Linear(before, len(STYLES))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.trunk(pixels)
        return self.thing(found), self.style(found)


@dataclass(frozen=True)
class Asked:
    """A prompt, what should be seen, and which of the tables it counts for."""

    prompt: str
    scene: Scene
    table: str


def prompts(icons: Icons, seed: int = 5) -> list[Asked]:
    """The same held-out prompts every time: single things, unseen combinations, two unseen things
    side by side."""
    dice = random.Random(seed)
    every = icons.things
    asked = [
        Asked(f"a {thing.word}", Scene((thing,), "", "white"), "one thing")
        for thing in every[:SINGLES]
    ]
    asked += [
        Asked(
            f"a {scene.things[0].word}, {scene.style} style, on a {scene.colour} background",
            scene,
            "unseen",
        )
        for scene in _unseen(icons, dice, 1, UNSEEN)
    ]
    for scene in _unseen(icons, dice, 2, PAIRS):
        first, second = (thing.word for thing in scene.things)
        asked.append(
            Asked(
                f"a {first} and a {second}, {scene.style} style, on {scene.colour}",
                scene,
                "two things",
            )
        )
    return asked


def _unseen(icons: Icons, dice: random.Random, count: int, wanted: int) -> Iterator[Scene]:
    while wanted:
        chosen = tuple(dice.sample(icons.things, count))
        scene = Scene(chosen, dice.choice(STYLES), dice.choice(list(COLOURS)))
        if held_out(scene) and all((thing.word, scene.style) in icons.pictures for thing in chosen):
            wanted -= 1
            yield scene


def _views(picture: Image.Image, count: int) -> list[np.ndarray]:
    """The whole picture, or its two halves each brought to a square, at 64 pixels."""
    wide, high = picture.size
    if count == 1:
        boxes = [(0, 0, wide, high)]
    else:
        boxes = [
            (side * wide // 2, high // 4, (side + 1) * wide // 2, high * 3 // 4) for side in (0, 1)
        ]
    return [
        as_array(picture.crop(box).resize((64, 64), Image.Resampling.BILINEAR)) for box in boxes
    ]


def train_judge(icons: Icons, out: Path, minutes: float, log: Log) -> Judge:
    """From the renderer's pictures alone, a little blurred and cropped at random."""
    torch.manual_seed(1)
    judge = Judge(len(icons.things))
    kept = load(out / "judge.pt")
    if kept:
        judge.load_state_dict(kept["model"])
        judge.eval()
        return judge
    optimizer = torch.optim.AdamW(judge.parameters(), lr=PACE, weight_decay=0.01)
    pictures = _examples(icons, random.Random(11))
    began, steps, right = time.monotonic(), 0, 0.0
    while (share := (time.monotonic() - began) / (minutes * 60)) < 1:
        pixels, thing, style = next(pictures)
        told, styled = judge(pixels)
        loss = F.cross_entropy(told, thing, label_smoothing=0.05) + 0.3 * F.cross_entropy(
            styled, style
        )
        optimizer.param_groups[0]["lr"] = PACE * (1 - share)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        right = 0.98 * right + 0.02 * float((told.argmax(1) == thing).float().mean())
        if steps % 100 == 0:
            log(f"judge {steps * BATCH} pictures, {right:.1%} of the training pictures right")
    save({"model": judge.state_dict()}, out / "judge.pt")
    judge.eval()
    return judge


def _examples(
    icons: Icons, dice: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    number = {thing.word: at for at, thing in enumerate(icons.things)}
    while True:
        pixels: list[np.ndarray] = []
        things: list[int] = []
        styles: list[int] = []
        while len(pixels) < BATCH:
            scene = icons.scene(dice, 0.3)
            picture = icons.draw(scene, dice)
            if dice.random() < 0.5:
                picture = picture.filter(ImageFilter.GaussianBlur(dice.uniform(0.3, 2)))
            pixels += _views(picture, len(scene.things))
            things += [number[thing.word] for thing in scene.things]
            styles += [STYLES.index(scene.style)] * len(scene.things)
        yield torch.from_numpy(np.stack(pixels)), torch.tensor(things), torch.tensor(styles)


@torch.no_grad()
def measure(
    icons: Icons, judge: Judge, pictures: Sequence[Image.Image], asked: Sequence[Asked]
) -> dict[str, float]:
    """Shares of what is right, by table."""
    number = {thing.word: at for at, thing in enumerate(icons.things)}
    seen: dict[str, list[bool]] = defaultdict(list)
    for picture, one in zip(pictures, asked, strict=True):
        told, styled = judge(torch.from_numpy(np.stack(_views(picture, len(one.scene.things)))))
        ranks = [
            _rank(row, number[thing.word])
            for row, thing in zip(told, one.scene.things, strict=True)
        ]
        seen[f"{one.table}: top 1"] += [rank < 1 for rank in ranks]
        seen[f"{one.table}: top 5"] += [rank < 5 for rank in ranks]
        if len(ranks) > 1:
            seen[f"{one.table}: both top 1"].append(max(ranks) < 1)
        if one.scene.style:
            seen[f"{one.table}: style"] += [
                int(best) == STYLES.index(one.scene.style) for best in styled.argmax(1)
            ]
            seen[f"{one.table}: background"].append(_background(picture) == one.scene.colour)
    return {name: round(float(np.mean(right)), 3) for name, right in seen.items()}


def _rank(scores: torch.Tensor, wanted: int) -> int:
    return int((scores > scores[wanted]).sum())


def _background(picture: Image.Image) -> str:
    """The named colour nearest to the corners."""
    pixels = np.asarray(picture, np.float32)
    corners = np.median([pixels[y, x] for y in (2, 5, -6, -3) for x in (2, 5, -6, -3)], axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(corners - COLOURS[name]).sum()))


@torch.no_grad()
def psnr(icons: Icons, vae: AutoencoderKL, count: int = 128) -> float:
    """How well the autoencoder gives pictures back, in dB, mean over pictures never used in
    training."""
    made = icons.pictures_forever(seed=987_654)
    found = []
    for _ in range(count // 16):
        pixels = torch.from_numpy(np.stack([as_array(next(made)[1]) for _ in range(16)]))
        back = vae.decode(vae.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
        found += (10 * torch.log10(4 / (back - pixels).pow(2).mean((1, 2, 3)))).tolist()
    return round(float(np.mean(found)), 2)


def evaluate(
    icons: Icons, pipe: StableDiffusionPipeline, out: Path, minutes: float, log: Log
) -> dict[str, float]:
    """Train the judge if there is none yet, paint all prompts, and write evaluation.json."""
    judge = train_judge(icons, out, minutes, log)
    fresh = [picture for _, picture in zip(range(2000), _fresh(icons), strict=False)]
    told = measure(icons, judge, *zip(*fresh, strict=True))
    asked = prompts(icons)
    pictures = paint(pipe, [one.prompt for one in asked], range(1000, 1000 + len(asked)))
    found = {"autoencoder PSNR": psnr(icons, pipe.vae), **measure(icons, judge, pictures, asked)}
    found |= {f"real pictures, {name}": share for name, share in told.items() if "top 1" in name}
    log("evaluation " + json.dumps(found))
    (out / "evaluation.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return found


def _fresh(icons: Icons) -> Iterator[tuple[Image.Image, Asked]]:
    for scene, picture, said in icons.pictures_forever(seed=123_456):
        yield picture, Asked(said, scene, "one thing" if len(scene.things) == 1 else "two things")
