"""Packs: encoded pictures with their scenes, on disk.  One process fills them while another trains
from them; captions are made anew at each use."""

import json
import random
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image

from sdplay.files.whole_file import whole
from sdplay.training.log import Log
from sdplay.training.networks.pace import autocast
from sdplay.training.pictures.compose import PIXELS, as_array
from sdplay.training.pictures.icons import Thing, things
from sdplay.training.pictures.scenes import Figure, Scene
from sdplay.training.pictures.world import World

PICTURES = 1024
BATCH = 32
SIDE = 16
"""The side of a latent of an ordinary picture."""
CHECK = "check.npz"
"""A pack that is never trained on: how far a run has come is measured with it."""
CHECKED = 256
CHECK_SEED = 31_337_000


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: np.ndarray) -> torch.Tensor:
    """The mean latent of a batch of pictures."""
    with autocast():
        batch = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        return vae.encode(batch).latent_dist.mean.float()


def fill(
    world: World,
    vae: AutoencoderKL,
    folder: Path,
    log: Log,
    *,
    minutes: float,
    most: int = 10**9,
    pixels: int = PIXELS,
) -> None:
    """Write pack after pack for that long, each from a seed of its own, up to `most` of that size
    in all; first of all the pack for checks."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CHECK).exists():
        write(islice(world.pictures_forever(CHECK_SEED), CHECKED), vae, folder / CHECK)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until and (number := len(packed(folder, pixels))) < most:
        drawn = islice(world.pictures_forever(number + 1000 * (pixels - PIXELS), pixels), PICTURES)
        write(drawn, vae, folder / f"{pixels}-{number:05d}.npz")
        log(f"pack {number} at {pixels} pixels: {(number + 1) * PICTURES} pictures")


def write(drawn: Iterable[tuple[Scene, Image.Image, str]], vae: AutoencoderKL, file: Path) -> None:
    """Encode pictures and write them as one pack; whole or not at all."""
    listed = list(drawn)
    latents = [
        encode(vae, np.stack([as_array(picture) for _, picture, _ in listed[at : at + BATCH]]))
        for at in range(0, len(listed), BATCH)
    ]
    scenes = json.dumps([as_json(scene) for scene, _, _ in listed])
    # Given a path, savez would put .npz behind its name.
    with whole(file) as beside, beside.open("wb") as opened:
        np.savez(opened, latents=torch.cat(latents).half().numpy(), scenes=np.array(scenes))


def packed(folder: Path, pixels: int | None = None) -> list[Path]:
    """The packs to train on that are whole; of one size where that is given."""
    return sorted(folder.glob(f"{pixels or '*'}-*.npz"))


@dataclass
class SizeGroup:
    """Encoded pictures of one size, and what is in them."""

    latents: torch.Tensor
    scenes: list[Scene]


def read(file: Path, numbers: torch.dtype = torch.float32) -> SizeGroup:
    """What one pack holds."""
    with np.load(file) as pack:
        latents = torch.from_numpy(pack["latents"]).to(numbers)
        return SizeGroup(latents, [from_json(entry) for entry in json.loads(str(pack["scenes"]))])


class Packs:
    """All packs of a folder in memory, by the size of their pictures; looks for new ones when
    asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self.buckets: dict[int, SizeGroup] = {}
        self.refresh()

    def __len__(self) -> int:
        return sum(len(bucket.scenes) for bucket in self.buckets.values())

    def refresh(self) -> None:
        """Take in the packs that were not there before."""
        fresh = [file for file in packed(self.folder) if file not in self.files]
        for file in fresh:
            pack = read(file, torch.float16)
            empty = SizeGroup(pack.latents[:0], [])
            bucket = self.buckets.setdefault(pack.latents.shape[-1], empty)
            bucket.latents = torch.cat([bucket.latents, pack.latents])
            bucket.scenes += pack.scenes
        self.files += fresh
        if not self.buckets:
            raise SystemExit(f"{self.folder} holds no packs: run the stage pack first.")

    def batch(self, count: int, dice: random.Random) -> SizeGroup:
        """Pictures of one size, so many as are the work of that many ordinary ones; a size comes as
        often as it has pictures."""
        side = dice.choices(
            list(self.buckets), [len(each.scenes) for each in self.buckets.values()]
        )[0]
        bucket = self.buckets[side]
        count = max(1, round(count * SIDE**2 / side**2))
        chosen = [dice.randrange(len(bucket.scenes)) for _ in range(count)]
        return SizeGroup(bucket.latents[chosen].float(), [bucket.scenes[at] for at in chosen])


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
