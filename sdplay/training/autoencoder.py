"""The autoencoder: 128×128 pixels to 16×16×8 numbers and back.  Being convolutional, it learns from
64-pixel crops."""

import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from sdplay.training.data import Icons, as_array
from sdplay.training.log import Log, load, save
from sdplay.training.muon import optimizers

CROP = 64
BATCH = 16
PACE = 1.5e-3


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


def crops(icons: Icons, seed: int) -> torch.Tensor:
    """One batch: four crops from each of eight pictures, most of them where the thing is."""
    dice = random.Random(seed)
    cut = []
    for _ in range(BATCH // 4):
        pixels = as_array(icons.draw(icons.scene(dice, 0.3), dice))
        for _ in range(4):
            top, left = (
                dice.randint(8, 128 - CROP - 8)
                if dice.random() < 0.8
                else dice.randint(0, 128 - CROP)
                for _ in "xy"
            )
            cut.append(pixels[:, top : top + CROP, left : left + CROP])
    return torch.from_numpy(np.stack(cut)).contiguous(memory_format=torch.channels_last)


def loss_of(model: AutoencoderKL, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels, edges and coarse colour must agree; the latent stays near a unit normal."""
    with torch.autocast("cpu", torch.bfloat16):
        latent = model.encode(pixels).latent_dist
        made = model.decode(latent.sample()).sample
    made = made.float()
    wrong = (made - pixels).abs().mean()
    edges = sum(
        (torch.diff(made, dim=dim) - torch.diff(pixels, dim=dim)).abs().mean() for dim in (2, 3)
    )
    coarse = (F.avg_pool2d(made, 8) - F.avg_pool2d(pixels, 8)).abs().mean()
    spread = latent.kl().mean() / latent.mean[0].numel()
    return wrong + 0.7 * edges + 1.5 * coarse + 3e-4 * spread, F.mse_loss(made.clamp(-1, 1), pixels)


def train(
    icons: Icons, out: Path, minutes: float, log: Log, only_decoder: bool = False
) -> AutoencoderKL:
    """Train for that long from the last checkpoint on; the learning rate falls to zero over this
    run."""
    torch.manual_seed(0)
    model = build().to(memory_format=torch.channels_last)
    kept = load(out / "autoencoder.pt")
    if kept:
        model.load_state_dict(kept["model"])
    done = kept["steps"] if kept else 0
    if only_decoder:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    steppers = optimizers(model, PACE)
    began = saved = time.monotonic()
    while (spent := time.monotonic() - began) < minutes * 60:
        share = spent / (minutes * 60)
        warm = min(1.0, (done + 1) / 200) if not kept else min(1.0, spent / 20)
        for group in (group for stepper in steppers for group in stepper.param_groups):
            group["lr"] = PACE * warm * (0.02 + 0.98 * min(1.0, 1.6 * (1 - share)))
        loss, squared = loss_of(model, crops(icons, done))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        done += 1
        if done % 50 == 0:
            log(
                f"autoencoder {done * BATCH} crops, loss {loss.item():.4f}, PSNR "
                f"{_psnr(squared):.1f} dB, "
                f"{spent / 60:.1f} of {minutes:g} min"
            )
        if time.monotonic() - saved > 120:
            save({"model": model.state_dict(), "steps": done}, out / "autoencoder.pt")
            saved = time.monotonic()
    save({"model": model.state_dict(), "steps": done}, out / "autoencoder.pt")
    return model


def _psnr(squared: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / squared.detach()))
