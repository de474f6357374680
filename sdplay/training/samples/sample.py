"""Pictures from a training run, painted by diffusers' own pipeline, and sheets of them to look
at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image, ImageDraw
from transformers import CLIPTextModel

from sdplay.training.log import checkpoint
from sdplay.training.networks import autoencoder
from sdplay.training.networks.averages import of_width
from sdplay.training.networks.method import CFG, SCHEDULE
from sdplay.training.networks.unet import Painter
from sdplay.training.networks.words import tokenizer

STEPS = 25
BATCH = 32
LABEL = 14


def parts(
    out: Path, width: float | None = None
) -> tuple[UNet2DConditionModel, AutoencoderKL, CLIPTextModel, list[str]]:
    """U-Net and text encoder of a run, averaged (over that width where one is given), with its
    autoencoder and words."""
    painter, vae = Painter.of_run(out), autoencoder.build()
    if width:
        painter.put(of_width(out / "averages", width))
    painter.to(memory_format=torch.contiguous_format)
    vae.load_state_dict(checkpoint(out / "autoencoder.pt")["model"])
    vae.register_to_config(scaling_factor=1.0)
    return painter.unet, vae.eval(), painter.text, checkpoint(out / "words.pt")["words"]


def pipeline(out: Path, width: float | None = None) -> StableDiffusionPipeline:
    """The run so far as a pipeline."""
    painter, vae, reader, words = parts(out, width)
    return quiet(
        StableDiffusionPipeline(
            vae=vae,
            text_encoder=reader,
            unet=painter,
            tokenizer=tokenizer(words),
            scheduler=DDIMScheduler(**SCHEDULE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    )


def shipped(folder: Path) -> StableDiffusionPipeline:
    """The pipeline of a shipped model."""
    pipe = StableDiffusionPipeline.from_pretrained(
        folder, local_files_only=True, torch_dtype=torch.float32
    )
    return quiet(pipe)


def quiet(pipe: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """Without its progress bars."""
    pipe.set_progress_bar_config(disable=True)
    return pipe


def paint(
    pipe: StableDiffusionPipeline,
    prompts: Sequence[str],
    seeds: Sequence[int],
    negative_prompt: str | Sequence[str] = "",
    **more: Any,
) -> list[Image.Image]:
    """One picture for each prompt and seed; against one negative prompt, or each its own."""
    pictures: list[Image.Image] = []
    settings = {"num_inference_steps": STEPS, "guidance_scale": CFG, **more}
    one = isinstance(negative_prompt, str)
    against = [negative_prompt] * len(prompts) if one else list(negative_prompt)
    for at in range(0, len(prompts), BATCH):
        part = slice(at, at + BATCH)
        dice = [torch.Generator().manual_seed(seed) for seed in seeds[part]]
        settings |= {"negative_prompt": against[part], "generator": dice}
        pictures += pipe(list(prompts[part]), **settings).images
    return pictures


def sheet(pictures: Sequence[Image.Image], columns: int, labels: Sequence[str] = ()) -> Image.Image:
    """Pictures in rows, each with its label below."""
    side, foot = pictures[0].width, LABEL if labels else 0
    rows = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * side, rows * (side + foot)), "white")
    pen = ImageDraw.Draw(whole)
    for at, picture in enumerate(pictures):
        left, top = at % columns * side, at // columns * (side + foot)
        whole.paste(picture, (left, top))
        if labels:
            pen.text((left + 3, top + side + 1), labels[at][: side // 6], fill="black")
    return whole
