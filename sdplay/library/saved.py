"""A picture in the library as the index describes it, without its pixels."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sdplay.params import Params
from sdplay.picture import Receipt, Timing

SOMEONE = "•"
"""Replaces the owner's name of a picture that somebody else shared, because the name gives access
to all that is theirs."""


@dataclass(frozen=True)
class SavedPicture:
    """One picture as the index describes it. `Library.data` returns its bytes."""

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
    """The SHA-256 of the stored file."""
    partial: bool = False
    stars: int = 0
    tags: tuple[str, ...] = ()
    note: str = ""
    has_frames: bool = False
    shared: bool = False
    """Whether everybody may see it. Only its owner may change it."""
    deleted: bool = False
    at: int = 0
    """When it was made, in microseconds since 1970. It is unique, and lists are ordered by it."""
    group: int = 0
    """The number of its group: the pictures of one prompt that were made shortly after each other.
    """

    @property
    def made_from(self) -> str:
        """The file of the picture that this one was enlarged from or cut out of. Empty if there is
        none."""
        return str(self.receipt.sent.get("made_from", "")).removeprefix("sha256:")


@dataclass(frozen=True)
class Page:
    """One part of a long list. `next` is where the following part begins."""

    pictures: tuple[SavedPicture, ...]
    next: int | None = None


@dataclass(frozen=True)
class Timed:
    """What one picture tells about the speed of its backend."""

    scheduler: str
    work: float
    """The amount of work, as sdplay.work counts it."""
    seconds: float
    """The picture's own part of the seconds in which the backend worked."""
    at_once: float | None
    """How many pictures the backend made at the same time. None in records from before this was
    noted."""

    @property
    def rate(self) -> float:
        return self.seconds / self.work


@dataclass(frozen=True)
class Total:
    """The number of pictures and the seconds they took. Time shared by several pictures counts
    once."""

    count: int
    seconds: float

    @property
    def mean(self) -> float:
        return self.seconds / self.count if self.count else 0.0


@dataclass(frozen=True)
class Group:
    """The pictures of one group that are on this page, and the total of the whole group."""

    id: int
    pictures: tuple[SavedPicture, ...]
    total: Total
    varying: frozenset[str] = frozenset()
    """The settings that differ within the whole group, also in pictures that are not on this page.
    """

    @property
    def prompt(self) -> str:
        return self.pictures[0].params.prompt

    @property
    def same(self) -> dict[str, Any]:
        """The settings that are the same in the whole group, for its header."""
        return {
            name: value
            for name, value in self.pictures[0].params.asked().items()
            if name not in self.varying
        }


def moment(at: int) -> datetime:
    """The date and time of a picture's `at`."""
    return datetime.fromtimestamp(at / 1e6, UTC)
