"""A flipbook: one large picture of a comparison and a slider for each of its axes, turned by keys,
wheel, finger, or by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdplay.ui.components import component
from sdplay.ui.components.viewer import source

At = tuple[int, ...]
_FLIPBOOK = component("flipbook")
_PICTURES = component("pictures")
_ACTS = ("wanted", "rejected", "beside", "details")


@dataclass(frozen=True)
class Leaf:
    """One picture of the book."""

    at: At
    picture: str
    """Its name among the thumbnails and the large pictures; empty while there is none."""
    name: str
    note: str = ""


@dataclass(frozen=True)
class Turn:
    """What was just asked for, at most one thing at a time."""

    wanted: tuple[str, ...] = ()
    """Pictures to send at full size: the one that is looked at, and its neighbours."""
    rejected: frozenset[At] | None = None
    """All that are rejected now."""
    beside: At | None = None
    details: At | None = None


def flipbook(
    axes: Mapping[str, Sequence[str]],
    leaves: Sequence[Leaf],
    key: str,
    *,
    start: At = (),
    rejected: frozenset[At] = frozenset(),
    ratio: float = 1.0,
    sharp: bool = False,
) -> Turn:
    """Draw the book; pictures come from the thumbnails' store, and `sharp` ones are asked for."""
    fields = {
        "axes": [{"label": label, "marks": list(marks)} for label, marks in axes.items()],
        "cells": [vars(leaf) for leaf in leaves],
        "start": list(start),
        "rejected": [",".join(map(str, at)) for at in sorted(rejected)],
        "ratio": ratio,
        "sharp": sharp,
    }
    heard = _FLIPBOOK(
        key=key,
        data=fields,
        height="content",
        **{f"on_{act}_change": _heard for act in _ACTS},
    )
    return Turn(
        tuple(map(str, heard.get("wanted") or ())),
        None if heard.get("rejected") is None else frozenset(map(place, heard["rejected"])),
        place(heard["beside"]) if heard.get("beside") is not None else None,
        place(heard["details"]) if heard.get("details") is not None else None,
    )


def large_pictures(pictures: Mapping[str, bytes]) -> None:
    """Bring picture files to the browser, where the flipbook takes them from."""
    if pictures:
        _PICTURES(data={"pictures": {id: source(data) for id, data in pictures.items()}})


def place(text: str) -> At:
    """A cell's place as the browser writes it."""
    return tuple(int(number) for number in text.split(",") if number)


def _heard() -> None:
    """Asks for nothing: it makes Streamlit hand the value over."""
