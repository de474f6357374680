"""Kept: a picture in the library, without its pixels."""

from dataclasses import dataclass
from datetime import datetime

from sdplay.params import Params
from sdplay.picture import Receipt, Timing


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
