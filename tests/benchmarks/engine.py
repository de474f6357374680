"""The built-in model through our engine against diffusers' stock pipeline with the same weights, in
one run; then ten calls of the U-Net, idle and beside four busy loops.

    python -m tests.benchmarks.engine            (needs the extra `local`)

Pictures are compared too: a faster engine that paints something else would be no gain.
"""

import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import onnxruntime
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

from sdplay.backends import builtin
from sdplay.engine.card import SHIPPED
from sdplay.engine.loop import Engine, LoopJob, Made, Moment
from sdplay.engine.onnx_model import OnnxModel

PROMPT, STEPS, CFG, ROUNDS = "a red apple, 3d style", 20, 2.5, 7
BUSY, CALLS, PEOPLE = 4, 10, 25


def ours() -> tuple[Callable[[int], np.ndarray], float]:
    """Paints one seed; and how long the sessions took to be ready."""
    began = time.perf_counter()
    model = OnnxModel()
    model.decode(
        model.denoise(np.zeros((1, model.channels, 16, 16), np.float32), [1.0], [model.embed("")])
    )
    ready = time.perf_counter() - began
    engine = Engine(model)

    def paint(seed: int) -> np.ndarray:
        job = LoopJob(
            PROMPT,
            sampler="dpmpp_2m",
            sigmas="karras",
            steps=STEPS,
            cfg=CFG,
            seed=seed,
            width=128,
            height=128,
            previews=False,
        )
        return next(event.pixels for event in engine.run(job) if isinstance(event, Made))

    return paint, ready


def stock() -> Callable[[int], np.ndarray]:
    """The same with diffusers, as its documentation shows it."""
    pipe = StableDiffusionPipeline.from_pretrained(SHIPPED, local_files_only=True).to(torch.float32)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.scheduler.config, use_karras_sigmas=True
    )
    pipe.set_progress_bar_config(disable=True)

    def paint(seed: int) -> np.ndarray:
        dice = torch.Generator().manual_seed(seed)
        return np.asarray(
            pipe(PROMPT, num_inference_steps=STEPS, guidance_scale=CFG, generator=dice).images[0]
        )

    return paint


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Inside, so many processes do nothing as fast as they can."""
    line = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(line) for _ in range(loops)]
    time.sleep(0.3)
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def calls() -> dict[str, Callable[[], float]]:
    """Ten calls of the U-Net with two rows, in seconds: as our model makes them, and with threads
    that spin while they wait, which is onnxruntime's default."""
    model, dice = OnnxModel(), np.random.default_rng(0)
    x = dice.standard_normal((2, model.channels, 16, 16), np.float32)
    meanings = [model.embed(""), model.embed(PROMPT)]
    given = {
        "sample": x,
        "timestep": np.array([500, 500], np.float32),
        "encoder_hidden_states": np.concatenate(meanings),
    }
    spinning = onnxruntime.InferenceSession(
        str(SHIPPED / "unet.onnx"), providers=["CPUExecutionProvider"]
    )

    def ten(call: Callable[[], object]) -> float:
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        return time.perf_counter() - began

    return {
        "ours": lambda: ten(lambda: model.denoise(x, [500.0, 500.0], meanings)),
        "spinning": lambda: ten(lambda: spinning.run(None, given)),
    }


def under_load() -> None:
    """Idle and busy in turns, so that what else the machine does hits all of them."""
    spent: dict[tuple[str, int], list[float]] = defaultdict(list)
    kinds = calls()
    for call in kinds.values():
        call()
    for _ in range(ROUNDS):
        for loops in (0, BUSY):
            with busy(loops):
                for name, call in kinds.items():
                    spent[name, loops].append(call())
    middle = {key: statistics.median(times) for key, times in spent.items()}
    for name in kinds:
        idle, loaded = middle[name, 0], middle[name, BUSY]
        print(
            f"{CALLS} calls, {name:<9} idle {idle:.2f} s, beside {BUSY} loops {loaded:.2f} s: "
            f"{loaded / idle:.1f}×, at worst {max(spent[name, BUSY]) / idle:.1f}×"
        )


def crowd(look: Callable[[Engine, Moment], object] | None) -> float:
    """Seconds for 25 people's pictures at once, everybody looking at every step, or nobody."""
    engine = Engine(OnnxModel(), preview_seconds=0)
    next(engine.run(LoopJob("a fox", "euler", 1)))

    def watch(seed: int) -> None:
        job = LoopJob(PROMPT, "euler", 10, cfg=CFG, seed=seed, owner=str(seed), previews=bool(look))
        for event in engine.run(job):
            if look and isinstance(event, Moment):
                look(engine, event)

    began = time.perf_counter()
    with ThreadPoolExecutor(PEOPLE) as pool:
        list(pool.map(watch, range(PEOPLE)))
    return time.perf_counter() - began


def previews() -> None:
    """What previews cost where 25 people watch."""
    kinds: dict[str, Callable[[Engine, Moment], object] | None] = {
        "without": None,
        "our previews": lambda engine, moment: builtin.preview(engine, moment.clean),
        "decoded ones": lambda engine, moment: engine.decode(moment.clean),
    }
    spent: dict[str, list[float]] = defaultdict(list)
    for _ in range(3):
        for name, look in kinds.items():
            spent[name].append(crowd(look))
    middle = {name: statistics.median(times) for name, times in spent.items()}
    for name, seconds in middle.items():
        ratio = seconds / middle["without"]
        print(f"{PEOPLE} pictures of 10 steps, {name:<13} {seconds:.1f} s: {ratio:.2f}×")
    engine, latent = Engine(OnnxModel()), np.zeros((1, 8, 16, 16), np.float32)
    began = time.perf_counter()
    for _ in range(100):
        builtin.preview(engine, latent)
    a_preview = (time.perf_counter() - began) / 100
    a_step = statistics.median(calls()["ours"]() for _ in range(5)) / CALLS
    print(f"a preview {1000 * a_preview:.2f} ms, a step {1000 * a_step:.1f} ms")


def main() -> None:
    """Take turns, so that a busy moment of the machine hits both."""
    mine, ready = ours()
    theirs = stock()
    differs = np.abs(mine(0).astype(int) - theirs(0).astype(int))
    spent: dict[str, list[float]] = {"ours": [], "stock": []}
    for seed in range(1, ROUNDS + 1):
        for name, paint in (("ours", mine), ("stock", theirs)):
            began = time.perf_counter()
            paint(seed)
            spent[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(times) for name, times in spent.items()}
    print(f"sessions ready            {ready:.2f} s")
    print(f"largest pixel difference  {differs.max()} of 255, mean {differs.mean():.4f}")
    print(
        f"our engine                {middle['ours']:.3f} s per picture ({STEPS} steps, CFG "
        f"{CFG:g}, 128 × 128)"
    )
    print(f"diffusers' stock pipeline {middle['stock']:.3f} s per picture")
    print(f"ratio                     {middle['stock'] / middle['ours']:.2f}×")
    under_load()
    previews()


if __name__ == "__main__":
    main()
