"""One picture from wish to pixels: the settings become a job of the tick loop, on the model that the wish names."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from sdplay.engine.loop import Engine, Job, Made, Moment
from sdplay.engine.noise import Array
from sdplay.engine.start import enlarged_latent, guide_pixels, mask_cells, start_pixels
from sdplay.engine.torch_lora import Worn
from sdplay.engine.torch_model import Guide
from sdplay.engine.torch_words import named_in
from sdplay.errors import BackendError, BadParams
from sdplay.params import Params
from sdplay.picture import Frame, jpeg_bytes
from sdplay.schedulers import SCHEDULERS, known
from sdplay.server.addons import loras_in, without_tags
from sdplay.server.shelf import Shelf

CONTROL_MODULES = ("none", "invert")
SCHEDULERS_HERE = tuple(entry.id for entry in SCHEDULERS.values() if entry.sampler != "flow_euler")


@dataclass(frozen=True)
class Wish:
    """One picture that somebody wants, and what they want to see of its making."""

    params: Params
    owner: str = ""
    urgent: bool = True
    """A person waits for just this one; cells of a sweep are not urgent."""
    previews: bool = True
    frames: bool = False
    partial: bool = False
    """Stopped in the middle, hand out what is there."""
    finish: Callable[[Image.Image], Image.Image] | None = None
    """What is done with the painted picture."""


@dataclass(frozen=True)
class Step:
    """How far a picture is."""

    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    preview: Callable[[], bytes] | None = None
    """Draws what it looks like now, as a small JPEG; there when previews are wanted."""


@dataclass(frozen=True)
class Painted:
    """A finished picture, and what was really done."""

    image: Image.Image
    params: Params
    """As asked, with the model that painted it."""
    model: str
    """Its title."""
    version: str
    """Its title and number format."""
    seconds: dict[str, float]
    """load, sampling and decode."""
    warnings: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    partial: bool = False


def paint(shelf: Shelf, wish: Wish, stopped: Callable[[], bool]) -> Iterator[Step | Painted]:
    """Yield steps, then the picture.  Closing the iterator cancels the job; its neighbours never notice."""
    began = time.perf_counter()
    model = shelf.named(wish.params.model)
    with shelf.engine(model.name, stopped) as engine:
        waited, began = time.perf_counter() - began, time.perf_counter()
        step, clean, made = Step(), None, None
        job, done, later = job_of(wish, engine.model, shelf), 0, _later_steps(wish.params)
        while True:
            for event in _run(engine, job):
                if isinstance(event, Moment):
                    clean = event.clean if event.clean is not None else clean
                    step = _step(event, engine.model, step, began)
                    yield replace(step, step=done + step.step, steps=done + step.steps + later)
                    if wish.partial and stopped():
                        later, made = 0, None
                        break
                elif isinstance(event, Made):
                    made = event
            if made is None or not later:
                break
            job, done, later = enlarged(job, made, wish.params, shelf), step.steps, 0
            made = None
        seconds = {"load": waited, "sampling": made.sampling if made else 0.0, "decode": made.decode if made else 0.0}
        pixels = made.pixels if made else None if clean is None else engine.decode(clean)
        if pixels is not None:
            image = Image.fromarray(pixels)
            image = wish.finish(image) if wish.finish else image
            yield Painted(image, wish.params, model.title, shelf.version(model), seconds,
                          _warnings(wish.params, job, engine.model), _frames(made), partial=made is None)  # fmt: skip


def hires_upscalers(shelf: Shelf) -> tuple[str, ...]:
    """How hires fix may enlarge: inside the latent, or the picture itself."""
    return ("Latent", *shelf.upscalers.names)


def check(params: Params, shelf: Shelf) -> None:
    """A sentence for what this process cannot do, before it waits for its turn."""
    if known(params.scheduler).id not in SCHEDULERS_HERE:
        raise BadParams("Flow Euler does not fit Stable Diffusion. Choose Euler.")
    if params.mask and not params.init:
        raise BadParams("A mask needs a start image. Give one, or leave the mask out.")
    if params.hires_scale > 1 and params.init:
        raise BadParams("Hires fix works on pictures made from words alone. Leave it or the start image out.")
    if params.hires_scale > 1 and params.hires_upscaler not in hires_upscalers(shelf):
        raise BadParams(f"There is no hires upscaler called {params.hires_upscaler!r}. "
                        f"There are: {', '.join(hires_upscalers(shelf))}.")  # fmt: skip
    for label, given in (("refiner", params.refiner), ("styles", params.styles)):
        if given:
            raise BadParams(f"This process has no {label}: leave it out.")
    if loras_in(params.negative):
        raise BadParams("A LoRA acts on the whole picture: name it in the prompt, not in the negative prompt.")
    for unit in params.control:
        if unit.module not in CONTROL_MODULES:
            raise BadParams(f"There is no ControlNet module called {unit.module!r}. "
                            f"There are: {', '.join(CONTROL_MODULES)}.")  # fmt: skip
        if unit.mode != "Balanced":
            raise BadParams(f"The ControlNet mode {unit.mode!r} is not offered here, only Balanced.")


def job_of(wish: Wish, model: Any, shelf: Shelf) -> Job:
    """The settings in the engine's words."""
    params, entry = wish.params, known(wish.params.scheduler)
    if params.width % model.factor or params.height % model.factor:
        raise BadParams(f"Width and height must be multiples of {model.factor} for this model, not {params.width} and "
                        f"{params.height}.")  # fmt: skip
    start = start_pixels(params) if params.init else None
    mask = mask_cells(params, model.factor) if params.init and params.mask else None
    guides = _guides(params, (params.width, params.height), shelf)
    loras = tuple(Worn(model.lora(shelf.lora(each.name)), each.weight, each.text_weight)
                  for each in loras_in(params.prompt))  # fmt: skip
    files = shelf.embeddings
    embeddings = tuple((name, model.embedding(files[name]))
                       for name in named_in(f"{params.prompt}\n{params.negative}", files))  # fmt: skip
    return Job(without_tags(params.prompt), entry.sampler, params.steps, params.negative, entry.sigmas, params.cfg,
               params.seed, params.width, params.height, params.eta, strength=params.strength if params.init else 1.0,
               start=start, mask=mask, guides=guides, loras=loras, embeddings=embeddings,
               variation_seed=params.variation_seed, variation_strength=params.variation_strength,
               clip_skip=params.clip_skip, owner=wish.owner, urgent=wish.urgent, frames=wish.frames,
               previews=wish.previews)  # fmt: skip


def enlarged(job: Job, made: Made, params: Params, shelf: Shelf) -> Job:
    """Hires fix: the small picture enlarged, then painted over from a middle noise level."""
    assert made.latent is not None
    factor = job.width // made.latent.shape[3]
    width, height = (round(side * params.hires_scale / factor) * factor for side in (job.width, job.height))
    start = latent = None
    if params.hires_upscaler == "Latent":
        latent = enlarged_latent(made.latent, (width // factor, height // factor))
    else:
        picture = shelf.upscalers.enlarged(Image.fromarray(made.pixels), (width, height), params.hires_upscaler)
        start = np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1
    return replace(job, width=width, height=height, start=start, latent=latent, strength=params.hires_strength,
                   steps=params.hires_steps or params.steps, guides=_guides(params, (width, height), shelf),
                   variation_strength=0.0)  # fmt: skip


def _guides(params: Params, size: tuple[int, int], shelf: Shelf) -> tuple[Guide, ...]:
    return tuple(
        Guide(shelf.net(unit.model), guide_pixels(unit.image, size, unit.module == "invert"), unit.weight, unit.start,
              unit.end) for unit in params.control
    )  # fmt: skip


def _later_steps(params: Params) -> int:
    return int((params.hires_steps or params.steps) * params.hires_strength) if params.hires_scale > 1 else 0


def as_image(pixels: Array) -> Image.Image:
    """Values of -1 to 1 [1, 3, h, w] as a picture."""
    bright = (np.clip(pixels[0] * 0.5 + 0.5, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(bright.transpose(1, 2, 0))


def preview_of(model: Any, latent: Array) -> bytes:
    """What a latent looks like, as a small JPEG."""
    shown = as_image(model.preview(latent))
    if max(shown.size) < 128:
        shown = shown.resize((shown.width * 8, shown.height * 8), Image.Resampling.BICUBIC)
    return jpeg_bytes(shown)


def _step(moment: Moment, model: Any, before: Step, began: float) -> Step:
    left = (time.perf_counter() - began) / moment.step * (moment.steps - moment.step)
    preview = before.preview if moment.clean is None else partial(preview_of, model, moment.clean)
    return Step(moment.step, moment.steps, left, preview)


def _run(engine: Engine, job: Job) -> Iterator[Any]:
    try:
        yield from engine.run(job)
    except RuntimeError as error:
        advice = "Choose a smaller size." if "memory" in str(error).lower() else "Its log has the details."
        raise BackendError(f"{str(error)[:300].rstrip('.')}. {advice}") from error


def _warnings(params: Params, job: Job, model: Any) -> tuple[str, ...]:
    told = [f"The embedding {name} was made for another kind of model: its name was read as words."
            for name, each in job.embeddings if not each.fits]  # fmt: skip
    for name, text in (("The prompt", job.prompt), ("The negative prompt", job.negative)):
        if cut := model.cut_off(text, job.embeddings):
            told.append(f"{name} is longer than this model reads; left out: {cut[:200]}.")
    if params.negative and params.cfg == 1:
        told.append("The negative prompt has no effect at CFG 1: nothing is pushed away from.")
    if params.init and int(params.steps * params.strength) == 0:
        told.append("Strength times steps is below one step, so the start image came back as it was.")
    return tuple(told)


def _frames(made: Made | None) -> tuple[Frame, ...]:
    return tuple(
        Frame(moment.step, moment.sigma, moment.seconds, *(jpeg_bytes(Image.fromarray(each)) for each in pair))
        for moment, *pair in (made.frames if made else ())
    )
