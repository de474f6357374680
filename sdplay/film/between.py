"""The way from one setting to another in small steps: numbers, seeds and prompts."""

from dataclasses import dataclass
from typing import Any

from PIL import Image

from sdplay.errors import BadParams
from sdplay.film.storyboard import check_count
from sdplay.params import KNOBS, Params

WAYS = ("prompt", "negative")
"""Texts that can be blended: both are sent, each with its weight."""


@dataclass(frozen=True)
class FromTo:
    """Frames from one picture to another; the ends are exactly those two."""

    start: Params
    end: Params
    count: int
    chained = False

    def __post_init__(self) -> None:
        check_count(self.count, 2)
        names = differing(self.start, self.end)
        if not names:
            raise BadParams(
                "Both ends are the same, so nothing would move. Change the prompt, the seed or a "
                "number at one end."
            )
        for name in names:
            if not _is_gradual(name):
                raise BadParams(
                    f"{KNOBS[name].label} cannot change little by little. Make it the same at both "
                    "ends."
                )
        if "seed" in names and (self.start.variation_strength or self.end.variation_strength):
            raise BadParams(
                "Two seeds are mixed by variation strength, so set that to 0 at both ends."
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """Seeds are mixed; all else every backend has, or says that it has not."""
        mixed = self.start.seed != self.end.seed and self.count > 2
        return (("variation",) if mixed else ()) + (("img2img",) if self.start.init else ())

    def params(self, at: int, before: Image.Image | None = None) -> Params:
        """The settings of one frame; the frame before it does not matter."""
        share = at / (self.count - 1)
        if at in (0, self.count - 1):
            return self.end if at else self.start
        changes: dict[str, Any] = {}
        for name in differing(self.start, self.end):
            changes |= _step(name, (getattr(self.start, name), getattr(self.end, name)), share)
        return self.start.with_(**changes)


def differing(start: Params, end: Params) -> list[str]:
    """The settings in which the ends differ."""
    return [name for name in KNOBS if getattr(start, name) != getattr(end, name)]


def blended(start: str, end: str, share: float) -> str:
    """Both prompts in one: what they have in common once, and what differs by weight."""
    left, right = start.split(), end.split()
    head = _alike(left, right)
    tail = _alike(left[head:][::-1], right[head:][::-1])
    leaving, coming = (words[head : len(words) - tail] for words in (left, right))
    middle = [_weighed(leaving, 1 - share), _weighed(coming, share)]
    return " ".join(filter(None, [*left[:head], *middle, *left[len(left) - tail :]]))


def _is_gradual(name: str) -> bool:
    return name == "seed" or name in WAYS or KNOBS[name].kind in (int, float)


def _step(name: str, ends: tuple[Any, Any], share: float) -> dict[str, Any]:
    if name == "seed":
        return {"variation_seed": ends[1], "variation_strength": share}
    if name in WAYS:
        return {name: blended(ends[0], ends[1], share)}
    if None in ends:
        raise BadParams(
            f"{KNOBS[name].label} must be a number at both ends, so that there is a way between "
            "them."
        )
    value = ends[0] + (ends[1] - ends[0]) * share
    return {name: round(value) if KNOBS[name].kind is int else round(value, 6)}


def _alike(left: list[str], right: list[str]) -> int:
    """How many words both begin with."""
    pairs = zip(left, right, strict=False)
    return next(
        (at for at, (one, two) in enumerate(pairs) if one != two), min(len(left), len(right))
    )


def _weighed(words: list[str], weight: float) -> str:
    """A comma at the end stays outside, where it parts the prompt's pieces."""
    text = " ".join(words)
    ending = "," if text.endswith(",") else ""
    text = text.removesuffix(",")
    return f"({text}:{weight:.3g}){ending}" if text else ending
