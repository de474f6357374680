"""Which settings a pipeline of another family takes, and a sentence for each that it does not."""

from collections.abc import Iterator
from typing import Any

from sdplay.engine.emphasis import stressed
from sdplay.engine.loop import LoopJob
from sdplay.engine.start import start_pixels
from sdplay.engine.torch.stock import Stock
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.schedulers import find, known
from sdplay.server.extras.addons import loras_in, without_tags

NOT_THERE = {
    "mask": "masks",
    "control": "ControlNets",
    "hires_scale": "hires fix",
    "refiner": "refiners",
}
"""Without them the picture would be another one: refused."""
LEFT_OUT = {"negative": "", "cfg": 1.0, "clip_skip": 1, "variation_strength": 0.0, "eta": None}
"""Left out and told, with the value that means nothing."""


def stock_job(
    params: Params, stock: Stock, *, urgent: bool, owner: str = ""
) -> tuple[LoopJob, Params, tuple[str, ...]]:
    """The job, the settings that are really applied, and a sentence for each that is not."""
    for name, lacking in NOT_THERE.items():
        if getattr(params, name) != KNOBS[name].default:
            raise BadParams(
                f"This process paints {stock.family} pictures without {lacking}: leave that out."
            )
    changes, warnings = dict(_left_out(params, stock)), []
    for name in changes:
        warnings.append(
            f"{KNOBS[name].label}: {stock.family} does not know it here, so it was left out."
        )
    if loras_in(params.prompt):
        changes["prompt"] = without_tags(params.prompt)
        warnings.append(f"LoRA: {stock.family} does not know it here, so it was left out.")
    if any(map(stressed, (params.prompt, params.negative))):
        warnings.append(f"Emphasis: {stock.family} reads the brackets of the prompt as they stand.")
    if stock.tile and max(params.width, params.height) > stock.tile:
        warnings.append(f"Tiles: {stock.family} denoises every picture whole.")
    own = find(stock.scheduler)
    if own is None or own.id != known(params.scheduler).id:
        changes |= {"scheduler": own.id} if own else {}
        warnings.append(
            f"Scheduler: {stock.family} always uses its own, "
            f"{own.label if own else stock.scheduler}."
        )
    applied = params.with_(**changes)
    start, strength = (start_pixels(applied), applied.strength) if applied.init else (None, 1.0)
    job = LoopJob(
        applied.prompt,
        "",
        applied.steps,
        applied.negative,
        "",
        applied.cfg,
        applied.seed,
        applied.width,
        applied.height,
        start=start,
        strength=strength,
        urgent=urgent,
        owner=owner,
    )
    return job, applied, tuple(warnings)


def _left_out(params: Params, stock: Stock) -> Iterator[tuple[str, Any]]:
    for name, nothing in LEFT_OUT.items():
        if getattr(params, name) not in (nothing, None) and name not in stock.takes:
            yield name, nothing
