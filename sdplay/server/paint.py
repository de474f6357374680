"""One picture from wish to pixels: the settings become a job of the tick loop, on the model that the wish names."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from sdplay.engine.emphasis import STRONGEST, edited, too_strong
from sdplay.engine.loop import Engine, Event, Job, Made, Moment, Snapshot, planned
from sdplay.engine.noise import Array
from sdplay.engine.start import enlarged_latent, guide_pixels, mask_cells, start_pixels
from sdplay.engine.torch_lora import Worn
from sdplay.engine.torch_model import Guide
from sdplay.engine.torch_stock import Stock
from sdplay.engine.torch_words import named_in
from sdplay.errors import BackendError, BadParams
from sdplay.params import Params
from sdplay.picture import Frame, jpeg_bytes
from sdplay.schedulers import SCHEDULERS, known
from sdplay.server.addons import loras_in, without_tags
from sdplay.server.plain import plain_job
from sdplay.server.shelf import Shelf

CONTROL_MODULES = ("none", "invert")
BLACKENED = "The safety checker found the picture unsuitable and made it black. Try another seed or prompt."
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
    params, work = wish.params, _Work(shelf, wish, stopped)
    with work.engine(params.model) as engine:
        if isinstance(engine, Stock):
            yield from work.plainly(engine)
            return
        base, job = engine.model, job_of(work.wish, engine.model, shelf)
        told = _warnings(params, job, base)
        work.later = _later_steps(params)
        end = yield from work.run(engine, job if work.later else _until_refined(job, params, base))
        if isinstance(end, Made) and work.later:
            work.done, work.later = work.step.steps, 0
            job = enlarged(job, end, params, shelf)
            end = yield from work.run(engine, _until_refined(job, params, base))
        if not isinstance(end, Snapshot):
            yield from work.finished(engine, end, told)
            return
    with work.engine(params.refiner) as engine:
        if isinstance(engine, Stock):
            raise BadParams(
                f"{params.refiner} is no refiner: {engine.family} cannot go on with other models' pictures."
            )
        job, more = handed_over(job, params, base, engine.model, shelf)
        yield from work.finished(engine, (yield from work.run(engine, job, end)), (*told, *more))


class _Work:
    """One wish on its way through its passes: how far it is, what it looks like, where the time went."""

    def __init__(self, shelf: Shelf, wish: Wish, stopped: Callable[[], bool]) -> None:
        if shelf.checker:
            # What nobody has checked is not shown.
            wish = replace(wish, previews=False, frames=False)
        self.shelf, self.wish, self.stopped = shelf, wish, stopped
        self.params = wish.params
        """As they are applied."""
        self.step, self.done, self.later = Step(), 0, 0
        """Of this pass, and steps of the passes before and after it."""
        self.clean: Array | None = None
        self.loading = self.began = 0.0

    @contextmanager
    def engine(self, model: str) -> Iterator[Engine | Stock]:
        """The engine with that model; waiting for it counts as loading."""
        asked = time.perf_counter()
        with self.shelf.engine(model, self.stopped) as engine:
            self.began = time.perf_counter()
            self.loading += self.began - asked
            yield engine

    def plainly(self, stock: Stock) -> Iterator[Step | Painted]:
        """The whole picture in a pipeline of another family."""
        job, self.params, told = plain_job(self.params, stock, urgent=self.wish.urgent)
        end = yield from self.run(stock, job)
        if isinstance(end, Made) and end.pixels.shape[:2] != (job.height, job.width):
            told = (*told, f"{stock.family} takes only some sizes: it made the nearest one that it does.")
        yield from self.finished(stock, end, told)

    def run(self, engine: Engine | Stock, job: Job, start: Snapshot | None = None) -> Generator[Step, None, "End"]:
        """One pass.  None at its end: it was stopped, and what is there is wanted."""
        for event in self._events(engine, job, start):
            if not isinstance(event, Moment):
                return event
            self.clean = self.clean if event.clean is None else event.clean
            model = engine.model if isinstance(engine, Engine) else None
            self.step = _step(event, model, self.step, self.began)
            yield replace(self.step, step=self.done + self.step.step, steps=self.done + self.step.steps + self.later)
            if self.wish.partial and self.stopped():
                return None
        return None

    def _events(self, engine: Engine | Stock, job: Job, start: Snapshot | None) -> Iterator[Event]:
        try:
            yield from engine.run(job, self.stopped) if isinstance(engine, Stock) else engine.run(job, start)
        except RuntimeError as error:
            advice = "Choose a smaller size." if "memory" in str(error).lower() else "Its log has the details."
            raise BackendError(f"{str(error)[:300].rstrip('.')}. {advice}") from error

    def finished(self, engine: Engine | Stock, end: "End", told: Sequence[str]) -> Iterator[Painted]:
        """The picture, or what there is of it."""
        made = end if isinstance(end, Made) else None
        if made:
            pixels = made.pixels
        elif isinstance(engine, Engine) and self.clean is not None:
            pixels = engine.decode(self.clean)
        else:
            return
        image, model = Image.fromarray(pixels), self.shelf.named(self.wish.params.model)
        image = self.wish.finish(image) if self.wish.finish else image
        if self.shelf.checker and not self.shelf.checker.passed(image):
            image, told = Image.new("RGB", image.size), (*told, BLACKENED)
        seconds = {"load": self.loading, "sampling": made.sampling if made else 0.0,
                   "decode": made.decode if made else 0.0}  # fmt: skip
        yield Painted(image, self.params, model.title, self.shelf.version(model), seconds, tuple(told),
                      _frames(made), partial=made is None)  # fmt: skip


End = Made | Snapshot | None


def hires_upscalers(shelf: Shelf) -> tuple[str, ...]:
    """How hires fix may enlarge: inside the latent, or the picture itself."""
    return ("Latent", *shelf.upscalers.names)


def check(params: Params, shelf: Shelf) -> None:
    """A sentence for what this process cannot do, before it waits for its turn."""
    stock = shelf.named(params.model).stock
    if known(params.scheduler).id not in SCHEDULERS_HERE and not stock:
        raise BadParams("Flow Euler does not fit Stable Diffusion. Choose Euler.")
    if not stock and any(map(too_strong, (params.prompt, params.negative))):
        raise BadParams(f"Emphasis goes up to {STRONGEST:g}. Write it like this: (word:1.3)")
    if params.mask and not params.init:
        raise BadParams("A mask needs a start image. Give one, or leave the mask out.")
    if params.hires_scale > 1 and params.init:
        raise BadParams("Hires fix works on pictures made from words alone. Leave it or the start image out.")
    if params.hires_scale > 1 and params.hires_upscaler not in hires_upscalers(shelf):
        raise BadParams(f"There is no hires upscaler called {params.hires_upscaler!r}. "
                        f"There are: {', '.join(hires_upscalers(shelf))}.")  # fmt: skip
    if params.styles:
        raise BadParams("This process has no styles: leave them out.")
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
    return Job(without_tags(params.prompt), entry.sampler, params.steps, params.negative, entry.sigmas, params.cfg,
               params.seed, params.width, params.height, params.eta, strength=params.strength if params.init else 1.0,
               start=start, mask=mask, guides=guides, variation_seed=params.variation_seed,
               variation_strength=params.variation_strength, clip_skip=params.clip_skip, owner=wish.owner,
               urgent=wish.urgent, frames=wish.frames, previews=wish.previews,
               **_named_files(params, model, shelf))  # fmt: skip


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


def handed_over(job: Job, params: Params, base: Any, refiner: Any, shelf: Shelf) -> tuple[Job, tuple[str, ...]]:
    """The same job for the model that finishes the picture, and what it has to leave out."""
    if base.latents != refiner.latents:
        raise BadParams(f"The refiner {params.refiner} cannot go on with this model's pictures: it is made for another "
                        "kind of latent. Choose a refiner of the same family.")  # fmt: skip
    job = replace(job, snapshot_at=None, **_named_files(params, refiner, shelf, loras=base.build == refiner.build))
    if base.build == refiner.build or not (job.guides or loras_in(params.prompt)):
        return job, ()
    told = "The refiner is another kind of model: LoRAs and ControlNets acted until it took over."
    return replace(job, guides=()), (told,)


def _until_refined(job: Job, params: Params, model: Any) -> Job:
    """Ends where the refiner takes over: at the first step that begins at or after its share."""
    if not params.refiner:
        return job
    steps = len(planned(job, model.levels).steps)
    at = max(1, math.ceil(steps * params.refiner_at - 1e-6))
    return replace(job, snapshot_at=at) if at < steps else job


def _named_files(params: Params, model: Any, shelf: Shelf, loras: bool = True) -> dict[str, Any]:
    """The LoRAs and embeddings that the prompts name, as this model takes them."""
    files, both = shelf.embeddings, f"{params.prompt}\n{params.negative}"
    worn = (Worn(model.lora(shelf.lora(each.name)), each.weight, each.text_weight) for each in loras_in(params.prompt))
    return {"loras": tuple(worn) if loras else (),
            "embeddings": tuple((name, model.embedding(files[name])) for name in named_in(both, files))}  # fmt: skip


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


def _warnings(params: Params, job: Job, model: Any) -> tuple[str, ...]:
    told = [f"The embedding {name} was made for another kind of model: its name was read as words."
            for name, each in job.embeddings if not each.fits]  # fmt: skip
    for name, text in (("The prompt", job.prompt), ("The negative prompt", job.negative)):
        if cut := model.cut_off(text, job.embeddings):
            told.append(f"{name} is longer than this model reads; left out: {cut[:200]}.")
        if edited(text):
            told.append(f"{name} was read as words: [from:to:when], [one|other], AND and BREAK are not known here.")
    if params.negative and params.cfg == 1:
        told.append("The negative prompt has no effect at CFG 1: nothing is pushed away from.")
    if params.init and int(params.steps * params.strength) == 0:
        told.append("Strength times steps is below one step, so the start image came back as it was.")
    if params.refiner and _until_refined(job, params, model).snapshot_at is None:
        told.append("No steps were left for the refiner. Let it take over earlier.")
    return tuple(told)


def _frames(made: Made | None) -> tuple[Frame, ...]:
    return tuple(
        Frame(moment.step, moment.sigma, moment.seconds, *(jpeg_bytes(Image.fromarray(each)) for each in pair))
        for moment, *pair in (made.frames if made else ())
    )
