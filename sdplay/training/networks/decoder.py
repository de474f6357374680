"""The decoder learns on alone, from latents as the painter leaves them.

A painter comes near the latents of a picture; a decoder that met only exact ones shows what is
missing as mottled colours and ragged edges.
"""

import random

import numpy as np
import torch
import torch.nn.functional as F

from sdplay.training.log import Log, checkpoint
from sdplay.training.networks.autoencoder import Stint, go_on, wrong
from sdplay.training.networks.method import ALPHAS, CFG, Exercise
from sdplay.training.networks.pace import autocast
from sdplay.training.networks.unet import Painter
from sdplay.training.networks.words import numbered, tokenizer
from sdplay.training.pictures.captions import caption
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.world import World

BATCH = 8
PAINTED = 5
"""How many of a batch the painter goes over; of the others the latents are exact."""
PACE = 7e-4
STEPS = 5
FROM = (50, 600)
"""Between which times the painter begins: it may move edges, not things."""


def train(world: World, stint: Stint, log: Log) -> None:
    """Train the decoder alone, on whole pictures."""
    model, painter = stint.model(), Painter.of_run(stint.out)
    for fixed in (model.encoder, model.quant_conv, painter):
        fixed.requires_grad_(False)
    tokens = tokenizer(checkpoint(stint.out / "words.pt")["words"])

    def lesson(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        dice = random.Random(step)
        scenes = [world.scene(dice) for _ in range(BATCH)]
        drawn = np.stack([as_array(world.draw(scene, dice).picture) for scene in scenes])
        pixels = torch.from_numpy(drawn).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), autocast():
            latents = model.encode(pixels).latent_dist.sample().float()
        said = [caption(scene, dice) for scene in scenes[:PAINTED]]
        asked = numbered(tokens, [*said, *[""] * PAINTED])
        latents[:PAINTED] = gone_over(painter, latents[:PAINTED], asked, dice.randint(*FROM))
        with autocast():
            painted = model.decode(latents).sample.float()
        return wrong(painted, pixels), F.mse_loss(painted.clamp(-1, 1), pixels)

    go_on(stint, model, lesson, log, PACE)


@torch.no_grad()
def gone_over(
    painter: Painter, latents: torch.Tensor, tokens: torch.Tensor, start: int
) -> torch.Tensor:
    """Latents noised up to a time and painted to the end again (DDIM); the tokens are those of what
    each shows, then as often those of nothing, for guidance."""
    clean, noise = latents, torch.randn_like(latents)
    for time in torch.linspace(start, 0, STEPS + 1)[:-1].long().tolist():
        now = torch.tensor([time] * len(latents))
        noisy = Exercise.of(clean, noise, now).noisy
        with autocast():
            answers = painter(noisy.repeat(2, 1, 1, 1), now.repeat(2), tokens).float()
        towards, anyway = answers.chunk(2)
        moved = anyway + CFG * (towards - anyway)
        signal, rest = ALPHAS[time].sqrt(), (1 - ALPHAS[time]).sqrt()
        clean, noise = signal * noisy - rest * moved, signal * moved + rest * noisy
    return clean
