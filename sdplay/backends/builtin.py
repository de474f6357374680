"""The built-in model: our own small latent diffusion model, in this process, on the CPU, at
once."""

import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from sdplay.backends import ASKER, Backend, Capabilities, Event
from sdplay.engine.card import SHIPPED, Card
from sdplay.errors import BadParams
from sdplay.files.picture_file import image_name
from sdplay.params import KNOBS, Params
from sdplay.picture import Frame, Picture, Progress, Receipt, Timing, jpeg_bytes, png_bytes
from sdplay.schedulers import SCHEDULERS, Scheduler, known

if (
    TYPE_CHECKING
):  # The engine, and numpy with it, comes with the first picture: the page is on screen before.
    from sdplay.engine.loop import Engine, LoopJob, Made, Moment
    from sdplay.engine.noise import Array
    from sdplay.engine.words import Reading, Words

CFG = 2.5
"""Schedulers can be compared there: at 20 steps each is near its own 200-step picture, which at 5
some never are.  The model card has the table."""
NAMED = 3
"""Left out words that a sentence names."""
SMALLEST, LARGEST, STEP = 96, 256, 32
FEATURES = frozenset(
    {
        "negative",
        "seed",
        "steps",
        "cfg",
        "scheduler",
        "size",
        "img2img",
        "inpaint",
        "mask_blur",
        "variation",
        "eta",
        "progress",
        "preview",
        "cancel",
        "frames",
        "payload",
    }
)
SIZES = ((128, 128), (192, 128), (128, 192), (192, 192), (256, 256))


SOON = 1.0
"""Seconds from a page's last line to loading: its pictures and scripts are served first."""
_LOADING = threading.Lock()
"""A cache alone would let pictures that start together load an engine each, and share no
batches."""


def _engine() -> "tuple[Engine, float]":
    """The one engine of this process, and how long loading it took."""
    with _LOADING:
        return _loaded()


@cache
def _loaded() -> "tuple[Engine, float]":
    """Loads the engine, at the first picture."""
    started = time.perf_counter()
    from sdplay.engine.loop import Engine, LoopJob
    from sdplay.engine.onnx_model import OnnxModel

    engine = Engine(OnnxModel())
    # A whole small picture: every network is read, and every way through the code was gone once.
    list(engine.run(LoopJob("", "euler", 1, cfg=2.0, width=SMALLEST, height=SMALLEST)))
    return engine, time.perf_counter() - started


@cache
def _warming() -> threading.Timer:
    """Loads the engine soon, once in this process."""
    timer = threading.Timer(SOON, _engine)
    timer.daemon = True
    timer.start()
    return timer


@cache
def _card() -> Card:
    return Card.read()


@cache
def _words() -> "Words":
    from sdplay.engine.words import Words

    return Words(SHIPPED / "vocab.txt", _card().max_words + 2)


class Builtin(Backend):
    name = "builtin"
    label = "Built-in model"

    def probe(self) -> Capabilities:
        card = _card()
        return Capabilities(
            message="A small model for learning, trained on icons. It knows "
            f"{len(card.things)} things; every setting is real.",
            version=f"{card.name} {card.version}",
            features=FEATURES,
            schedulers=tuple(name for name in SCHEDULERS if name != "flow_euler"),
            model=card.name,
            sizes=SIZES,
            size_limits=(SMALLEST, LARGEST),
            size_step=STEP,
            defaults={"width": 128, "height": 128, "cfg": CFG},
            chips={"Things": card.things, "Styles": card.styles, "Colours": card.colours},
            # It learnt from clean icons: nothing needs to be kept away unless somebody wants to.
            negatives=("", *card.styles, "a white background"),
            at_once=16,
            idle_is_free=True,
        )

    def warm_up(self) -> None:
        _warming()

    def model_version(self, params: Params) -> str:
        return f"{_card().name} {_card().version}"

    def payload(self, params: Params) -> dict[str, Any]:
        entry = known(params.scheduler)
        fields = {
            "prompt": params.prompt,
            "negative": params.negative,
            "sampler": entry.sampler,
            "sigmas": entry.sigmas,
            "steps": params.steps,
            "cfg": params.cfg,
            "seed": params.seed,
            "width": params.width,
            "height": params.height,
            "eta": _eta(params, entry),
            "variation_seed": params.variation_seed,
            "variation_strength": params.variation_strength,
        }
        return {**fields, **_start(params), **params.extra_fields()}

    def generate(self, params: Params) -> Iterator[Event]:
        started = time.perf_counter()
        from sdplay.engine.loop import Made, Moment

        job = self._job(params)
        yield Progress(message="Loading the model" if not _loaded.cache_info().currsize else "")
        engine, load = _engine()
        loaded = time.perf_counter()
        events = engine.run(job)
        try:
            for event in events:
                if isinstance(event, Moment):
                    yield _progress(engine, event, time.perf_counter() - loaded)
                elif isinstance(event, Made):
                    took = Timing(
                        time.perf_counter() - started,
                        company=event.company,
                        load=min(load, loaded - started),
                        sampling=event.sampling,
                        decode=event.decode,
                    )
                    yield self._picture(params, job, event, took)
        finally:
            events.close()  # type: ignore[attr-defined]  # a generator: closing it cancels the job

    def _job(self, params: Params) -> "LoopJob":
        """What the engine is told: the payload, its raw fields checked like the settings they lie
        over."""
        from sdplay.engine.loop import LoopJob
        from sdplay.engine.start import mask_cells, start_pixels

        fields = self.payload(params)
        usual = self.payload(params.with_(extra=""))
        named = {name: fields.pop(name) for name in ("init", "mask") if name in fields}
        if unknown := sorted(set(fields) - set(usual)):
            raise BadParams(
                f"The built-in model has no field called {unknown[0]!r}. It has: "
                f"{', '.join(usual)}."
            )
        if named != {name: usual[name] for name in named if name in usual}:
            raise BadParams("Start image and mask cannot be raw fields. Choose them in the form.")
        settled = params.with_(
            extra="", **{name: value for name, value in fields.items() if name in KNOBS}
        )
        _check_size(settled)
        _check_emphasis(settled)
        _check_route(fields["sampler"], fields["sigmas"])
        return LoopJob(
            start=start_pixels(settled) if settled.init else None,
            mask=mask_cells(settled) if settled.init and settled.mask else None,
            frames=self.keep_frames,
            frame_steps=self.frame_steps,
            previews=self.previews,
            urgent=self.previews,
            owner=ASKER.get().owner,
            **{
                name: getattr(settled, name, value)
                for name, value in fields.items()
                if name != "mask_blur"
            },
        )

    def _picture(self, params: Params, job: "LoopJob", result: "Made", timing: Timing) -> Picture:
        settings = {
            name: value if name in ("init", "mask") else getattr(job, name, value)
            for name, value in params.changed().items()
            if params.sets(name) and KNOBS[name].needs in FEATURES
        }
        applied = {
            **settings,
            "prompt": _words().read(job.prompt).text,
            "negative": _words().read(job.negative).text,
            "scheduler": _scheduler(job),
            "steps": job.steps,
            "cfg": job.cfg,
            "seed": job.seed,
            "width": result.pixels.shape[1],
            "height": result.pixels.shape[0],
        }
        frames = tuple(
            Frame(
                moment.step,
                moment.sigma,
                moment.seconds,
                *(jpeg_bytes(Image.fromarray(pixels)) for pixels in pair),
            )
            for moment, *pair in result.frames
        )
        receipt = Receipt(
            params.asked(), self.payload(params), applied, self._warnings(params, job)
        )
        return Picture(
            png_bytes(Image.fromarray(_finished(result, params))),
            params,
            self.name,
            timing,
            receipt,
            self.model_version(params),
            frames,
        )

    def _warnings(self, params: Params, job: "LoopJob") -> tuple[str, ...]:
        warnings = [
            _left_out(name, _words().read(text))
            for name, text in (("prompt", job.prompt), ("negative prompt", job.negative))
        ]
        warnings = [sentence for sentence in warnings if sentence]
        if params.init and int(params.steps * params.strength) == 0:
            warnings.append(
                "Strength times steps is below one step, so the start image came back as it was."
            )
        return (*warnings, *self.probe().unused(params))


def _finished(result: "Made", params: Params) -> Any:
    """The picture's pixels; around a mask they are the start image's own."""
    if not (params.init and params.mask):
        return result.pixels
    from sdplay.engine.start import with_surroundings

    return with_surroundings(result.pixels, params)


def _left_out(name: str, reading: "Reading") -> str:
    """One sentence that counts what the model did not get of a prompt and names the first few."""
    unknown, beyond = len(reading.unknown), len(reading.beyond)
    places = _words().places
    if not unknown and not beyond:
        return ""
    if not beyond:
        are, were = ("are", "were") if unknown > 1 else ("is", "was")
        return (
            f"{_counted(unknown)} of the {name} {are} unknown to this model and {were} left out: "
            f"{_few(reading.unknown)}."
        )
    if not unknown:
        were = "were" if beyond > 1 else "was"
        return (
            f"{_counted(beyond)} of the {name} {were} left out, from {_short(reading.beyond[0])!r} "
            f"on: this model reads {places} words."
        )
    return (
        f"{_counted(unknown + beyond)} of the {name} were left out: {_counted(unknown)} unknown to "
        f"this model ({_few(reading.unknown)}) and {beyond:,} after the {places} that it reads."
    )


def _counted(words: int) -> str:
    return f"{words:,} words" if words > 1 else "1 word"


def _few(words: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    named = ", ".join(map(_short, words[:NAMED]))
    return f"{named} and {len(words) - NAMED:,} more" if len(words) > NAMED else named


def _short(word: str) -> str:
    return word if len(word) <= 24 else f"{word[:23]}…"


def _progress(engine: "Engine", moment: "Moment", spent: float) -> Progress:
    draw = None if moment.clean is None else cache(partial(preview, engine, moment.clean))
    left = spent / moment.step * (moment.steps - moment.step)
    return Progress(moment.step / moment.steps, moment.step, moment.steps, left, draw)


def preview(engine: "Engine", latent: "Array") -> bytes:
    """A small JPEG; every cell of the latent is a pixel, drawn larger without edges."""
    small = Image.fromarray(engine.preview(latent))
    return jpeg_bytes(small.resize((8 * small.width, 8 * small.height), Image.Resampling.BICUBIC))


def _start(params: Params) -> dict[str, Any]:
    """What comes with a start image; pictures stand by their names."""
    if not params.init:
        return {}
    start = {"init": image_name(params.init), "strength": params.strength}
    if not params.mask:
        return start
    return {**start, "mask": image_name(params.mask), "mask_blur": params.mask_blur}


def _eta(params: Params, entry: Scheduler) -> float | None:
    if not entry.takes_eta:
        return None
    return entry.own_eta if params.eta is None else params.eta


def _check_size(params: Params) -> None:
    for label, value in (("Width", params.width), ("Height", params.height)):
        if not SMALLEST <= value <= LARGEST or value % STEP:
            near = max(SMALLEST, min(LARGEST, round(value / STEP) * STEP))
            raise BadParams(
                f"{label} must be a multiple of {STEP} from {SMALLEST} to {LARGEST} for the "
                "built-in "
                f"model, not {value}. The nearest is {near}."
            )


def _check_emphasis(params: Params) -> None:
    from sdplay.engine.emphasis import STRONGEST, too_strong

    if any(map(too_strong, (params.prompt, params.negative))):
        raise BadParams(f"Emphasis goes up to {STRONGEST:g}. Write it like this: (word:1.3)")


def _check_route(sampler: Any, sigmas: Any) -> None:
    from sdplay.engine.samplers import SAMPLERS, SPACINGS

    if sampler == "flow_euler":
        raise BadParams(
            "Flow Euler does not fit the built-in model. Choose Euler: it is the same route for it."
        )
    for name, value, ours in (("sampler", sampler, tuple(SAMPLERS)), ("sigmas", sigmas, SPACINGS)):
        if value not in ours:
            raise BadParams(
                f"The built-in model has no {name} {value!r}. It has: {', '.join(ours)}."
            )


def _scheduler(job: "LoopJob") -> str:
    """The table's entry for the route that was taken; raw fields can make one that no entry has."""
    route = (job.sampler, job.sigmas)
    return next(
        (entry.id for entry in SCHEDULERS.values() if (entry.sampler, entry.sigmas) == route),
        " ".join(route),
    )


BACKEND = Builtin
