"""Denoising frames of several runs side by side: aligned by step, noise level or seconds."""

import math
from collections.abc import Sequence
from typing import Literal

from sdplay.picture import Frame

By = Literal["step", "noise", "seconds"]
Run = Sequence[Frame]


def aligned(runs: Sequence[Run], by: By, columns: int = 10) -> list[list[Frame]]:
    """A row of frames for each run; frames in one column belong together.  The last column is every run's end."""
    places = _places(runs, by, columns)
    return [[at_place(run, by, place) for place in places] for run in runs if run]


def at_place(run: Run, by: By, place: float) -> Frame:
    """The frame of a run that is nearest to a place of the scrubber; one past the end shows the end."""
    return min(run, key=lambda frame: (abs(_measure(frame, by) - place), -frame.step))


def span(runs: Sequence[Run], by: By) -> tuple[float, float]:
    """From where to where the scrubber goes."""
    measured = [_measure(frame, by) for run in runs for frame in run]
    return (min(measured), max(measured)) if measured else (0.0, 0.0)


def _measure(frame: Frame, by: By) -> float:
    """Grows as the run goes on; noise is counted in its logarithm, as the eye sees it fall."""
    if by == "noise":
        return -math.log(max(frame.sigma, 1e-3))
    return float(frame.step if by == "step" else frame.seconds)


def _places(runs: Sequence[Run], by: By, columns: int) -> list[float]:
    low, high = span(runs, by)
    return [low + (high - low) * at / max(1, columns - 1) for at in range(columns)]
