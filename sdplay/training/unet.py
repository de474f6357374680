"""The U-Net and the text encoder, trained together on a pool of encoded pictures (v-prediction,
min-SNR, EMA)."""

import copy
import pickle
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

from sdplay.training import autoencoder
from sdplay.training.data import Icons, Scene, as_array, caption
from sdplay.training.log import Log, checkpoint, load, save
from sdplay.training.muon import optimizers
from sdplay.training.pace import Pace, autocast
from sdplay.training.words import LENGTH, WIDTH, text_encoder, tokenizer

BATCH = 64
PACE = 1e-3
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


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: np.ndarray) -> torch.Tensor:
    """The mean latent of a batch of pictures."""
    with autocast():
        given = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
        return vae.encode(given).latent_dist.mean.float()


def add_pictures(
    pool: dict[str, Any], icons: Icons, vae: AutoencoderKL, count: int, keep: int
) -> None:
    """Encode `count` fresh pictures into the pool; the oldest leave when there are more than
    `keep`."""
    made = icons.pictures_forever(seed=pool["drawn"], pairs=0.2)
    latents = [pool["latents"]]
    for _ in range(count // 32):
        batch = [next(made) for _ in range(32)]
        pool["scenes"] += [scene for scene, _, _ in batch]
        latents.append(encode(vae, np.stack([as_array(picture) for _, picture, _ in batch])).half())
    pool["latents"] = torch.cat(latents)[-keep:]
    pool["scenes"] = pool["scenes"][-keep:]
    pool["drawn"] += 1


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


def prepare(icons: Icons, out: Path, sentence_model: Path, pictures: int, log: Log) -> None:
    """Freeze the encoder, fold the normalisation in, fill the pool, and look up the words."""
    from sdplay.training.words import vectors, vocabulary

    words = vocabulary(sentence_model)
    save(
        {"words": words, "vectors": torch.from_numpy(vectors(words, sentence_model))},
        out / "words.pt",
    )
    log(f"{len(words)} words")
    vae = autoencoder.build().to(memory_format=torch.channels_last).eval()
    kept = checkpoint(out / "autoencoder.pt")
    vae.load_state_dict(kept["model"])
    pool: dict[str, Any] = {
        "latents": torch.empty(0, 8, 16, 16, dtype=torch.float16),
        "scenes": [],
        "drawn": 1,
    }
    add_pictures(pool, icons, vae, 1024, 1024)
    normalise(vae, pool["latents"].float())
    save({**kept, "model": vae.state_dict()}, out / "autoencoder.pt")
    pool["latents"], pool["scenes"] = pool["latents"][:0], []
    add_pictures(pool, icons, vae, pictures, pictures)
    log(
        f"pool of {len(pool['scenes'])}, mean {pool['latents'].float().mean():.3f}, "
        f"spread {pool['latents'].float().std():.3f}"
    )
    _keep_pool(pool, out)


def train(icons: Icons, out: Path, minutes: float, log: Log, *, cool: bool = False) -> None:
    """Go on from the last checkpoint for that long; with `cool`, at the very end, ever slower."""
    state = Training(icons, out)
    pace = Pace(state.pace, minutes, cool)
    saved = refreshed = time.monotonic()
    losses = []
    while pace.spent < 1:
        losses.append(state.step(pace.now))
        if state.done % 100 == 0:
            log(
                f"unet {state.seen} pictures, loss {np.mean(losses[-100:]):.4f}, "
                f"pace {pace.now:.2f}, {pace.spent * minutes:.1f} of {minutes:g} min"
            )
        if time.monotonic() - saved > 180:
            state.save()
            saved = time.monotonic()
        if time.monotonic() - refreshed > 480:
            add_pictures(state.pool, icons, state.vae, 1024, 24_000)
            refreshed = time.monotonic()
    state.save()
    _keep_pool(state.pool, out)


class Training:
    """The models, their moving averages and the pool, as far as they have come."""

    def __init__(self, icons: Icons, out: Path) -> None:
        self.out = out
        kept_words = checkpoint(out / "words.pt")
        self.words, self.tokens = kept_words["words"], tokenizer(kept_words["words"])
        self.vae = autoencoder.build().to(memory_format=torch.channels_last).eval()
        self.vae.load_state_dict(checkpoint(out / "autoencoder.pt")["model"])
        self.pool = pickle.loads((out / "pool.pickle").read_bytes())
        torch.manual_seed(int(time.time()))
        self.unet = build()
        self.text = text_encoder(self.words, kept_words["vectors"].numpy())
        self.learning = [
            p for model in (self.unet, self.text) for p in model.parameters() if p.requires_grad
        ]
        self.steppers = optimizers(torch.nn.ModuleList((self.unet, self.text)), PACE)
        self.averages = [copy.deepcopy(self.unet), copy.deepcopy(self.text)]
        self.done = self.seen = 0
        self.pace = 1.0
        """The share of the full learning rate at the last step."""
        kept = load(out / "unet.pt")
        if kept:
            for model, weights in zip(
                (self.unet, self.text, *self.averages), kept["models"], strict=True
            ):
                model.load_state_dict(weights)
            for stepper, memory in zip(self.steppers, kept["steppers"], strict=True):
                stepper.load_state_dict(memory)
            self.done, self.seen = kept["steps"], kept["seen"]
            self.pace = kept.get("pace", 1.0)
        self.alphas = DDIMScheduler(**SCHEDULE).alphas_cumprod
        self.dice = random.Random(time.time())

    def step(self, pace: float = 1.0) -> float:
        """One batch: noise, predict v, learn (at a share of the full pace), move the averages."""
        self.pace = pace
        at = torch.randint(len(self.pool["scenes"]), (BATCH,))
        clean = self.pool["latents"][at].float()
        noise = torch.randn_like(clean)
        times = torch.randint(1000, (BATCH,))
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        with autocast():
            meaning = self.text(self._captions([self.pool["scenes"][i] for i in at]))[0]
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
        self.seen += BATCH
        self._average()
        return float(loss)

    def _captions(self, scenes: list[Scene]) -> torch.Tensor:
        said = ["" if self.dice.random() < 0.1 else caption(scene, self.dice) for scene in scenes]
        return self.tokens(
            said, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
        ).input_ids

    @torch.no_grad()
    def _average(self) -> None:
        share = 1 - min(0.9995, (self.done + 1) / (self.done + 10))
        for model, average in zip((self.unet, self.text), self.averages, strict=True):
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), share)

    def save(self) -> None:
        models = [model.state_dict() for model in (self.unet, self.text, *self.averages)]
        steppers = [stepper.state_dict() for stepper in self.steppers]
        counts = {"steps": self.done, "seen": self.seen, "pace": self.pace}
        save({"models": models, "steppers": steppers, **counts}, self.out / "unet.pt")


def _keep_pool(pool: dict[str, Any], out: Path) -> None:
    beside = out / "pool.new"
    beside.write_bytes(pickle.dumps(pool))
    beside.replace(out / "pool.pickle")
