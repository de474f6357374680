"""The pictures of a comparison, sorted and filtered by any number. Rejected ones are hidden."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from sdplay.ui.components import component
from sdplay.ui.components.flipbook import At, place, places

_SIFT = component("sift")
_ACTS = ("wanted", "opened")


@dataclass(frozen=True)
class Number:
    """A number to sort the pictures by."""

    id: str
    label: str
    ready: bool = True
    """False if it is computed only when somebody asks for it."""


@dataclass(frozen=True)
class Sifted:
    """One picture with its numbers."""

    at: At
    picture: str
    name: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """The numbers as people read them."""


@dataclass(frozen=True)
class Choice:
    """What the person just did."""

    wanted: str = ""
    """A number that is to be computed."""
    opened: At | None = None


def sift(
    pictures: Sequence[Sifted],
    numbers: Sequence[Number],
    key: str,
    *,
    rejected: frozenset[At] = frozenset(),
    on_reject: Callable[[frozenset[At]], None],
    ratio: float = 1.0,
) -> Choice:
    """Draws the pictures, with thumbnails from their store. `on_reject` gets all cells that are
    rejected now."""
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
        on_rejected_change=lambda: on_reject(places(st.session_state[key]["rejected"])),
        **{f"on_{act}_change": _heard for act in _ACTS},
    )
    return Choice(
        str(heard.get("wanted") or ""),
        None if heard.get("opened") is None else place(heard["opened"]),
    )


def _text(at: At) -> str:
    return ",".join(map(str, at))


def _heard() -> None:
    """Does nothing, but Streamlit passes a value on only if there is a callback."""
