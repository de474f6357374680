"""Whether a lesson's claim holds: its pictures are made for every prompt, measured and counted."""

import io
from collections.abc import Collection, Mapping, Sequence
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
Look = tuple[Params, int]
"""A picture's settings, and after how many of its steps it is looked at; 0 is the end."""
Images = Mapping[Look, Image.Image]


@dataclass(frozen=True)
class Finding:
    """One prompt: whether the claim held there, and by which numbers."""

    prompt: str
    held: bool
    figures: tuple[str, ...]


def check(lesson: Lesson, backend: Backend) -> tuple[Finding, ...]:
    """The claim for each of the check's prompts, on this backend."""
    capabilities = backend.probe()
    named = [_looks(lesson, backend.name, capabilities, prompt) for prompt in lesson.check.prompts]
    images = _images([look for looks in named for look in looks.values()], backend)
    return tuple(
        _verdict(lesson, prompt, looks, images)
        for prompt, looks in zip(lesson.check.prompts, named, strict=True)
    )


def counted(verdicts: Sequence[Finding], model: str) -> Tally:
    """The verdicts as a lesson's file keeps them."""
    against = tuple(verdict.prompt for verdict in verdicts if not verdict.held)
    return Tally(model, len(verdicts) - len(against), len(verdicts), against)


def enough(measured: Tally) -> bool:
    """Whether a claim that held so often may be taught."""
    return measured.held >= ENOUGH * measured.of


def _looks(
    lesson: Lesson, backend: str, capabilities: Capabilities, prompt: str
) -> dict[str, Look]:
    """Every named picture of one prompt: its settings, and after how many steps it is looked at."""
    base = lesson.setup(backend, capabilities, **lesson.check.base, prompt=prompt).params
    return {
        name: (base.with_(**_without_after(settings)), int(settings.get(AFTER, 0)))
        for name, settings in lesson.check.pictures.items()
    }


def _without_after(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != AFTER}


def _images(looks: Sequence[Look], backend: Backend) -> Images:
    """Every look at its picture; a picture that is looked at twice is made once."""
    watched: dict[Params, set[int]] = {params: set() for params, _ in looks}
    for params, after in looks:
        watched[params] |= {after} if after else set()
    with ThreadPoolExecutor(max(1, backend.probe().at_once)) as workers:
        made = workers.map(
            lambda settings: _picture(settings[0], copy(backend), settings[1]), watched.items()
        )
        pictures = dict(zip(watched, made, strict=True))
    return {look: _image(pictures[look[0]], look[1], backend.label) for look in looks}


def _picture(params: Params, backend: Backend, steps: Collection[int]) -> Picture:
    """One picture, with the frames of these steps."""
    backend.previews, backend.keep_frames = False, bool(steps)
    backend.frame_steps = frozenset(steps)
    *_, picture = backend.generate(params)
    if not isinstance(picture, Picture):
        raise BackendBroken(f"{backend.label} ended without a picture. Try again.")
    return picture


def _image(picture: Picture, after: int, label: str) -> Image.Image:
    """The finished picture, or the guess after so many of its steps."""
    if not after:
        return picture.image()
    frame = next((frame for frame in picture.frames if frame.step == after), None)
    if frame is None:
        raise BackendBroken(
            f"{label} kept no look at step {after} of {picture.params.steps}. Choose another step."
        )
    return Image.open(io.BytesIO(frame.clean))


def _verdict(lesson: Lesson, prompt: str, looks: Mapping[str, Look], images: Images) -> Finding:
    shots = {name: Sample(look[0], images[look]) for name, look in looks.items()}
    if lesson.start:
        start = Image.open(io.BytesIO(lesson.start)).convert("RGB")
        shots[START] = Sample(next(iter(looks.values()))[0], start)
    conditions = lesson.check.conditions
    figures = tuple(condition.figures(shots) for condition in conditions)
    return Finding(prompt, judged(conditions, shots), figures)
