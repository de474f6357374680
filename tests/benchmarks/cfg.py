"""At which CFG can schedulers be compared?  Each deterministic scheduler's picture at 20 steps
against its own at 200.

    python -m tests.benchmarks.cfg [PROMPTS]

A scheduler that has settled differs little from itself; where 20 steps are far from 200, two
schedulers at 20 steps differ by chance, and the comparison teaches nothing.
"""

import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sdplay.engine.loop import Engine, LoopJob, Made
from sdplay.engine.onnx_model import OnnxModel
from sdplay.schedulers import SCHEDULERS

SCALES = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
STEPS, SETTLED = 20, 200
PROMPTS = (
    "a red apple, 3d style",
    "a fox, flat style on a blue background",
    "cartoon octopus",
    "a house, simple style on green",
    "smiling face",
    "a car and a star, flat style",
    "owl, cartoon style on purple",
    "a robot, 3d style on black",
    "a pizza",
    "a rocket, simple style on yellow",
)
DETERMINISTIC = [
    entry for entry in SCHEDULERS.values() if not entry.stochastic and entry.sampler != "flow_euler"
]


def distances(engine: Engine, prompt: str, seed: int, cfg: float) -> dict[str, float]:
    """By scheduler, the root mean square difference on a scale of 0 to 255."""

    def paint(task: tuple[str, str, int]) -> np.ndarray:
        sampler, sigmas, steps = task
        job = LoopJob(prompt, sampler, steps, sigmas=sigmas, cfg=cfg, seed=seed)
        *_, last = engine.run(job)
        assert isinstance(last, Made)
        return last.pixels.astype(np.float64)

    tasks = [
        (entry.sampler, entry.sigmas, steps)
        for entry in DETERMINISTIC
        for steps in (STEPS, SETTLED)
    ]
    with ThreadPoolExecutor(len(tasks)) as pool:
        pictures = list(pool.map(paint, tasks))
    pairs = zip(pictures[::2], pictures[1::2], strict=True)
    return {
        entry.id: float(np.sqrt(np.mean((short - long) ** 2)))
        for entry, (short, long) in zip(DETERMINISTIC, pairs, strict=True)
    }


def table(measured: dict[float, dict[str, list[float]]]) -> str:
    """Rows of schedulers, columns of CFG; each figure the mean over the prompts."""
    lines = ["| scheduler | " + " | ".join(f"CFG {cfg:g}" for cfg in SCALES) + " |"]
    lines.append("| --- |" + " ---: |" * len(SCALES))
    for entry in DETERMINISTIC:
        means = [np.mean(measured[cfg][entry.id]) for cfg in SCALES]
        lines.append(f"| {entry.label} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table after every prompt, so that a stopped run has said something."""
    engine = Engine(OnnxModel())
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    measured: dict[float, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed, prompt in enumerate(PROMPTS[:count]):
        for cfg in SCALES:
            for name, distance in distances(engine, prompt, seed, cfg).items():
                measured[cfg][name].append(distance)
        print(
            f"\n{seed + 1} prompts, {STEPS} steps against {SETTLED}\n{table(measured)}", flush=True
        )


if __name__ == "__main__":
    main()
