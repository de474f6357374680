"""The judge's album: pictures drawn once, with where everything stands in them, on disk."""

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from sdplay.engine.judge.network import looked_at
from sdplay.files.whole_file import whole
from sdplay.training.judging.judge import CELLS
from sdplay.training.log import Log
from sdplay.training.networks.pace import autocast
from sdplay.training.pictures.colours import COLOURS
from sdplay.training.pictures.compose import Drawn
from sdplay.training.pictures.icons import DRAWN, WITHHELD, Icons, things
from sdplay.training.pictures.scenes import Scene
from sdplay.training.pictures.world import STYLES, World

PICTURES = 1024
BATCH = 32


def taught(folder: Path) -> World:
    """What the judge learns from: all drawings, those that no generator sees among them, but for
    one of each thing."""
    icons = Icons.read(folder, (*DRAWN, *WITHHELD))
    drawings = {key: drawing for key, drawing in icons.drawings.items() if not _kept(icons, *key)}
    return World(Icons(drawings, icons.sets), (*STYLES, *WITHHELD))


def examined(folder: Path) -> World:
    """The one drawing of each thing that the judge never sees."""
    icons = Icons.read(folder)
    drawings = {key: drawing for key, drawing in icons.drawings.items() if _kept(icons, *key)}
    return World(Icons(drawings), DRAWN)


def _kept(icons: Icons, word: str, name: str) -> bool:
    """Whether a drawing is kept for the exam: of the generator's own, by chance that stays."""
    sets = [each for each in DRAWN if (word, each) in icons.drawings]
    return bool(sets) and sets[zlib.crc32(word.encode()) % len(sets)] == name


@dataclass
class Targets:
    """What is right about pictures, in maps of twelve by twelve places; -1 where nothing is
    asked."""

    present: torch.Tensor
    things: torch.Tensor
    colours: torch.Tensor

    @classmethod
    def of(cls, scene: Scene, drawn: Drawn) -> "Targets":
        """Of one picture: round the middle of each box."""
        present = np.zeros((CELLS, CELLS), np.float32)
        named, coloured = (np.full((CELLS, CELLS), -1, np.int64) for _ in "12")
        down, across = np.mgrid[:CELLS, :CELLS]
        for figure, boxes in zip(scene.figures, drawn.boxes, strict=True):
            for box in boxes:
                x, y = (min(CELLS - 1, max(0, int(middle * CELLS))) for middle in box.middle)
                spread = max(0.5, box.side * CELLS / 7)
                away = (across - x) ** 2 + (down - y) ** 2
                present = np.maximum(present, np.exp(-away / (2 * spread**2)).astype(np.float32))
                near = away <= max(1.0, (0.2 * box.side * CELLS) ** 2)
                named[near] = _WORDS.index(figure.thing.word)
                coloured[near] = list(COLOURS).index(figure.colour) if figure.colour else -1
        return cls(*(torch.from_numpy(each) for each in (present, named, coloured)))

    @classmethod
    def stacked(cls, listed: list["Targets"]) -> "Targets":
        """Of several pictures."""
        return cls(*(torch.stack([getattr(one, name) for one in listed]) for name in cls.names()))

    @classmethod
    def names(cls) -> list[str]:
        """What the fields are called."""
        return [field.name for field in fields(cls)]

    def of_these(self, chosen: torch.Tensor) -> "Targets":
        """Of some of the pictures."""
        return Targets(*(getattr(self, name)[chosen] for name in self.names()))

    def mirrored(self) -> "Targets":
        """Of the same pictures in a mirror."""
        return Targets(*(getattr(self, name).flip(2) for name in self.names()))


@dataclass
class Album:
    """Pictures, 0 to 255, and what is right about them."""

    pixels: torch.Tensor
    targets: Targets

    @classmethod
    def read(cls, folder: Path) -> "Album":
        """All that was drawn into the folder."""
        parts = [_arrays(file) for file in sorted(folder.glob("?????.npz"))]
        joined = {
            name: torch.from_numpy(np.concatenate([part[name] for part in parts]))
            for name in ("pixels", *Targets.names())
        }
        return cls(joined.pop("pixels"), Targets(**joined))

    def batch(self, count: int, dice: random.Random) -> tuple[torch.Tensor, Targets]:
        """Some pictures, -1 to 1, at random; all of them in a mirror half of the time."""
        chosen = torch.tensor([dice.randrange(len(self.pixels)) for _ in range(count)])
        pixels, targets = self.pixels[chosen].float() / 127.5 - 1, self.targets.of_these(chosen)
        if dice.random() < 0.5:
            return pixels, targets
        return pixels.flip(3), targets.mirrored()


def fill(world: World, vae: AutoencoderKL, folder: Path, most: int, log: Log) -> None:
    """Draw so many packs in all, each from a seed of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(most):
        file = folder / f"{number:05d}.npz"
        if not file.exists():
            _write(list(islice(_drawn(world, random.Random(number)), PICTURES)), vae, file)
            log(f"album {number + 1} of {most}")


def _drawn(world: World, dice: random.Random) -> Iterator[tuple[torch.Tensor, Targets]]:
    while True:
        scene = world.any_scene(dice)
        drawn = world.draw(scene, dice)
        yield torch.from_numpy(looked_at([drawn.picture])[0]), Targets.of(scene, drawn)


def _write(listed: list[tuple[torch.Tensor, Targets]], vae: AutoencoderKL, file: Path) -> None:
    """A pack, a quarter of it as the autoencoder gives pictures back; whole or not at all."""
    pixels = torch.stack([picture for picture, _ in listed])
    back = [_decoded(vae, batch) for batch in pixels[::4].split(BATCH)]
    pixels[::4] = torch.cat(back).clamp(-1, 1)
    targets = Targets.stacked([target for _, target in listed])
    maps = {name: getattr(targets, name).numpy() for name in Targets.names()}
    with whole(file) as beside, beside.open("wb") as opened:
        np.savez(opened, pixels=((pixels + 1) * 127.5).round().byte().numpy(), **maps)


def _arrays(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as opened:
        return dict(opened)


@torch.no_grad()
def _decoded(vae: AutoencoderKL, pixels: torch.Tensor) -> torch.Tensor:
    """What the autoencoder makes of pictures, from latents as inexact as a generator's."""
    with autocast():
        latent = vae.encode(pixels).latent_dist.mean
        drawn: torch.Tensor = vae.decode(latent + 0.15 * torch.randn_like(latent)).sample
    return drawn.float()


_WORDS = [thing.word for thing in things()]
