"""One large picture of a comparison, with a slider for each axis that keys, wheel or finger move,
or that moves by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from sdplay.ui.components import component
from sdplay.ui.picture.inline import source

At = tuple[int, ...]
_FLIPBOOK = component("flipbook", "slider")
_PICTURES = component("pictures")
_ACTS = ("beside", "details")


@dataclass(frozen=True)
class Leaf:
    """One picture of the flipbook."""

    at: At
    picture: str
    """Its name among the thumbnails and the large pictures; empty while there is none."""
    name: str
    note: str = ""


@dataclass(frozen=True)
class Turn:
    """What the person just did, at most one thing."""

    wanted: tuple[str, ...] = ()
    """The pictures to send at full size: the one on the screen, and its neighbours."""
    beside: At | None = None
    details: At | None = None


def flipbook(
    axes: Sequence[tuple[str, Sequence[str]]],
    leaves: Sequence[Leaf],
    key: str,
    *,
    start: At = (),
    rejected: frozenset[At] = frozenset(),
    on_reject: Callable[[frozenset[At]], None],
    ratio: float = 1.0,
) -> Turn:
    """Draws the flipbook: thumbnails from their store at once, and large pictures as they come.

    `on_reject` gets all rejected cells before the page is drawn again, because a run that another
    click cuts short would lose them.
    """
    fields = {
        "axes": [{"label": label, "marks": list(marks)} for label, marks in axes],
        "cells": [vars(leaf) for leaf in leaves],
        "start": list(start),
        "rejected": [",".join(map(str, at)) for at in sorted(rejected)],
        "ratio": ratio,
    }
    heard = _FLIPBOOK(
        key=key,
        data=fields,
        height="content",
        on_rejected_change=lambda: on_reject(places(st.session_state[key]["rejected"])),
        on_wanted_change=lambda: _remember(key),
        **{f"on_{act}_change": _heard for act in _ACTS},
    )
    return Turn(
        tuple(map(str, st.session_state.pop(f"{key}_wanted", ()))),
        place(heard["beside"]) if heard.get("beside") is not None else None,
        place(heard["details"]) if heard.get("details") is not None else None,
    )


def large_pictures(pictures: Mapping[str, bytes]) -> None:
    """Sends picture files to the browser's store, from which the flipbook takes them."""
    if pictures:
        _PICTURES(data={"pictures": {id: source(data) for id, data in pictures.items()}})


def place(text: str) -> At:
    """A cell's place as the browser writes it."""
    return tuple(int(number) for number in text.split(",") if number)


def places(texts: Sequence[str] | None) -> frozenset[At]:
    """Several places as the browser writes them."""
    return frozenset(map(place, texts or ()))


def _remember(key: str) -> None:
    """Remembers which pictures the browser has just asked for, so that each is sent once."""
    wanted = st.session_state[key].get("wanted") or {}
    st.session_state[f"{key}_wanted"] = wanted.get("pictures", ())


def _heard() -> None:
    """Does nothing, but Streamlit passes a value on only if there is a callback."""
