"""The autoencoder: 128×128 pixels to 16×16×8 numbers and back.  Being convolutional, it learns from
64-pixel crops."""

import random
import time
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
STAGES = ("autoencoder", "decoder")


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


def loss_of(model: AutoencoderKL, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels, edges and coarse colour must agree; the latent stays near a unit normal."""
    with autocast():
        latent = model.encode(pixels).latent_dist
        painted = model.decode(latent.sample()).sample
    painted = painted.float()
    wrong = (painted - pixels).abs().mean()
    edges = sum(
        (torch.diff(painted, dim=dim) - torch.diff(pixels, dim=dim)).abs().mean() for dim in (2, 3)
    )
    coarse = (F.avg_pool2d(painted, 8) - F.avg_pool2d(pixels, 8)).abs().mean()
    spread = latent.kl().mean() / latent.mean[0].numel()
    return wrong + 0.7 * edges + 1.5 * coarse + 3e-4 * spread, F.mse_loss(
        painted.clamp(-1, 1), pixels
    )


def train(
    world: World, out: Path, minutes: float, log: Log, *, stage: str = STAGES[0], cool: bool = False
) -> AutoencoderKL:
    """Train for that long from the last checkpoint on, all of it or its decoder alone; with `cool`,
    at the stage's very end, ever slower."""
    torch.manual_seed(0)
    # What differs in training mode is one copy, out of the order in which the channels lie.
    model = build().eval().to(memory_format=torch.channels_last)
    kept = load(out / "autoencoder.pt") or {"steps": 0}
    if "model" in kept:
        model.load_state_dict(kept["model"])
    paces, done = kept.get("paces", {}), kept["steps"]
    if stage == "decoder":
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    steppers = optimizers(model, PACE)
    pace = Pace(paces.get(stage, 1.0), minutes, cool)
    saved = time.monotonic()

    def write() -> None:
        now = {**paces, stage: pace.now}
        save({"model": model.state_dict(), "steps": done, "paces": now}, out / "autoencoder.pt")

    while pace.spent < 1:
        warm = min(1.0, (done + 1) / 200, pace.spent * minutes * 3 if done else 1.0)
        for group in (group for stepper in steppers for group in stepper.param_groups):
            group["lr"] = PACE * warm * pace.now
        loss, squared = loss_of(model, crops(world, done))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        done += 1
        if done % 50 == 0:
            log(
                f"{stage} {done * BATCH} crops, loss {loss.item():.4f}, PSNR "
                f"{_psnr(squared):.1f} dB, pace {pace.now:.2f}, "
                f"{pace.spent * minutes:.1f} of {minutes:g} min"
            )
        if time.monotonic() - saved > 120:
            write()
            saved = time.monotonic()
    write()
    return model


def _psnr(squared: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / squared.detach()))
