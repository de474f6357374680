"""Work: model evaluations times pixels, the one measure for estimates, prices, speeds and
progress."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sdplay import schedulers
from sdplay.errors import BadParams
from sdplay.params import Params

AROUND = 5.0
"""Reading the prompt, decoding and saving, in evaluations at the picture's size: the built-in model
was measured at 5 (128 × 128) to 9 (256 × 256), Stable Diffusion's decoder costs about as much."""


@dataclass(frozen=True)
class Pass:
    """One run of a picture through the model: hires fix makes a second one."""

    calls: int
    """How often the model is asked."""
    rows: int
    """Pictures a call: the prompt's, and with CFG that of the negative prompt."""
    pixels: float


def passes(params: Params) -> Iterator[Pass]:
    """The passes that these settings ask for.

    A refiner takes over steps that are counted already, and adds none.
    """
    params = _as_sent(params)
    rows, pixels = 1 if params.cfg == 1 else 2, float(params.width * params.height)
    if params.init:
        yield Pass(_calls(params.scheduler, params.steps, params.strength), rows, pixels)
        return
    yield Pass(_calls(params.scheduler, params.steps), rows, pixels)
    if params.hires_scale > 1:
        scheduler = params.hires_sampler or params.scheduler
        calls = _calls(scheduler, hires_steps(params), params.hires_strength)
        yield Pass(calls, rows, _enlarged(params))


def hires_steps(params: Params) -> int:
    """The steps from which hires fix takes its share, as `hires_strength` says."""
    return params.hires_steps or params.steps


def pictures(params: Params) -> int:
    """How many pictures one request for these settings makes."""
    if not params.extra:  # nearly always, and a queue asks for each of its pictures
        return 1
    raw = _raw(params)
    return math.prod(max(1, _whole(raw.get(name))) for name in _MANY)


def is_counted(params: Params) -> bool:
    """Whether these settings tell how much work they are: a server's script may do anything, and
    some samplers choose their own steps."""
    samplers = [params.scheduler, params.hires_sampler]
    if params.extra:
        raw = _raw(params)
        if raw.get("script_name"):
            return False
        fields = [name for name, knob in _RAW.items() if knob in ("scheduler", "hires_sampler")]
        samplers += [str(raw.get(name, "")) for name in fields]
    return all(map(schedulers.is_counted, samplers))


def calls(params: Params) -> int:
    """How often the model is asked for this picture."""
    return sum(run.calls for run in passes(params))


def evaluations(params: Params) -> int:
    """Rows that the model works out: with CFG two for every call."""
    return sum(run.calls * run.rows for run in passes(params))


def pixels(params: Params) -> float:
    """The pixels of all rows that the model works out."""
    return _pixels(passes(params))


def of(params: Params) -> float:
    """The work of one picture, what its time grows with: evaluations times megapixels, and what is
    around them, which a picture without an evaluation costs as well."""
    return sum(_parts(params))


def sampled(params: Params) -> float:
    """The share of a picture's work that is its evaluations: what a backend counts as progress."""
    evaluated, around = _parts(params)
    return evaluated / (evaluated + around)


def total(planned: Iterable[Params]) -> float:
    """The work of several requests."""
    return sum(of(params) * pictures(params) for params in planned)


def _parts(params: Params) -> tuple[float, float]:
    """The evaluations' work, and what is around them."""
    runs = list(passes(params))
    return _pixels(runs) / 1e6, AROUND * runs[-1].pixels / 1e6


def _pixels(runs: Iterable[Pass]) -> float:
    return sum(run.calls * run.rows * run.pixels for run in runs)


def _enlarged(params: Params) -> float:
    """The pixels of the second pass."""
    if params.hires_size:
        return float(math.prod(map(int, params.hires_size.split("x"))))
    return params.width * params.height * params.hires_scale**2


_RAW = {
    "num_inference_steps": "steps",
    "cfg_scale": "cfg",
    "guidance_scale": "cfg",
    "hr_scale": "hires_scale",
    "hr_second_pass_steps": "hires_steps",
    "prompt_strength": "strength",
    "sampler_name": "scheduler",
    "solver": "scheduler",
    "hr_sampler_name": "hires_sampler",
    **{
        name: name
        for name in ("steps", "cfg", "width", "height", "strength", "scheduler", "hires_scale")
    },
}
"""Raw payload fields of the servers we know that change the work, and our settings for them."""
_MANY = ("batch_size", "n_iter", "num_outputs", "num_images", "n")
"""Raw payload fields that ask for several pictures at once."""


def _as_sent(params: Params) -> Params:
    """The settings with what the raw payload fields put in their place."""
    if not params.extra:
        return params
    raw = _raw(params)
    changes = {_RAW[name]: value for name, value in raw.items() if name in _RAW}
    for name in ("scheduler", "hires_sampler"):
        if name in changes and schedulers.find(str(changes[name])) is None:
            del changes[name]
    if "denoising_strength" in raw:
        changes["strength" if params.init else "hires_strength"] = raw["denoising_strength"]
    if raw.get("enable_hr") is False:
        changes["hires_scale"] = 1.0
    elif raw.get("enable_hr") and params.hires_scale == 1:
        changes.setdefault("hires_scale", 2.0)
    try:
        return params.with_(**changes)
    except BadParams:
        return params  # the server will refuse it, or cut it


def _raw(params: Params) -> dict[str, Any]:
    """The raw payload fields, those inside a hosted model's envelope too."""
    raw = params.extra_fields() if params.extra else {}
    inside = [raw.get(name) for name in ("input", "parameters")]
    return raw | {
        key: value for part in inside if isinstance(part, dict) for key, value in part.items()
    }


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 1


def _calls(scheduler: str, steps: int, strength: float | None = None) -> int:
    """Over a start image only the last `strength` share of the steps is run."""
    skipped = 0 if strength is None else steps - min(int(steps * strength), steps)
    return schedulers.evaluations(scheduler, steps, skipped)
