"""A picture that somebody asks for, and a check of what this process cannot do."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from sdplay.engine.emphasis import STRONGEST, too_strong
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS, known
from sdplay.server.extras.addons import loras_in
from sdplay.server.models import Models

SCHEDULERS_HERE = tuple(entry.id for entry in SCHEDULERS.values() if entry.sampler != "flow_euler")


@dataclass(frozen=True)
class PictureRequest:
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
    """What is done with the finished picture."""


def hires_upscalers(models: Models) -> tuple[str, ...]:
    """How hires fix may enlarge: inside the latent, or the picture itself."""
    return ("Latent", *models.upscalers.names)


def check(params: Params, models: Models) -> None:
    """Refuse in a sentence what this process cannot do, before the picture waits for its turn."""
    stock = models.named(params.model).stock
    if known(params.scheduler).id not in SCHEDULERS_HERE and not stock:
        raise BadParams("Flow Euler does not fit Stable Diffusion. Choose Euler.")
    if not stock and any(map(too_strong, (params.prompt, params.negative))):
        raise BadParams(f"Emphasis goes up to {STRONGEST:g}. Write it like this: (word:1.3)")
    if params.mask and not params.init:
        raise BadParams("A mask needs a start image. Give one, or leave the mask out.")
    if params.hires_scale > 1 and params.init:
        raise BadParams(
            "Hires fix works on pictures made from words alone. Leave it or the start image out."
        )
    if params.hires_scale > 1 and params.hires_upscaler not in hires_upscalers(models):
        raise BadParams(
            f"There is no hires upscaler called {params.hires_upscaler!r}. "
            f"There are: {', '.join(hires_upscalers(models))}."
        )
    if params.styles:
        raise BadParams("This process has no styles: leave them out.")
    if loras_in(params.negative):
        raise BadParams(
            "A LoRA acts on the whole picture: name it in the prompt, not in the negative prompt."
        )
    for unit in params.control:
        models.preprocessors.check(unit.module)
        if unit.mode != "Balanced":
            raise BadParams(
                f"The ControlNet mode {unit.mode!r} is not offered here, only Balanced."
            )
