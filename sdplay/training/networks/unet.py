"""The U-Net and the text encoder, trained together on a pool of encoded pictures (v-prediction,
min-SNR, EMA)."""

import copy
import random
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

from sdplay.training.log import Log, checkpoint, load, rotate, save
from sdplay.training.networks import autoencoder
from sdplay.training.networks.muon import optimizers
from sdplay.training.networks.pace import Pace, autocast
from sdplay.training.networks.words import (
    LENGTH,
    WIDTH,
    text_encoder,
    tokenizer,
    vectors,
    vocabulary,
)
from sdplay.training.packs import Packs, encode
from sdplay.training.pictures.captions import caption
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.scenes import Scene
from sdplay.training.pictures.world import World

BATCH = 64
PACE = 1e-3
NORMAL = 1024
"""Pictures from which the spread of the latents is taken."""
EVERY = 300
"""Seconds between checkpoints."""
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "rescale_betas_zero_snr": False,
}


def build() -> UNet2DConditionModel:
    """About 11 million numbers; attention on the two coarser levels."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        layers_per_block=1,
        block_out_channels=(64, 128, 192),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def normalise(vae: AutoencoderKL, latents: torch.Tensor) -> None:
    """Fold each channel's mean and spread into the 1×1 convolutions, so that latents are unit
    normal as they come."""
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    with torch.no_grad():
        weight, bias = vae.quant_conv.weight, vae.quant_conv.bias
        weight[:8] /= spread[:, None, None, None]
        bias[:8] = (bias[:8] - mean) / spread
        bias[8:] -= 2 * spread.log()
        into = vae.post_quant_conv
        into.bias += into.weight[:, :, 0, 0] @ mean
        into.weight *= spread[None, :, None, None]
    vae.register_to_config(scaling_factor=1.0)


def prepare(world: World, out: Path, sentence_model: Path, concrete: Path, log: Log) -> None:
    """Freeze the encoder, fold the normalisation in, and look up the words."""
    words = vocabulary(sentence_model, concrete.read_text("utf-8").split())
    meaning = vectors(words, sentence_model)
    save({"words": words, "vectors": torch.from_numpy(meaning)}, out / "words.pt")
    log(f"{len(words)} words")
    vae = autoencoder.build().to(memory_format=torch.channels_last).eval()
    state = checkpoint(out / "autoencoder.pt")
    vae.load_state_dict(state["model"])
    drawn = islice(world.pictures_forever(seed=1), NORMAL)
    pixels = np.stack([as_array(picture) for _, picture, _ in drawn])
    normalise(
        vae, torch.cat([encode(vae, batch) for batch in np.array_split(pixels, NORMAL // 32)])
    )
    save({**state, "model": vae.state_dict()}, out / "autoencoder.pt")


def train(packs: Path, out: Path, minutes: float, log: Log, *, cool: bool = False) -> None:
    """Go on from the last checkpoint for that long; with `cool`, at the very end, ever slower."""
    state = Training(packs, out)
    pace = Pace(state.pace, minutes, cool)
    saved, began, first = time.monotonic(), time.monotonic(), state.seen
    losses = []
    while pace.spent < 1:
        losses.append(state.step(pace.now))
        if state.done % 50 == 0:
            speed = (state.seen - first) / (time.monotonic() - began)
            log(
                f"unet {state.seen} pictures, loss {np.mean(losses[-200:]):.4f}, pace "
                f"{pace.now:.2f}, {speed:.1f} a second, {len(state.packs)} packed, "
                f"{pace.spent * minutes:.1f} of {minutes:g} min"
            )
        if time.monotonic() - saved > EVERY:
            state.save()
            state.packs.refresh()
            saved = time.monotonic()
    state.save()


class Training:
    """The models, their moving averages and the pool, as far as they have come."""

    def __init__(self, packs: Path, out: Path, batch: int = BATCH) -> None:
        self.out, self.batch = out, batch
        lexicon = checkpoint(out / "words.pt")
        self.words, self.tokens = lexicon["words"], tokenizer(lexicon["words"])
        self.packs = Packs(packs)
        torch.manual_seed(int(time.time()))
        self.unet = build()
        self.text = text_encoder(self.words, lexicon["vectors"].numpy())
        self.learning = [
            p for model in (self.unet, self.text) for p in model.parameters() if p.requires_grad
        ]
        self.steppers = optimizers(torch.nn.ModuleList((self.unet, self.text)), PACE)
        self.averages = [copy.deepcopy(self.unet), copy.deepcopy(self.text)]
        self.done = self.seen = 0
        self.pace = 1.0
        """The share of the full learning rate at the last step."""
        state = load(out / "unet.pt")
        if state:
            self._resume(state)
        self.alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod
        self.dice = random.Random(time.time())

    def _resume(self, state: dict[str, Any]) -> None:
        models = (self.unet, self.text, *self.averages)
        for model, weights in zip(models, state["models"], strict=True):
            model.load_state_dict(weights)
        for stepper, memory in zip(self.steppers, state.get("steppers", ()), strict=False):
            stepper.load_state_dict(memory)
        self.done, self.seen = state["steps"], state["seen"]
        self.pace = state.get("pace", 1.0)

    def step(self, pace: float = 1.0) -> float:
        """One batch: noise, predict v, learn (at a share of the full pace), move the averages."""
        self.pace = pace
        drawn = self.packs.batch(self.batch, self.dice)
        clean = drawn.latents
        noise = torch.randn_like(clean)
        times = torch.randint(1000, (self.batch,))
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        with autocast():
            meaning = self.text(self._captions(drawn.scenes))[0]
            made = self.unet(noisy, times, meaning).sample
        snr = self.alphas[times] / (1 - self.alphas[times])
        weight = snr.clamp(max=5) / (snr + 1) * 2
        loss = (weight * (made.float() - target).pow(2).mean((1, 2, 3))).mean()
        for group in (group for stepper in self.steppers for group in stepper.param_groups):
            group["lr"] = PACE * pace * min(1, (self.done + 1) / 200)
        self.unet.zero_grad()
        self.text.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learning, 1.0)
        for stepper in self.steppers:
            stepper.step()
        self.done += 1
        self.seen += self.batch
        self._average()
        return float(loss.detach())

    def _captions(self, scenes: list[Scene]) -> torch.Tensor:
        captions = [
            "" if self.dice.random() < 0.1 else caption(scene, self.dice) for scene in scenes
        ]
        return self.tokens(
            captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - min(0.9995, (self.done + 1) / (self.done + 10))
        for model, average in zip((self.unet, self.text), self.averages, strict=True):
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), share)

    def save(self) -> None:
        """Write a checkpoint; the two before stay beside it."""
        models = [model.state_dict() for model in (self.unet, self.text, *self.averages)]
        steppers = [stepper.state_dict() for stepper in self.steppers]
        counts = {"steps": self.done, "seen": self.seen, "pace": self.pace}
        rotate(self.out / "unet.pt")
        save({"models": models, "steppers": steppers, **counts}, self.out / "unet.pt")
