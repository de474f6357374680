"""Work: model evaluations times pixels, the one measure for estimates, prices, speeds and
progress."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sdplay.params import Params
from sdplay.schedulers import find

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
    rows, pixels = 1 if params.cfg == 1 else 2, float(params.width * params.height)
    if params.init:
        yield Pass(_calls(params.scheduler, params.steps, params.strength), rows, pixels)
        return
    yield Pass(_calls(params.scheduler, params.steps), rows, pixels)
    if params.hires_scale > 1:
        calls = _calls(params.scheduler, hires_steps(params), params.hires_strength)
        yield Pass(calls, rows, pixels * params.hires_scale**2)


def hires_steps(params: Params) -> int:
    """The steps from which hires fix takes its share, as `hires_strength` says."""
    return params.hires_steps or params.steps


def calls(params: Params) -> int:
    """How often the model is asked for this picture."""
    return sum(each.calls for each in passes(params))


def evaluations(params: Params) -> int:
    """Rows that the model works out: with CFG two for every call."""
    return sum(each.calls * each.rows for each in passes(params))


def pixels(params: Params) -> float:
    """The pixels of all rows that the model works out."""
    return sum(each.calls * each.rows * each.pixels for each in passes(params))


def of(params: Params) -> float:
    """The work of one picture, what its time grows with: evaluations times megapixels, and what is
    around them, which a picture without an evaluation costs as well."""
    return sum(_parts(params))


def sampled(params: Params) -> float:
    """The share of a picture's work that is its evaluations: what a backend counts as progress."""
    evaluated, around = _parts(params)
    return evaluated / (evaluated + around)


def total(planned: Iterable[Params]) -> float:
    """The work of several pictures."""
    return sum(map(of, planned))


def _parts(params: Params) -> tuple[float, float]:
    """The evaluations' work, and what is around them."""
    *_, last = passes(params)
    return pixels(params) / 1e6, AROUND * last.pixels / 1e6


def _calls(scheduler: str, steps: int, strength: float | None = None) -> int:
    """Over a start image only the last `strength` share of the steps is run."""
    entry = find(scheduler)
    skipped = 0 if strength is None else steps - min(int(steps * strength), steps)
    return entry.evaluations(steps, skipped) if entry else steps - skipped
