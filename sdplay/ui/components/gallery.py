"""The library's pictures in groups, without end: the browser keeps what it was sent, a run sends
one stretch of it."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from sdplay.ui.components import component
from sdplay.ui.components.tiles import Tile


@dataclass(frozen=True)
class Placed:
    """A tile, when its picture was made, and the group it stands in."""

    tile: Tile
    at: int
    group: int


@dataclass(frozen=True)
class Stretch:
    """All that there is between two moments, both in it; None is no end.  What else stood there is
    taken away."""

    tiles: tuple[Placed, ...]
    newest: int | None = None
    oldest: int | None = None


@dataclass(frozen=True)
class Heading:
    """What stands above a group."""

    title: str
    told: str


@dataclass(frozen=True)
class Trace:
    """A request that made no picture: when, the group it belongs to (0 is none), and what is said
    of it."""

    id: str
    at: int
    group: int
    title: str
    told: str
    sentence: str


@dataclass(frozen=True)
class Done:
    """What the person just did."""

    opened: str = ""
    """The tile that was clicked."""
    dropped: bytes = b""
    """The file that was dropped anywhere on the page."""
    refused: str = ""
    """Why a dropped file was not read."""


LARGEST = 50_000_000
REFUSALS = {
    "large": f"A file of more than {LARGEST // 10**6} MB is not read here. Drop the picture alone.",
    "unreadable": "This cannot be read. Drop a picture file.",
}


_GALLERY = component("gallery", "thumbnail")


def gallery(
    name: str,
    stretches: Iterable[Stretch],
    headings: Mapping[int, Heading],
    chosen: Sequence[str] | None,
    traces: Sequence[Trace] = (),
    act: Callable[[str, str], None] = lambda what, id: None,
) -> Done:
    """Draw a list; one of another name begins anew.  With `chosen` a click chooses, and these are.
    `act` is called with "again" or "forgotten" and the id of a trace.

    In the run after the end came into sight, `asked_for()` tells from where to go on.
    """
    fields = [
        {
            "tiles": [_tile_fields(placed) for placed in stretch.tiles],
            "newest": stretch.newest,
            "oldest": stretch.oldest,
        }
        for stretch in stretches
    ]
    data = {
        "name": name,
        "stretches": fields,
        "headings": {str(id): asdict(heading) for id, heading in headings.items()},
        "chosen": None if chosen is None else list(chosen),
        "largest": LARGEST,
        "traces": [asdict(trace) for trace in traces],
    }

    def pressed(what: str) -> Callable[[], None]:
        return lambda: act(what, str(st.session_state["gallery"].get(what) or ""))

    event = _GALLERY(
        key="gallery",
        data=data,
        height="content",
        on_opened_change=lambda: None,
        on_more_change=_load_further,
        on_dropped_change=lambda: None,
        on_refused_change=lambda: None,
        on_again_change=pressed("again"),
        on_forgotten_change=pressed("forgotten"),
    )
    return Done(
        str(event.get("opened") or ""),
        base64.b64decode(event.get("dropped") or ""),
        REFUSALS.get(str(event.get("refused")), ""),
    )


def asked_for() -> int | None:
    """The moment before which the next stretch is wanted, once after the end came into sight."""
    after = st.session_state.pop("gallery_after", None)
    return None if after is None else int(after)


def _load_further() -> None:
    st.session_state["gallery_after"] = st.session_state["gallery"].get("more")


def _tile_fields(placed: Placed) -> dict[str, Any]:
    tile = {**asdict(placed.tile), "jpeg": base64.b64encode(placed.tile.jpeg).decode()}
    return {"tile": tile, "at": placed.at, "group": placed.group}
