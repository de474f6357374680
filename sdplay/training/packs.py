"""Packs: encoded pictures with their scenes, on disk.  One process fills them while another trains
from them; captions are made anew at each use."""

import json
import time
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from sdplay.training.log import Log
from sdplay.training.networks.pace import autocast
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.icons import Thing, things
from sdplay.training.pictures.scenes import Figure, Scene
from sdplay.training.pictures.world import World

PICTURES = 1024
BATCH = 32


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: np.ndarray) -> torch.Tensor:
    """The mean latent of a batch of pictures."""
    with autocast():
        batch = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        return vae.encode(batch).latent_dist.mean.float()


def fill(
    world: World, vae: AutoencoderKL, folder: Path, minutes: float, log: Log, most: int = 10**9
) -> None:
    """Write pack after pack for that long, each from a seed of its own, up to `most` in all."""
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until and (number := len(packed(folder))) < most:
        write(world, vae, folder / f"{number:05d}.npz", seed=number)
        log(f"pack {number}: {(number + 1) * PICTURES} pictures")


def write(
    world: World, vae: AutoencoderKL, file: Path, seed: int, pictures: int = PICTURES
) -> None:
    """Draw, encode and write one pack; whole or not at all."""
    drawn = list(islice(world.pictures_forever(seed), pictures))
    latents = [
        encode(vae, np.stack([as_array(picture) for _, picture, _ in drawn[at : at + BATCH]]))
        for at in range(0, len(drawn), BATCH)
    ]
    scenes = json.dumps([as_json(scene) for scene, _, _ in drawn])
    beside = file.with_suffix(".new")
    with beside.open("wb") as opened:
        np.savez(opened, latents=torch.cat(latents).half().numpy(), scenes=np.array(scenes))
    beside.replace(file)


def packed(folder: Path) -> list[Path]:
    """The packs that are whole."""
    return sorted(folder.glob("*.npz"))


class Packs:
    """All packs of a folder in memory; looks for new ones when asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.latents = torch.empty(0, 8, 16, 16, dtype=torch.float16)
        self.scenes: list[Scene] = []
        self.refresh()

    def refresh(self) -> None:
        """Take in the packs that were not there before."""
        fresh = [file for file in packed(self.folder) if file not in self.files]
        parts = [self.latents]
        for file in fresh:
            with np.load(file) as pack:
                parts.append(torch.from_numpy(pack["latents"]))
                self.scenes += [from_json(entry) for entry in json.loads(str(pack["scenes"]))]
        self.latents = torch.cat(parts)
        self.files += fresh
        if not self.scenes:
            raise SystemExit(f"{self.folder} holds no packs: run the stage pack first.")


def as_json(scene: Scene) -> dict[str, object]:
    """A scene in plain values, each thing by its word."""
    entry = asdict(scene)
    for figure in entry["figures"]:
        figure["thing"] = figure["thing"]["word"]
    return entry


def from_json(entry: dict[str, object]) -> Scene:
    """The scene that as_json wrote."""
    fields = dict(entry)
    listed = fields.pop("figures")
    if not isinstance(listed, list):
        raise SystemExit(f"A pack's scene has no list of figures: {entry}")
    figures = tuple(Figure(**{**figure, "thing": _thing(figure["thing"])}) for figure in listed)
    return Scene(figures, **{name: str(value) for name, value in fields.items()})


@cache
def _things() -> dict[str, Thing]:
    return {thing.word: thing for thing in things()}


def _thing(word: str) -> Thing:
    return _things()[word]
