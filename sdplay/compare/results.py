"""The result of each cell of a plan: its state, times, what was applied, and the hash of its
pixels."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from sdplay.compare.plan import Cell
from sdplay.picture import Timing
from sdplay.wording import many

SPARED = "spared"
"""The state of a cell that coarse to fine did not make: its neighbours look the same."""
LIKE_COMPANY = 1.5
"""Seconds of pictures made in company differ little as long as the company does not differ more."""


@dataclass(frozen=True)
class Load:
    """What the whole machine spent since the cells before had ended.  None stands for a meter that
    it does not have."""

    seconds: float
    cpu_seconds: float
    cpu_percent: float
    ram_mb: float
    """In use on the whole machine."""
    process_ram_mb: float
    gpu_percent: float | None = None
    gpu_ram_mb: float | None = None
    energy_joules: float | None = None
    """Of processors and graphics cards together, as far as they have a meter."""

    def shared(self, cells: int) -> "Load":
        """The part of one cell when several ended together: what adds up is divided."""
        energy = None if self.energy_joules is None else self.energy_joules / cells
        return replace(
            self,
            seconds=self.seconds / cells,
            cpu_seconds=self.cpu_seconds / cells,
            energy_joules=energy,
        )

    def as_dict(self) -> dict[str, float | None]:
        """The columns that a table has for it."""
        return {
            "cpu_percent": self.cpu_percent,
            "cpu_seconds": self.cpu_seconds,
            "ram_mb": self.process_ram_mb,
            "machine_ram_mb": self.ram_mb,
            "gpu_percent": self.gpu_percent,
            "gpu_ram_mb": self.gpu_ram_mb,
            "energy_joules": self.energy_joules,
        }


LOAD_COLUMNS = tuple(Load(0.0, 0.0, 0.0, 0.0, 0.0).as_dict())


@dataclass(frozen=True)
class Result:
    """One cell and its result."""

    cell: Cell
    state: str = "planned"
    """planned, queued, running, made, reused, failed, cancelled, skipped or spared."""
    pixels: str = ""
    """The hash of the pixels; empty while there is no picture."""
    look: str = ""
    """The picture in 8×8 colours: tells a rounding difference from another picture."""
    timing: Timing | None = None
    model: str = ""
    warnings: tuple[str, ...] = ()
    applied: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    """The sentence of a failed cell."""
    picture: str = ""
    """The picture's id in the library."""
    file: str = ""
    """Where a copy was written, from the sweep's folder."""
    load: Load | None = None
    """What the machine spent on it."""

    @property
    def done(self) -> bool:
        return self.state in ("made", "reused")

    @property
    def seconds(self) -> float | None:
        """How long the picture took: the model's time where it is known, else the whole time
        without waiting."""
        return self.timing.own if self.timing else None

    @property
    def caption(self) -> str:
        """The line under a tile."""
        if self.state == "skipped":
            return "skipped"
        if self.state == SPARED:
            return "no visible change"
        if self.error:
            return self.error
        time = "" if self.seconds is None else f"{self.seconds:.2f} s"
        marks = many(len(self.warnings), "warning") if self.warnings else ""
        return ", ".join(filter(None, (time, marks)))


def measured_alike(results: Iterable[Result]) -> bool:
    """Whether these seconds may be compared: all were measured in this run, with about as many
    pictures at work.  A picture from the library was timed on another day, and one of a shared
    batch shows only its share."""
    pictures = [result for result in results if result.timing]
    company = [result.timing.at_once or 0.0 for result in pictures if result.timing]
    fresh = all(result.state == "made" for result in pictures)
    return fresh and bool(company) and 0 < max(company) <= LIKE_COMPANY * min(company)


Pictures = Callable[[Result], Image.Image | None]
"""Gives a cell's pixels; called once a cell, so that a large sweep need not lie in memory."""
