"""Averages of the weights over a run, from which one of any width can be put together afterwards
(Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion models")."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sdplay.training.log import checkpoint, save

WIDTHS = (0.05, 0.10)
"""How wide each average looks back, as a standard deviation in parts of the run."""

Weights = Mapping[str, torch.Tensor]


def power(width: float) -> float:
    """The power with which an average of that width weighs the run's moments."""
    square = width**-2
    return float(np.roots([1, 7, 16 - square, 12 - square]).real.max())


@dataclass
class Averages:
    """One average for each width; what is far back in the run weighs ever less."""

    means: list[dict[str, torch.Tensor]]
    ticks: int = 0

    @classmethod
    def beginning(cls, weights: Weights) -> "Averages":
        """At the start of a run: the weights themselves."""
        return cls(
            [{name: each.detach().clone() for name, each in weights.items()} for _ in WIDTHS]
        )

    @torch.no_grad()
    def take(self, weights: Weights) -> None:
        """Take in the weights as they are now."""
        self.ticks += 1
        for width, mean in zip(WIDTHS, self.means, strict=True):
            share = 1 - (1 - 1 / self.ticks) ** (power(width) + 1)
            torch._foreach_lerp_([mean[name] for name in weights], list(weights.values()), share)

    def write(self, folder: Path) -> None:
        """Leave a snapshot of 16 bits for later."""
        folder.mkdir(parents=True, exist_ok=True)
        means = [{name: each.half() for name, each in mean.items()} for mean in self.means]
        save({"ticks": self.ticks, "means": means}, folder / f"{self.ticks:07d}.pt")


def of_width(folder: Path, width: float) -> dict[str, torch.Tensor]:
    """The average of that width at the last snapshot, as the best mix of all snapshots."""
    files = sorted(folder.glob("*.pt"))
    if not files:
        raise SystemExit(f"{folder} holds no averages: the stage unet leaves them there.")
    moments = [int(file.stem) for file in files]
    profiles = [(moment, power(each)) for moment in moments for each in WIDTHS]
    mixed: dict[str, torch.Tensor] = {}
    for file, shares in zip(files, _mix(profiles, (moments[-1], power(width))), strict=True):
        for mean, share in zip(checkpoint(file)["means"], shares, strict=True):
            for name, each in mean.items():
                mixed[name] = mixed.get(name, 0) + float(share) * each.float()
    return mixed


def _mix(profiles: list[tuple[int, float]], aim: tuple[int, float]) -> np.ndarray:
    """How much of each profile comes nearest to the one aimed at; a row for each snapshot."""
    shared = [[_overlap(one, other) for other in profiles] for one in profiles]
    shares = np.linalg.lstsq(
        np.array(shared), np.array([_overlap(one, aim) for one in profiles]), rcond=None
    )[0]
    whole: np.ndarray = shares / shares.sum()
    return whole.reshape(-1, len(WIDTHS))


def _overlap(one: tuple[int, float], other: tuple[int, float]) -> float:
    """The integral of two power profiles' product, each of area 1 up to its own moment."""
    (moment, first), (another, second) = one, other
    shorter = math.log(min(moment, another))
    whole = (first + 1) * math.log(moment) + (second + 1) * math.log(another)
    scale = (first + 1) * (second + 1) / (first + second + 1)
    return scale * math.exp((first + second + 1) * shorter - whole)
