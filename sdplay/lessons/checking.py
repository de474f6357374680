"""Whether a lesson's claim holds: its pictures are made for every prompt, measured and counted."""

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from typing import Any

from PIL import Image

from sdplay.backends import Backend, Capabilities
from sdplay.errors import BackendBroken
from sdplay.lessons.claims import Sample, judged
from sdplay.lessons.lesson import AFTER, START, Lesson, Tally
from sdplay.params import Params
from sdplay.picture import Picture

ENOUGH = 0.8
"""A claim that holds for fewer of its prompts is not taught."""
Images = Mapping[tuple[Params, int], Image.Image]


@dataclass(frozen=True)
class Finding:
    """One prompt: whether the claim held there, and by which numbers."""

    prompt: str
    held: bool
    figures: tuple[str, ...]


def check(lesson: Lesson, backend: Backend) -> tuple[Finding, ...]:
    """The claim for each of the check's prompts, on this backend."""
    capabilities = backend.probe()
    wanted = [_shots(lesson, backend.name, capabilities, prompt) for prompt in lesson.check.prompts]
    pictures = _make(
        list(dict.fromkeys(key for named in wanted for key in named.values())),
        backend,
        capabilities.at_once,
    )
    return tuple(
        _verdict(lesson, prompt, named, pictures)
        for prompt, named in zip(lesson.check.prompts, wanted, strict=True)
    )


def counted(verdicts: Sequence[Finding], model: str) -> Tally:
    """The verdicts as a lesson's file keeps them."""
    against = tuple(verdict.prompt for verdict in verdicts if not verdict.held)
    return Tally(model, len(verdicts) - len(against), len(verdicts), against)


def enough(measured: Tally) -> bool:
    """Whether a claim that held so often may be taught."""
    return measured.held >= ENOUGH * measured.of


def _shots(
    lesson: Lesson, backend: str, capabilities: Capabilities, prompt: str
) -> dict[str, tuple[Params, int]]:
    """Every named picture of one prompt: its settings, and after how many steps it is looked at."""
    base = lesson.setup(backend, capabilities, **lesson.check.base, prompt=prompt).params
    return {
        name: (base.with_(**_without_after(settings)), int(settings.get(AFTER, 0)))
        for name, settings in lesson.check.pictures.items()
    }


def _without_after(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != AFTER}


def _make(keys: Sequence[tuple[Params, int]], backend: Backend, at_once: int) -> Images:
    with ThreadPoolExecutor(max(1, at_once)) as workers:
        images = list(workers.map(lambda key: _image(key, copy(backend)), keys))
    return dict(zip(keys, images, strict=True))


def _image(key: tuple[Params, int], backend: Backend) -> Image.Image:
    """The finished picture, or the guess after so many of its steps."""
    params, after = key
    backend.previews, backend.keep_frames = False, bool(after)
    *_, picture = backend.generate(params)
    if not isinstance(picture, Picture):
        raise BackendBroken(f"{backend.label} ended without a picture. Try again.")
    if not after:
        return picture.image()
    frame = next((frame for frame in picture.frames if frame.step == after), None)
    if frame is None:
        raise BackendBroken(
            f"{backend.label} kept no look at step {after} of {params.steps}. Choose another step."
        )
    return Image.open(io.BytesIO(frame.clean))


def _verdict(
    lesson: Lesson, prompt: str, named: Mapping[str, tuple[Params, int]], pictures: Images
) -> Finding:
    shots = {name: Sample(key[0], pictures[key]) for name, key in named.items()}
    if lesson.start:
        start = Image.open(io.BytesIO(lesson.start)).convert("RGB")
        shots[START] = Sample(next(iter(named.values()))[0], start)
    conditions = lesson.check.conditions
    figures = tuple(condition.figures(shots) for condition in conditions)
    return Finding(prompt, judged(conditions, shots), figures)
