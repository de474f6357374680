"""The U-Net, and with its text encoder the painter that learns; how a run's first words and latents
are prepared."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from sdplay.training.log import Log, checkpoint, save
from sdplay.training.networks import autoencoder, lean
from sdplay.training.networks.method import Method
from sdplay.training.networks.words import WIDTH, strayed, text_encoder, vectors, vocabulary
from sdplay.training.packs import encode
from sdplay.training.pictures.compose import as_array
from sdplay.training.pictures.world import World

NORMAL = 1024
"""Pictures from which the spread of the latents is taken."""


def build(layers: int = 1) -> UNet2DConditionModel:
    """About 11 million numbers, 16 with two layers a block; attention on the two coarser levels."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        layers_per_block=layers,
        block_out_channels=(64, 128, 192),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


class Painter(torch.nn.Module):
    """Text encoder and U-Net as one: from noised latents, times and tokens to v."""

    def __init__(
        self,
        words: list[str],
        vectors: np.ndarray | None = None,
        layers: int = 1,
        blur: float = 0.0,
    ) -> None:
        super().__init__()
        self.blur = blur
        self.text = text_encoder(words, vectors)
        self.unet = build(layers)
        self.to(memory_format=torch.channels_last)
        self.text.get_input_embeddings().register_forward_hook(self._strayed)

    @classmethod
    def of_run(cls, out: Path) -> "Painter":
        """As a run has left it: the narrower average of its weights."""
        lexicon, state = checkpoint(out / "words.pt"), checkpoint(out / "unet.pt")
        layers = Method(**state["method"]).layers
        painter = cls(lexicon["words"], lexicon["vectors"].numpy(), layers)
        painter.put(state["means"][0])
        painter.eval()
        return painter

    def forward(
        self, noisy: torch.Tensor, times: torch.Tensor, tokens: torch.Tensor
    ) -> torch.Tensor:
        return lean.answer(self.unet, noisy, times, self.text(tokens)[0])

    def _strayed(
        self, layer: torch.nn.Embedding, given: tuple[torch.Tensor, ...], vectors: torch.Tensor
    ) -> torch.Tensor:
        if not (self.training and self.blur):
            return vectors
        return strayed(vectors, given[0], layer.weight, self.blur)

    @torch.no_grad()
    def put(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take over all that training changes."""
        for name, weight in self.learnt().items():
            weight.copy_(weights[name])

    def learnt(self) -> dict[str, torch.nn.Parameter]:
        """All that training changes: everything but the words' vectors."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}


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


def prepare(
    world: World,
    out: Path,
    sentence_model: Path,
    concrete: Path,
    log: Log,
    pictures: int = NORMAL,
) -> None:
    """Look up the words, unless a warm start did, and fold the normalisation into the encoder,
    which from now on stays as it is."""
    if not (out / "words.pt").exists():
        words = vocabulary(sentence_model, concrete.read_text("utf-8").split())
        meaning = vectors(words, sentence_model)
        save({"words": words, "vectors": torch.from_numpy(meaning)}, out / "words.pt")
        log(f"{len(words)} words")
    vae = autoencoder.build().to(memory_format=torch.channels_last).eval()
    state = checkpoint(out / "autoencoder.pt")
    vae.load_state_dict(state["model"])
    drawn = islice(world.pictures_forever(seed=1), pictures)
    pixels = np.stack([as_array(picture) for _, picture, _ in drawn])
    parts = np.array_split(pixels, -(-pictures // 32))
    normalise(vae, torch.cat([encode(vae, part) for part in parts]))
    save({**state, "model": vae.state_dict()}, out / "autoencoder.pt")
