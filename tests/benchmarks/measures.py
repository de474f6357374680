"""What a pair of pictures costs to measure, in processor time on one core.

python -m tests.benchmarks.measures           (takes some seconds)
"""

import os

# Read when numpy is imported: one core, whatever the machine has.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import statistics
import time
from functools import partial

import numpy as np
from PIL import Image

from sdplay.compare.evidence.colour import colour_distance
from sdplay.compare.evidence.measures import difference, ssim

TIMES = 15


def picture(seed: int, side: int) -> Image.Image:
    """Soft shapes with grain."""
    random = np.random.default_rng(seed)
    soft = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).resize((side, side))
    grain = random.normal(size=(side, side, 3)) * 6
    return Image.fromarray(np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8))


def milliseconds(measure) -> str:
    times = []
    for _ in range(TIMES):
        began = time.process_time()
        measure()
        times.append((time.process_time() - began) * 1000)
    return f"{statistics.median(times):.1f} ms ({min(times):.1f} to {max(times):.1f})"


def main() -> None:
    """Three sizes: the built-in model's, Stable Diffusion's, and SDXL's."""
    for side in (128, 512, 1024):
        one, other = picture(1, side), picture(2, side)
        pixels = np.asarray(one), np.asarray(other)
        colour = milliseconds(partial(colour_distance, *pixels))
        shape = milliseconds(partial(ssim, one, other))
        every = milliseconds(partial(difference, one, other))
        print(f"{side} × {side}: colour distance {colour}; SSIM {shape}; all measures {every}")


if __name__ == "__main__":
    main()
