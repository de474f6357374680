"""How fast a run learns: at full pace until it cools, once, at its end; and in which numbers."""

import math
import time
from dataclasses import dataclass, field

import torch

FLOOR = 0.03
"""The share of the full learning rate that is left at the end."""


def autocast() -> torch.autocast:
    """Numbers of 16 bits where this processor computes them itself; elsewhere imitating them takes
    15 times as long as 32 bits."""
    supported = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast("cpu", torch.bfloat16, enabled=supported)


@dataclass
class Pace:
    """The share of the full learning rate over one run of so many minutes, or pictures if they are
    over sooner.  A run that cools goes down from where the runs before have left it, and never up
    again."""

    start: float
    """As the last checkpoint says; 1 before any cooling."""
    minutes: float
    cool: bool = False
    pictures: float = math.inf
    """How many this run may learn from."""
    learnt: int = 0
    """From how many it has learnt."""
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.start < 1 and not self.cool:
            raise SystemExit(
                "This run has begun to cool, and warm steps would undo that. Go on with --cool, or "
                "from a checkpoint before."
            )
        if self.start <= FLOOR:
            raise SystemExit("This run has cooled to its end: nothing is left to learn slowly.")

    @property
    def spent(self) -> float:
        """The share of the minutes, or of the pictures, that is over."""
        passed = (time.monotonic() - self.began) / (60 * self.minutes)
        return max(passed, self.learnt / self.pictures if self.pictures > 0 else 1.0)

    @property
    def now(self) -> float:
        """The share of the full learning rate."""
        if not self.cool:
            return self.start
        return FLOOR + (self.start - FLOOR) * max(0.0, 1 - self.spent)

    def end(self) -> None:
        """Let the run end after its present step."""
        self.pictures = 0
