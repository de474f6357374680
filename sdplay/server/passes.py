"""The passes of one picture as jobs of the tick loop: the first one, hires fix's and the
refiner's."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from sdplay import work
from sdplay.engine.emphasis import edited
from sdplay.engine.loop import LoopJob, Made, planned
from sdplay.engine.start import enlarged_latent, guide_pixels, mask_cells, start_pixels
from sdplay.engine.torch.lora import Worn
from sdplay.engine.torch.model import Guide
from sdplay.engine.torch.words import named_in
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.schedulers import known
from sdplay.server.extras.addons import loras_in, without_tags
from sdplay.server.models import Models
from sdplay.server.request import PictureRequest


def job_of(request: PictureRequest, model: Any, models: Models) -> LoopJob:
    """The engine's job for these settings."""
    params, entry = request.params, known(request.params.scheduler)
    if params.width % model.factor or params.height % model.factor:
        raise BadParams(
            f"Width and height must be multiples of {model.factor} for this model, not "
            f"{params.width} and "
            f"{params.height}."
        )
    start = start_pixels(params) if params.init else None
    mask = mask_cells(params, model.factor) if params.init and params.mask else None
    guides = _guides(params, (params.width, params.height), models)
    return LoopJob(
        without_tags(params.prompt),
        entry.sampler,
        params.steps,
        params.negative,
        entry.sigmas,
        params.cfg,
        params.seed,
        params.width,
        params.height,
        params.eta,
        strength=params.strength if params.init else 1.0,
        start=start,
        mask=mask,
        guides=guides,
        variation_seed=params.variation_seed,
        variation_strength=params.variation_strength,
        clip_skip=params.clip_skip or 1,
        owner=request.owner,
        urgent=request.urgent,
        frames=request.frames,
        previews=request.previews,
        **_named_files(params, model, models),
    )


def enlarged(job: LoopJob, small: Made, params: Params, models: Models) -> LoopJob:
    """Hires fix: the small picture enlarged, then painted over from a middle noise level."""
    assert small.latent is not None
    factor = job.width // small.latent.shape[3]
    width, height = (
        round(side * params.hires_scale / factor) * factor for side in (job.width, job.height)
    )
    start = latent = None
    if params.hires_upscaler == "Latent":
        latent = enlarged_latent(small.latent, (width // factor, height // factor))
    else:
        picture = models.upscalers.enlarged(
            Image.fromarray(small.pixels), (width, height), params.hires_upscaler
        )
        start = np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1
    return replace(
        job,
        width=width,
        height=height,
        start=start,
        latent=latent,
        strength=params.hires_strength,
        steps=work.hires_steps(params),
        guides=_guides(params, (width, height), models),
        variation_strength=0.0,
    )


def handed_over(
    job: LoopJob, params: Params, base: Any, refiner: Any, models: Models
) -> tuple[LoopJob, tuple[str, ...]]:
    """The same job for the model that finishes the picture, and sentences about what that model
    leaves out."""
    if base.latents != refiner.latents:
        raise BadParams(
            f"The refiner {params.refiner} cannot go on with this model's pictures: it is made "
            "for another "
            "kind of latent. Choose a refiner of the same family."
        )
    job = replace(
        job,
        snapshot_at=None,
        **_named_files(params, refiner, models, loras=base.build == refiner.build),
    )
    if base.build == refiner.build or not (job.guides or loras_in(params.prompt)):
        return job, ()
    sentence = (
        "The refiner is another kind of model: LoRAs and ControlNets acted until it took over."
    )
    return replace(job, guides=()), (sentence,)


def until_refined(job: LoopJob, params: Params, model: Any) -> LoopJob:
    """The job cut off where the refiner takes over: at the first step that begins at or after its
    share."""
    if not params.refiner:
        return job
    steps = len(planned(job, model.levels).steps)
    at = max(1, math.ceil(steps * params.refiner_at - 1e-6))
    return replace(job, snapshot_at=at) if at < steps else job


def later_steps(params: Params) -> int:
    """How many model calls hires fix adds after the first pass."""
    return sum(later.calls for later in list(work.passes(params))[1:])


def warnings_of(params: Params, job: LoopJob, model: Any) -> tuple[str, ...]:
    """What this model does otherwise than asked, in sentences."""
    sentences = [
        f"The embedding {name} was made for another kind of model: its name was read as words."
        for name, embedding in job.embeddings
        if not embedding.fits
    ]
    for name, text in (("The prompt", job.prompt), ("The negative prompt", job.negative)):
        if cut := model.cut_off(text, job.embeddings):
            sentences.append(f"{name} is longer than this model reads; left out: {cut[:200]}.")
        if edited(text):
            sentences.append(
                f"{name} was read as words: [from:to:when], [one|other], AND and BREAK are not "
                "known here."
            )
    if params.negative and params.cfg == 1:
        sentences.append("Negative prompt has no effect at CFG 1.")
    if params.init and int(params.steps * params.strength) == 0:
        sentences.append(
            "Strength times steps is below one step, so the start image came back as it was."
        )
    if params.refiner and until_refined(job, params, model).snapshot_at is None:
        sentences.append("No steps were left for the refiner. Let it take over earlier.")
    return (*sentences, *_tiled(params, model))


def _tiled(params: Params, model: Any) -> Iterator[str]:
    """A sentence when the picture, in its largest size, is put together from tiles."""
    width, height = (round(side * params.hires_scale) for side in (params.width, params.height))
    count, side = model.tiles(width, height), model.tile
    if count > 1:
        yield (
            f"This process denoises large pictures in tiles: here {count} of up to {side} × {side} "
            "pixels that overlap, and each was told the whole prompt."
        )


def _named_files(params: Params, model: Any, models: Models, loras: bool = True) -> dict[str, Any]:
    """The LoRAs and embeddings that the prompts name, as this model takes them."""
    files, both = models.embeddings, f"{params.prompt}\n{params.negative}"
    worn = (
        Worn(model.lora(models.lora(lora.name)), lora.weight, lora.text_weight)
        for lora in loras_in(params.prompt)
    )
    return {
        "loras": tuple(worn) if loras else (),
        "embeddings": tuple((name, model.embedding(files[name])) for name in named_in(both, files)),
    }


def _guides(params: Params, size: tuple[int, int], models: Models) -> tuple[Guide, ...]:
    return tuple(
        Guide(
            models.net(unit.model),
            guide_pixels(
                unit.image, size, partial(models.preprocessors.preprocessed, name=unit.module)
            ),
            unit.weight,
            unit.start,
            unit.end,
        )
        for unit in params.control
    )
