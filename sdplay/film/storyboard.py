"""What a film is made of: how many frames, and the settings of each."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from sdplay.errors import BadParams
from sdplay.film.geometry import DEGREES, ZOOM, moved
from sdplay.params import MAX_SEED, Params
from sdplay.picture import png_bytes

MOST_FRAMES = 1000
SEEDS = ("next", "same")
"""Each frame takes the next seed, or all the same one, which burns in its pattern."""


class Storyboard(Protocol):
    """The settings of every frame."""

    @property
    def count(self) -> int:
        """How many frames there are."""

    @property
    def chained(self) -> bool:
        """Whether each frame needs the one before it."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The features that a backend must have for it."""

    def params(self, at: int, before: Image.Image | None) -> Params:
        """The settings of one frame, from 0 on; `before` is the frame before it, where it needs
        one."""


@dataclass(frozen=True)
class FrameToFrame:
    """Every frame is made from the one before it, moved a little; the first as the settings say.

    Their strength is how much a frame may differ from the one before it.
    """

    base: Params
    count: int
    zoom: float = 1.0
    degrees: float = 0.0
    seeds: str = "next"
    chained = True

    def __post_init__(self) -> None:
        check_count(self.count, 1)
        _check_within("Zoom", self.zoom, ZOOM)
        _check_within("Rotation", self.degrees, DEGREES)
        if self.seeds not in SEEDS:
            raise BadParams(f"Seeds are next or same, not {self.seeds!r}.")

    @property
    def needs(self) -> tuple[str, ...]:
        """A single frame may be made from words alone."""
        return ("img2img",) if self.count > 1 or self.base.init else ()

    def params(self, at: int, before: Image.Image | None) -> Params:
        """The frame before, moved, is the start image; a mask holds only for the first frame."""
        if before is None:
            return self.base
        seed = (self.base.seed + at) % (MAX_SEED + 1) if self.seeds == "next" else self.base.seed
        start = png_bytes(moved(before, self.zoom, self.degrees))
        return self.base.with_(init=start, mask=b"", seed=seed, **_UNMIXED)


_UNMIXED = {"variation_strength": 0.0, "hires_scale": 1.0}
"""A frame made from another has neither: a seed of its own, and its size already."""


def check_count(count: int, least: int) -> None:
    """A film has at least so many frames."""
    if not least <= count <= MOST_FRAMES:
        raise BadParams(f"Frames must be between {least} and {MOST_FRAMES:,}, not {count:,}.")


def _check_within(label: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:  # nan is neither
        raise BadParams(f"{label} must be between {low:g} and {high:g}, not {value:g}.")
