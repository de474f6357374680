"""The stages of a chain: what each does with the picture before it, and what it needs of the
backend."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sdplay import studio
from sdplay.backends import Backend
from sdplay.errors import BadParams
from sdplay.library import Library, SavedPicture
from sdplay.params import Params
from sdplay.picture import Enlargement, Progress

LARGEST_FACTOR = 4.0


@dataclass(frozen=True)
class ChainStage:
    """One stage of a plan, with its settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Before:
    """Where a stage begins."""

    params: Params
    """The settings of all stages before it."""
    picture: SavedPicture | None = None
    """The picture that the stage before it made."""


@dataclass(frozen=True)
class Workshop:
    """Makes the pictures and keeps them."""

    backend: Backend
    library: Library
    owner: str = ""

    def make(self, params: Params) -> Iterator[Progress | SavedPicture]:
        """Yields progress, then the picture."""
        return studio.make(params, self.backend, self.library, self.owner)

    def enlarge(self, source: SavedPicture, how: Enlargement) -> Iterator[Progress | SavedPicture]:
        """Yields progress, then the picture enlarged."""
        return studio.enlarge(source, how, self.backend, self.library, self.owner)

    def cut_out(self, source: SavedPicture) -> Sequence[SavedPicture]:
        """The things in the picture."""
        return studio.cut_out(source, self.backend, self.library, self.owner)


class Act(Protocol):
    """Does a stage: progress, then every picture that it gives."""

    def __call__(
        self, stage: ChainStage, before: Before, workshop: Workshop
    ) -> Iterator[Progress | SavedPicture]: ...


@dataclass(frozen=True)
class StageKind:
    """What a stage of one name does."""

    act: Act
    need: str = ""
    """The feature that the backend must have for it."""
    required: str = ""
    """The setting without which it does nothing."""
    own: tuple[str, ...] | None = None
    """The names of its settings; None takes those of a picture."""


def enlargement(stage: ChainStage) -> Enlargement:
    """How far the stage enlarges, and by what."""
    factor = stage.settings.get("factor", 2.0)
    is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not is_number or not 1 < factor <= LARGEST_FACTOR:
        raise BadParams(
            f"An upscale's factor must be over 1 and at most {LARGEST_FACTOR:g}, not {factor!r}."
        )
    faces = str(stage.settings.get("faces", ""))
    return Enlargement(str(stage.settings["upscaler"]), float(factor), faces)


def repainted(stage: ChainStage, before: Before, start: bytes = b"") -> Params:
    """The settings so far, for a picture painted over another: refiner and hires fix are off
    again, unless the stage asks for them."""
    size = (before.picture.width, before.picture.height) if before.picture else ()
    sides = {name: side // 8 * 8 for name, side in zip(("width", "height"), size, strict=False)}
    return before.params.with_(
        **{"init": start, "refiner": "", "hires_scale": 1.0, **sides, **stage.settings}
    )


def _make(
    stage: ChainStage, before: Before, workshop: Workshop
) -> Iterator[Progress | SavedPicture]:
    params = before.params.with_(**stage.settings)
    yield from workshop.make(params)


def _repaint(
    stage: ChainStage, before: Before, workshop: Workshop
) -> Iterator[Progress | SavedPicture]:
    params = repainted(stage, before, workshop.library.data(_source(before)))
    yield from workshop.make(params)


def _enlarge(
    stage: ChainStage, before: Before, workshop: Workshop
) -> Iterator[Progress | SavedPicture]:
    yield from workshop.enlarge(_source(before), enlargement(stage))


def _cut_out(
    stage: ChainStage, before: Before, workshop: Workshop
) -> Iterator[Progress | SavedPicture]:
    yield from workshop.cut_out(_source(before))


def _source(before: Before) -> SavedPicture:
    if before.picture is None:
        raise BadParams("This stage needs a picture before it. Begin the chain with base.")
    return before.picture


STAGES: Mapping[str, StageKind] = {
    "base": StageKind(_make),
    "refiner": StageKind(_make, "refiner", "refiner"),
    "hires": StageKind(_make, "hires", "hires_scale"),
    "upscale": StageKind(_enlarge, "upscale", "upscaler", ("upscaler", "factor", "faces")),
    "img2img": StageKind(_repaint, "img2img"),
    "cut-outs": StageKind(_cut_out, "cutouts", own=()),
}
"""Refiner and hires fix work inside the model: their stages make the picture again from the same
noise, with the settings of all stages before them."""
