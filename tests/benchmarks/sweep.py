"""A mixed sweep of 24 cells on the built-in model: shared batches, one at a time, and diffusers' stock pipeline.

    python -m tests.benchmarks.sweep             (needs the extra `local`)

All three paint the same 24 pictures with the same weights in one run, and the pictures are laid against each other.
The batched run is the whole way of a person's sweep: jobs, library and files included.
"""

import io
import json
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
from sdplay.engine.onnx_model import SHIPPED
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import Picture
from sdplay.schedulers import SCHEDULERS
from sdplay.sweeps import Bench, Sweep

BASE = Params("a red apple, 3d style", width=128, height=128, seed=5)
AXES = [("scheduler", "euler, ddim, dpmpp_2m_karras, heun, euler_a, unipc"), ("steps", "10, 20"), ("cfg", "1, 5")]
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
    made = [next(event for event in backend.generate(cell) if isinstance(event, Picture)) for cell in cells]
    return [np.asarray(picture.image().convert("RGB")) for picture in made]


def stock(pipe: diffusers.StableDiffusionPipeline, cells: list[Params]) -> Pixels:
    """The same cells as diffusers' documentation shows it."""
    made = []
    shipped = json.loads((SHIPPED / "scheduler/scheduler_config.json").read_text())
    noise = {name: shipped[name] for name in ("beta_start", "beta_end", "beta_schedule", "prediction_type")}
    for cell in cells:
        name, settings = SCHEDULERS[cell.scheduler].diffusers
        pipe.scheduler = getattr(diffusers, name)(**noise, **settings)
        dice = torch.Generator().manual_seed(cell.seed)
        picture = pipe(cell.prompt, num_inference_steps=cell.steps, guidance_scale=cell.cfg, generator=dice)
        made.append(np.asarray(picture.images[0]))
    return made


def timed(name: str, paint: Callable[[], Pixels]) -> tuple[Pixels, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    pixels = paint()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<34} {wall:7.2f} s wall  {cpu:7.2f} s CPU")
    return pixels, wall, cpu


def apart(one: Pixels, other: Pixels) -> str:
    differs = np.array([np.abs(a.astype(int) - b.astype(int)) for a, b in zip(one, other, strict=True)])
    same = sum(not each.any() for each in differs)
    return f"{same} of {len(one)} the same, largest difference {differs.max()} of 255, mean {differs.mean():.4f}"


def main() -> None:
    """Warm each up with one picture, then time all 24."""
    cells = [cell.params for cell in plan(Setup("builtin", BASE), AXES).cells]
    evaluations = plan(Setup("builtin", BASE), AXES).evaluations
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(SHIPPED, torch_dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    one_by_one(cells[:1])
    stock(pipe, cells[:1])
    print(f"{len(cells)} cells, {evaluations} model evaluations, {torch.get_num_threads()} torch threads")
    with tempfile.TemporaryDirectory() as folder:
        shared, wall, cpu = timed("our sweep, shared batches", lambda: batched(cells, Path(folder)))
    alone, alone_wall, alone_cpu = timed("our engine, one at a time", lambda: one_by_one(cells))
    theirs, their_wall, their_cpu = timed("diffusers' stock pipeline", lambda: stock(pipe, cells))
    print(f"shared against one at a time       {apart(shared, alone)}")
    print(f"shared against diffusers           {apart(shared, theirs)}")
    print(f"faster than one at a time          {alone_wall / wall:.2f}× wall, {alone_cpu / cpu:.2f}× CPU")
    print(f"faster than diffusers              {their_wall / wall:.2f}× wall, {their_cpu / cpu:.2f}× CPU")


if __name__ == "__main__":
    main()
