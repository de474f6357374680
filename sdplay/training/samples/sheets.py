"""Sheets to look at: one with fixed prompts while the model learns, and those of the model card."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from sdplay.training.networks.method import SCHEDULE
from sdplay.training.pictures.captions import caption
from sdplay.training.pictures.world import World
from sdplay.training.samples.sample import paint, pipeline, quiet, sheet

WATCHED = (
    "a red apple, 3d style",
    "dog, flat style on a blue background",
    "cartoon octopus",
    "a pizza, 3d style",
    "simple rocket on yellow",
    "a blue apple",
    "strawberry on a green background",
    "a house, flat style",
    "a cat and a car, 3d style",
    "sunflower and bee on a white background",
    "owl, cartoon style on purple",
    "a dog to the left of a house",
    "kitten",
    "a tree at night, pixel art",
    "robot, 3d style on black",
    "three red balloons, flat style",
)
TAUGHT = (
    "a fox, 3d style",
    "strawberry on a blue background",
    "a car and a star, flat style",
    "owl, cartoon style",
)
SEED = 7
SMALL = 96


def progress(out: Path, width: float | None = None) -> Path:
    """The watched prompts with the run so far."""
    pictures = paint(pipeline(out, width), WATCHED, [SEED] * len(WATCHED))
    file = out / "sheet.png"
    sheet(pictures, 4, WATCHED).save(file)
    return file


def card(pipe: StableDiffusionPipeline, world: World, folder: Path) -> None:
    """The uncurated sheet and the six that teach."""
    folder.mkdir(parents=True, exist_ok=True)
    _uncurated(pipe, world, folder)
    _rows(pipe, folder / "steps.jpg", "num_inference_steps", (2, 3, 4, 8, 15, 25, 50))
    _rows(pipe, folder / "cfg.jpg", "guidance_scale", (1, 1.5, 2.5, 4, 7.5, 15, 30))
    _rows(
        pipe,
        folder / "negative.jpg",
        "negative_prompt",
        ("", "3d style", "flat style", "white background", "black"),
    )
    _seeds(pipe, folder / "seeds.jpg")
    _schedulers(pipe, folder / "schedulers.jpg")
    _strength(pipe, folder / "strength.jpg")


def _write(
    pictures: Sequence[Image.Image], columns: int, labels: Sequence[str], file: Path
) -> None:
    small = [picture.resize((SMALL, SMALL), Image.Resampling.LANCZOS) for picture in pictures]
    sheet(small, columns, labels).save(file, quality=88)


def _uncurated(pipe: StableDiffusionPipeline, world: World, folder: Path) -> None:
    dice = random.Random(0)
    prompts = [caption(world.any_scene(dice), dice) for _ in range(64)]
    _write(paint(pipe, prompts, range(64)), 8, prompts, folder / "uncurated.jpg")


def _rows(pipe: StableDiffusionPipeline, file: Path, knob: str, values: Sequence[Any]) -> None:
    """One row for each taught prompt, one column for each value of the knob."""
    columns = [paint(pipe, TAUGHT, [SEED] * len(TAUGHT), **{knob: value}) for value in values]
    pictures = [column[row] for row in range(len(TAUGHT)) for column in columns]
    _write(pictures, len(values), [str(value) or "(none)" for value in values] * len(TAUGHT), file)


def _seeds(pipe: StableDiffusionPipeline, file: Path) -> None:
    seeds = range(1, 8)
    prompts = [prompt for prompt in TAUGHT for _ in seeds]
    _write(
        paint(pipe, prompts, [*seeds] * len(TAUGHT)),
        len(seeds),
        [f"seed {n}" for n in seeds] * len(TAUGHT),
        file,
    )


def _schedulers(pipe: StableDiffusionPipeline, file: Path) -> None:
    """Rows of schedulers, columns of steps: the ancestral one never settles."""
    kinds = {
        "ddim": DDIMScheduler(**SCHEDULE),
        "euler": EulerDiscreteScheduler(**_plain()),
        "dpm++ 2m": DPMSolverMultistepScheduler(**_plain()),
        "euler a": EulerAncestralDiscreteScheduler(**_plain()),
    }
    pictures, labels = [], []
    for name, scheduler in kinds.items():
        pipe.scheduler = scheduler
        for steps in (4, 8, 12, 20, 30, 50, 80):
            pictures += paint(pipe, TAUGHT[:1], [SEED], num_inference_steps=steps)
            labels.append(f"{name}, {steps}")
    pipe.scheduler = kinds["ddim"]
    _write(pictures, 7, labels, file)


def _plain() -> dict[str, Any]:
    """The schedule without the keys that only DDIM knows."""
    known = (
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "prediction_type",
        "timestep_spacing",
        "steps_offset",
    )
    return {name: SCHEDULE[name] for name in known}


def _strength(pipe: StableDiffusionPipeline, file: Path) -> None:
    """From one picture on, repainted more and more into something else."""
    again = quiet(StableDiffusionImg2ImgPipeline(**pipe.components, requires_safety_checker=False))
    strengths = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
    pictures, labels = [], []
    for before, after in (("a red apple", "an orange"), ("a dog, flat style", "a cat, flat style")):
        start = paint(pipe, [before], [SEED])
        pictures += start
        labels.append(before)
        for strength in strengths:
            pictures += paint(again, [after], [SEED], image=start[0], strength=strength)
            labels.append(f"{after} {strength}")
    _write(pictures, 1 + len(strengths), labels, file)
