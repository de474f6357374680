"""The pictures of a comparison sorted and filtered by any number; what is rejected folds away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sdplay.ui.components import component
from sdplay.ui.components.flipbook import At, place

_SIFT = component("sift")
_ACTS = ("wanted", "rejected", "opened")


@dataclass(frozen=True)
class Number:
    """What pictures can be sorted by."""

    id: str
    label: str
    ready: bool = True
    """False: it is counted when somebody asks for it."""


@dataclass(frozen=True)
class Sifted:
    """One picture with its numbers."""

    at: At
    picture: str
    name: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """The same as a person reads them."""


@dataclass(frozen=True)
class Choice:
    """What was just asked for."""

    wanted: str = ""
    """A number that is to be counted."""
    rejected: frozenset[At] | None = None
    opened: At | None = None


def sift(
    pictures: Sequence[Sifted],
    numbers: Sequence[Number],
    key: str,
    *,
    rejected: frozenset[At] = frozenset(),
    ratio: float = 1.0,
) -> Choice:
    """Draw the pictures; thumbnails come from their store."""
    fields = {
        "cells": [{**vars(entry), "at": _text(entry.at)} for entry in pictures],
        "numbers": [vars(number) for number in numbers],
        "rejected": sorted(map(_text, rejected)),
        "ratio": ratio,
    }
    heard = _SIFT(
        key=key,
        data=fields,
        height="content",
        **{f"on_{act}_change": _heard for act in _ACTS},
    )
    return Choice(
        str(heard.get("wanted") or ""),
        None if heard.get("rejected") is None else frozenset(map(place, heard["rejected"])),
        None if heard.get("opened") is None else place(heard["opened"]),
    )


def _text(at: At) -> str:
    return ",".join(map(str, at))


def _heard() -> None:
    """Asks for nothing: it makes Streamlit hand the value over."""
