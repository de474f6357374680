"""Kept: a picture in the library, without its pixels."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sdplay.params import Params
from sdplay.picture import Receipt, Timing

SOMEONE = "•"
"""Stands for the owner of a picture that somebody else shared: an owner's name opens all that is
theirs."""


@dataclass(frozen=True)
class Kept:
    """One picture as the index knows it; `Library.data` has the bytes."""

    id: str
    key: str
    params: Params
    backend: str
    model: str
    timing: Timing
    receipt: Receipt
    made: datetime
    owner: str
    width: int
    height: int
    file: str
    """SHA-256 of the stored file."""
    partial: bool = False
    stars: int = 0
    tags: tuple[str, ...] = ()
    note: str = ""
    has_frames: bool = False
    shared: bool = False
    """Everybody may see it; only its owner may change it."""
    deleted: bool = False
    at: int = 0
    """When it was made, in microseconds since 1970: unique, and the order of every list."""
    group: int = 0
    """The same for pictures of one prompt, made in one go."""

    @property
    def made_from(self) -> str:
        """The file of the picture that this one was enlarged from or cut out of, if it was."""
        return str(self.receipt.sent.get("made_from", "")).removeprefix("sha256:")


@dataclass(frozen=True)
class Page:
    """A stretch of a list; `next` goes on where it ends."""

    kept: tuple[Kept, ...]
    next: int | None = None


@dataclass(frozen=True)
class Timed:
    """What one picture says about how fast its backend is."""

    scheduler: str
    work: float
    """As sdplay.work measures it."""
    seconds: float
    """Its part of the time that the backend was at work."""
    at_once: float | None
    """Pictures that the backend had at work meanwhile; None for an old record."""

    @property
    def rate(self) -> float:
        return self.seconds / self.work


@dataclass(frozen=True)
class Total:
    """How many pictures, and the seconds of work they took: time that was shared counts once."""

    count: int
    seconds: float

    @property
    def mean(self) -> float:
        return self.seconds / self.count if self.count else 0.0


@dataclass(frozen=True)
class Group:
    """Pictures of one prompt, made in one go: those on this page, and the total of all."""

    id: int
    kept: tuple[Kept, ...]
    total: Total
    varying: frozenset[str] = frozenset()
    """The settings in which not all of the group agree, on this page or off it."""

    @property
    def prompt(self) -> str:
        return self.kept[0].params.prompt

    @property
    def same(self) -> dict[str, Any]:
        """The settings that all of them share: the group's header."""
        return {
            name: value
            for name, value in self.kept[0].params.asked().items()
            if name not in self.varying
        }


def moment(at: int) -> datetime:
    """The date and time of a picture's `at`."""
    return datetime.fromtimestamp(at / 1e6, UTC)
