"""The autoencoder: 128×128 pixels to 16×16×8 numbers and back.  Being convolutional, it learns from
64-pixel crops."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from sdplay.training.log import Log, load, save
from sdplay.training.networks.muon import optimizers
from sdplay.training.networks.pace import Pace, autocast
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.world import World

CROP = 64
BATCH = 16
PACE = 1.5e-3
WARM = 200
"""Steps over which a run comes to its full pace."""
EVERY = 120
"""Seconds between checkpoints."""


def build() -> AutoencoderKL:
    """Factor 8, eight latent channels, no attention: small, and quick on a CPU."""
    return AutoencoderKL(
        block_out_channels=(32, 64, 96, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
    )


def crops(world: World, seed: int) -> torch.Tensor:
    """One batch: four crops from each of four pictures, of two tries the one with more to see."""
    dice = random.Random(seed)
    cut = []
    for _ in range(BATCH // 4):
        pixels = as_array(world.draw(world.scene(dice), dice).picture)
        for _ in range(4):
            cut.append(max((_crop(pixels, dice) for _ in "12"), key=np.std))
    return torch.from_numpy(np.stack(cut)).contiguous(memory_format=torch.channels_last)


def _crop(pixels: np.ndarray, dice: random.Random) -> np.ndarray:
    top, left = (dice.randint(0, side - CROP) for side in pixels.shape[1:])
    return pixels[:, top : top + CROP, left : left + CROP]


@dataclass(frozen=True)
class Stint:
    """One stage of the autoencoder's training: from its last checkpoint, for so many minutes."""

    out: Path
    stage: str
    minutes: float
    cool: bool = False
    """Ever slower, once, at the stage's very end."""

    def model(self) -> AutoencoderKL:
        """The autoencoder as the stages before have left it."""
        # What differs in training mode is one copy, out of the order in which the channels lie.
        model = build().eval().to(memory_format=torch.channels_last)
        kept = load(self.out / "autoencoder.pt")
        if kept:
            model.load_state_dict(kept["model"])
        return model


def train(world: World, stint: Stint, log: Log) -> None:
    """Train all of it, on crops."""
    model = stint.model()
    go_on(stint, model, lambda step: loss_of(model, crops(world, step)), log)


def loss_of(model: AutoencoderKL, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What is wrong with pixels given back, and painted pixels; the latent stays near a unit
    normal."""
    with autocast():
        latent = model.encode(pixels).latent_dist
        painted = model.decode(latent.sample()).sample.float()
    spread = latent.kl().mean() / latent.mean[0].numel()
    return wrong(painted, pixels) + 3e-4 * spread, F.mse_loss(painted.clamp(-1, 1), pixels)


def wrong(painted: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels, edges and coarse colour must agree."""
    edges = sum(
        (torch.diff(painted, dim=dim) - torch.diff(pixels, dim=dim)).abs().mean() for dim in (2, 3)
    )
    coarse = (F.avg_pool2d(painted, 8) - F.avg_pool2d(pixels, 8)).abs().mean()
    return (painted - pixels).abs().mean() + 0.7 * edges + 1.5 * coarse


def go_on(
    stint: Stint,
    model: AutoencoderKL,
    lesson: Callable[[int], tuple[torch.Tensor, torch.Tensor]],
    log: Log,
    full: float = PACE,
) -> None:
    """Learn from one lesson after the other, each asked for by its number: a loss, and the squared
    error to be told of."""
    torch.manual_seed(0)
    kept = load(stint.out / "autoencoder.pt") or {}
    paces, done = kept.get("paces", {}), kept.get("steps", 0)
    steppers = optimizers(model, full)
    pace = Pace(paces.get(stint.stage, 1.0), stint.minutes, stint.cool)
    began = done
    saved = time.monotonic()

    def write() -> None:
        now = {**paces, stint.stage: pace.now}
        save(
            {"model": model.state_dict(), "steps": done, "paces": now},
            stint.out / "autoencoder.pt",
        )

    while pace.spent < 1:
        for group in (group for stepper in steppers for group in stepper.param_groups):
            group["lr"] = full * pace.now * min(1.0, (done - began + 1) / WARM)
        loss, squared = lesson(done)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        done += 1
        if done % 50 == 0:
            log(
                f"{stint.stage} {done} steps, loss {loss.item():.4f}, PSNR {_psnr(squared):.1f} "
                f"dB, pace {pace.now:.2f}, {pace.spent * stint.minutes:.1f} of "
                f"{stint.minutes:g} min"
            )
        if time.monotonic() - saved > EVERY:
            write()
            saved = time.monotonic()
    write()


def _psnr(squared: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / squared.detach()))
