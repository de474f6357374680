"""One picture from request to pixels, pass by pass, on the models that the request names."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from sdplay.engine.loop import Engine, Event, LoopJob, Made, Moment, Snapshot
from sdplay.engine.noise import Array
from sdplay.engine.start import with_surroundings
from sdplay.engine.torch.stock import Stock
from sdplay.errors import BackendError, BadParams
from sdplay.params import Params
from sdplay.picture import Frame, jpeg_bytes
from sdplay.server.models import Models
from sdplay.server.passes import (
    enlarged,
    handed_over,
    job_of,
    later_steps,
    until_refined,
    warnings_of,
)
from sdplay.server.request import PictureRequest
from sdplay.server.stock_job import stock_job

BLACKENED = (
    "The safety checker found the picture unsuitable and made it black. Try another seed or prompt."
)


@dataclass(frozen=True)
class RenderStep:
    """How far a picture is."""

    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    preview: Callable[[bool], bytes] | None = None
    """Draws what it looks like now, roughly or not, as a small JPEG; there when previews are
    wanted."""


@dataclass(frozen=True)
class Rendered:
    """A finished picture, and the settings that were really used."""

    image: Image.Image
    params: Params
    """As asked, with the model that made it."""
    model: str
    """Its title."""
    version: str
    """Its title and number format."""
    seconds: dict[str, float]
    """load, sampling, decode and company."""
    warnings: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    partial: bool = False


def render(
    models: Models, request: PictureRequest, stopped: Callable[[], bool]
) -> Iterator[RenderStep | Rendered]:
    """Yield steps, then the picture.  Closing the iterator cancels the job; its neighbours never
    notice."""
    params, work = request.params, _Rendering(models, request, stopped)
    with work.engine(params.model) as engine:
        if isinstance(engine, Stock):
            yield from work.plainly(engine)
            return
        base, job = engine.model, job_of(work.request, engine.model, models)
        warnings = warnings_of(params, job, base)
        work.later, work.steady = later_steps(params), params.hires_scale**2
        end = yield from work.run(engine, job if work.later else until_refined(job, params, base))
        if isinstance(end, Made) and work.later:
            work.done, work.later = work.step.steps, 0
            job = enlarged(job, end, params, models)
            end = yield from work.run(engine, until_refined(job, params, base))
        if not isinstance(end, Snapshot):
            yield from work.finished(engine, end, warnings)
            return
    with work.engine(params.refiner) as engine:
        if isinstance(engine, Stock):
            raise BadParams(
                f"{params.refiner} is no refiner: {engine.family} cannot go on with other "
                "models' pictures."
            )
        job, more = handed_over(job, params, base, engine.model, models)
        yield from work.finished(
            engine, (yield from work.run(engine, job, end)), (*warnings, *more)
        )


class _Rendering:
    """One picture on its way through its passes: how far it is, what it looks like, where the time
    went."""

    def __init__(
        self, models: Models, request: PictureRequest, stopped: Callable[[], bool]
    ) -> None:
        if models.checker:
            # What nobody has checked is not shown.
            request = replace(request, previews=False, frames=False)
        self.models, self.request, self.stopped = models, request, stopped
        self.params = request.params
        """As they are applied."""
        self.step, self.done, self.later = RenderStep(), 0, 0
        """Of this pass, and steps of the passes before and after it."""
        self.clean: Array | None = None
        self.loading = 0.0
        self.seconds = {"sampling": 0.0, "decode": 0.0, "company": 0.0}
        """Of the passes that ended; company is while others had their turns."""
        self.steady = 1.0
        """What a step of the passes to come takes, in steps of this one."""

    @contextmanager
    def engine(self, model: str) -> Iterator[Engine | Stock]:
        """The engine with that model; waiting for it counts as loading."""
        started = time.perf_counter()
        with self.models.engine(model, self.stopped) as engine:
            self.loading += time.perf_counter() - started
            yield engine

    def plainly(self, stock: Stock) -> Iterator[RenderStep | Rendered]:
        """Make the whole picture in a pipeline of another family."""
        job, self.params, warnings = stock_job(
            self.params, stock, urgent=self.request.urgent, owner=self.request.owner
        )
        end = yield from self.run(stock, job)
        if isinstance(end, Made) and end.pixels.shape[:2] != (job.height, job.width):
            warnings = (
                *warnings,
                f"{stock.family} takes only some sizes: it made the nearest one that it does.",
            )
        yield from self.finished(stock, end, warnings)

    def run(
        self, engine: Engine | Stock, job: LoopJob, start: Snapshot | None = None
    ) -> Generator[RenderStep, None, "End"]:
        """Run one pass.  The answer is None when it was stopped and what is there so far is
        wanted."""
        started, before = time.perf_counter(), start.done if start else 0
        spent = start.spent if start else 0.0
        for event in self._events(engine, job, start):
            if not isinstance(event, Moment):
                self._count(event, spent)
                return event
            self.clean = self.clean if event.clean is None else event.clean
            model = engine.model if isinstance(engine, Engine) else None
            a_step = (time.perf_counter() - started) / max(1, event.step - before)
            rest = event.steps - event.step + self.steady * self.later
            self.step = _step(event, model, self.step, a_step * rest)
            yield replace(
                self.step,
                step=self.done + self.step.step,
                steps=self.done + self.step.steps + self.later,
            )
            if self.request.partial and self.stopped():
                self._count(event, spent)
                return None
        return None

    def _count(self, event: Event, brought: float) -> None:
        """Add a pass's seconds to the sums; `brought` is what an earlier part of it had spent."""
        if isinstance(event, Made):
            own, decode = event.sampling - brought, event.decode
        else:
            own, decode = (event.spent if isinstance(event, Snapshot) else event.seconds), 0.0
            own -= brought
        self.seconds["sampling"] += own
        self.seconds["decode"] += decode
        self.seconds["company"] += event.company

    def _events(
        self, engine: Engine | Stock, job: LoopJob, start: Snapshot | None
    ) -> Iterator[Event]:
        try:
            yield from (
                engine.run(job, self.stopped)
                if isinstance(engine, Stock)
                else engine.run(job, start)
            )
        except RuntimeError as error:
            advice = (
                "Choose a smaller size."
                if "memory" in str(error).lower()
                else "Its log has the details."
            )
            raise BackendError(f"{str(error)[:300].rstrip('.')}. {advice}") from error

    def finished(
        self, engine: Engine | Stock, end: "End", warnings: Sequence[str]
    ) -> Iterator[Rendered]:
        """The picture, or what there is of it."""
        picture = end if isinstance(end, Made) else None
        if picture:
            pixels = picture.pixels
        elif isinstance(engine, Engine) and self.clean is not None:
            pixels = engine.decode(self.clean)
        else:
            return
        image, model = (
            Image.fromarray(self._around_mask(engine, pixels)),
            self.models.named(self.request.params.model),
        )
        image = self.request.finish(image) if self.request.finish else image
        if self.models.checker and not self.models.checker.passed(image):
            image, warnings = Image.new("RGB", image.size), (*warnings, BLACKENED)
        seconds = {"load": self.loading, **self.seconds}
        yield Rendered(
            image,
            self.params,
            model.title,
            self.models.version(model),
            seconds,
            tuple(warnings),
            _frames(picture),
            partial=picture is None,
        )

    def _around_mask(self, engine: Engine | Stock, pixels: Any) -> Any:
        """The pixels, around a mask the start image's own; stock pipelines paint no masks, and a
        part that is put back somewhere brings its own surroundings."""
        params = self.params
        if isinstance(engine, Stock) or self.request.finish or not (params.init and params.mask):
            return pixels
        return with_surroundings(pixels, params)


End = Made | Snapshot | None


def as_image(pixels: Array) -> Image.Image:
    """Values of -1 to 1 [1, 3, h, w] as a picture."""
    bright = (np.clip(pixels[0] * 0.5 + 0.5, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(bright.transpose(1, 2, 0))


def preview_of(model: Any, latent: Array, rough: bool) -> bytes:
    """What a latent looks like, as a small JPEG."""
    image = as_image(model.preview(latent, rough))
    if max(image.size) < 128:
        image = image.resize((image.width * 8, image.height * 8), Image.Resampling.BICUBIC)
    return jpeg_bytes(image)


def _step(moment: Moment, model: Any, before: RenderStep, left: float) -> RenderStep:
    preview = before.preview if moment.clean is None else partial(preview_of, model, moment.clean)
    return RenderStep(moment.step, moment.steps, left, preview)


def _frames(finished: Made | None) -> tuple[Frame, ...]:
    return tuple(
        Frame(
            moment.step,
            moment.sigma,
            moment.seconds,
            *(jpeg_bytes(Image.fromarray(pixels)) for pixels in pair),
        )
        for moment, *pair in (finished.frames if finished else ())
    )
