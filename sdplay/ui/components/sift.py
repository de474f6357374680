"""The pictures of a comparison sorted and filtered by any number; what is rejected folds away."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from sdplay.ui.components import component
from sdplay.ui.components.flipbook import At, place, places

_SIFT = component("sift")
_ACTS = ("wanted", "opened")


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
    """Draw the pictures; thumbnails come from their store.  `on_reject` hears of all cells that are
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
    """Asks for nothing: it makes Streamlit hand the value over."""
