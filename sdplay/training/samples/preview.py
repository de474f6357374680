"""The linear map from a latent to colours: what a picture roughly looks like, undecoded."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image

from sdplay.training.pictures.compose import as_array

PICTURES = 320
BATCH = 16


@torch.no_grad()
def colours(vae: AutoencoderKL, pictures: Iterable[Image.Image]) -> list[list[float]]:
    """Red, green and blue (-1 to 1) for each latent channel, and last for the ground: least squares
    between encoded pictures and the mean colours of their cells."""
    latents, means = [], []
    for batch in _batches(pictures):
        latents.append(_cells(vae.encode(batch).latent_dist.mean * vae.config.scaling_factor))
        means.append(_cells(F.avg_pool2d(batch, 8)))
    given = torch.cat(latents)
    with_ground = torch.cat([given, torch.ones(len(given), 1)], 1)
    fitted = torch.linalg.lstsq(with_ground, torch.cat(means)).solution
    return [[round(float(value), 4) for value in row] for row in fitted]


def _batches(pictures: Iterable[Image.Image]) -> list[torch.Tensor]:
    pixels = torch.from_numpy(np.stack([as_array(picture) for picture in pictures]))
    return list(pixels.split(BATCH))


def _cells(values: torch.Tensor) -> torch.Tensor:
    """One row for each cell of each picture."""
    return values.movedim(1, -1).flatten(0, -2)
