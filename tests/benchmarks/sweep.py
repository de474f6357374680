"""A mixed sweep of 24 cells on the built-in model: shared batches, one at a time, and diffusers'
stock pipeline.

    python -m tests.benchmarks.sweep             (needs the extra `local`)

All three paint the same 24 pictures with the same weights in one run, in turns, and the pictures
are laid against each other; the quickest of their turns counts.  torch works with the number of
threads with which it is fastest here.  The batched run is the whole way of a person's sweep: jobs,
library and files included.
"""

import io
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image

from sdplay.backends.builtin import Builtin
from sdplay.compare.axes import Setup
from sdplay.compare.plan import plan
from sdplay.engine.card import SHIPPED
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture
from sdplay.schedulers import SCHEDULERS
from sdplay.sweeps import Bench, Sweep

BASE = Params("a red apple, 3d style", width=128, height=128, seed=5)
AXES = [
    ("scheduler", "euler, ddim, dpmpp_2m_karras, heun, euler_a, unipc"),
    ("steps", "10, 20"),
    ("cfg", "1, 5"),
]
TURNS = 2
Pixels = list[np.ndarray]


def batched(cells: list[Params], folder: Path) -> Pixels:
    """All cells as one sweep."""
    library = Library(folder)
    sweep = Sweep(plan(Setup("builtin", BASE), AXES), Bench(), Jobs(library)).start()
    sweep.wait()
    found = {}
    for result in sweep.results().values():
        with Image.open(io.BytesIO(library.data(library.get(result.picture)))) as opened:
            found[result.cell.params] = np.asarray(opened.convert("RGB"))
    library.close()
    return [found[cell] for cell in cells]


def one_by_one(cells: list[Params]) -> Pixels:
    """The same cells through our own engine, each after the other."""
    backend = Builtin()
    backend.previews = False
    made = [
        next(event for event in backend.generate(cell) if isinstance(event, Picture))
        for cell in cells
    ]
    return [np.asarray(picture.image().convert("RGB")) for picture in made]


def stock(pipe: diffusers.StableDiffusionPipeline, cells: list[Params]) -> Pixels:
    """The same cells as diffusers' documentation shows it."""
    made = []
    shipped = json.loads((SHIPPED / "scheduler/scheduler_config.json").read_text())
    noise = {
        name: shipped[name]
        for name in ("beta_start", "beta_end", "beta_schedule", "prediction_type")
    }
    for cell in cells:
        name, settings = SCHEDULERS[cell.scheduler].diffusers
        pipe.scheduler = getattr(diffusers, name)(**noise, **settings)
        dice = torch.Generator().manual_seed(cell.seed)
        picture = pipe(
            cell.prompt, num_inference_steps=cell.steps, guidance_scale=cell.cfg, generator=dice
        )
        made.append(np.asarray(picture.images[0]))
    return made


def timed(paint: Callable[[], Pixels]) -> tuple[float, float, Pixels]:
    """Wall and processor seconds, and the pictures."""
    wall, cpu = time.perf_counter(), time.process_time()
    pixels = paint()
    return time.perf_counter() - wall, time.process_time() - cpu, pixels


def fastest_threads(paint: Callable[[], Pixels]) -> int:
    """With how many threads torch is quickest on this machine."""
    seconds = {}
    for count in range(1, (os.cpu_count() or 1) + 1):
        torch.set_num_threads(count)
        seconds[count] = min(timed(paint)[0] for _ in range(3))
    print(
        "threads for torch: "
        + ", ".join(f"{count}: {each:.2f} s a picture" for count, each in seconds.items())
    )
    return min(seconds, key=seconds.__getitem__)


def apart(one: Pixels, other: Pixels) -> str:
    differs = np.array(
        [np.abs(a.astype(int) - b.astype(int)) for a, b in zip(one, other, strict=True)]
    )
    same = sum(not each.any() for each in differs)
    return (
        f"{same} of {len(one)} the same, largest difference {differs.max()} of 255, mean "
        f"{differs.mean():.4f}"
    )


def main() -> None:
    """Warm each up with one picture, then let all three paint all 24 in turns."""
    cells = [cell.params for cell in plan(Setup("builtin", BASE), AXES).cells]
    evaluations = plan(Setup("builtin", BASE), AXES).evaluations
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(
        SHIPPED, dtype=torch.float32, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    one_by_one(cells[:1])
    stock(pipe, cells[:1])
    torch.set_num_threads(fastest_threads(lambda: stock(pipe, cells[-1:])))
    print(
        f"{len(cells)} cells, {evaluations} model evaluations, {torch.get_num_threads()} torch "
        "threads"
    )
    best: dict[str, tuple[float, float, Pixels]] = {}
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            ways = {
                "our sweep, shared batches": lambda folder=folder: batched(cells, Path(folder)),
                "our engine, one at a time": lambda: one_by_one(cells),
                "diffusers' stock pipeline": lambda: stock(pipe, cells),
            }
            for name, paint in ways.items():
                best[name] = min(
                    best.get(name, (math.inf, 0.0, [])), timed(paint), key=lambda told: told[0]
                )
    first_wall, first_cpu, shared = next(iter(best.values()))
    for name, (wall, cpu, pixels) in best.items():
        print(
            f"{name:<26} {wall:6.2f} s wall ({wall / first_wall:.2f}×) {cpu:6.2f} s CPU "
            f"({cpu / first_cpu:.2f}×)  "
            f"{apart(shared, pixels)}"
        )


if __name__ == "__main__":
    main()
