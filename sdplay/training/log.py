"""A log on screen and on disk, and checkpoints that survive being stopped while they are
written."""

import os
import time
from pathlib import Path
from typing import Any

import torch

from sdplay.files.whole_file import HALF, sweep_up, whole


class Log:
    """Prints a line with the time and appends it to train.log."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "train.log"

    def __call__(self, line: str) -> None:
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        print(stamped, flush=True)
        with self.file.open("a") as file:
            file.write(stamped + "\n")


def save(state: dict[str, Any], file: Path) -> None:
    """A checkpoint is whole or it is the one before; what a killed run left half-written goes."""
    sweep_up(file.parent.glob(HALF))
    with whole(file) as beside:
        torch.save(state, beside)


def rotate(file: Path) -> None:
    """Keep the last two checkpoints beside the one that comes next: "unet.pt" as "unet-1.pt", that
    one as "unet-2.pt"."""
    older, oldest = (file.with_stem(f"{file.stem}-{age}") for age in (1, 2))
    if older.exists():
        older.replace(oldest)
    if file.exists():
        os.link(file, older)


def load(file: Path) -> dict[str, Any] | None:
    """The last checkpoint, if there is one."""
    return torch.load(file, weights_only=True) if file.exists() else None


def checkpoint(file: Path) -> dict[str, Any]:
    """The last checkpoint, which an earlier stage must have left."""
    state = load(file)
    if state is None:
        raise SystemExit(f"{file} is missing: run the stage before this one first.")
    return state
