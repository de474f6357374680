"""The library's pictures in groups, without an end: the browser stores what it was sent, and each
run sends one part."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from sdplay.ui.components import component
from sdplay.ui.components.tiles import Tile


@dataclass(frozen=True)
class Placed:
    """A tile, the time of its picture, and its group."""

    tile: Tile
    at: int
    group: int


@dataclass(frozen=True)
class Stretch:
    """All tiles between two moments, including both; None means no limit. Other tiles that stood
    there are removed."""

    tiles: tuple[Placed, ...]
    newest: int | None = None
    oldest: int | None = None
    beyond: tuple[Placed, ...] = ()
    """Tiles of the same groups that are older than that: with them the groups are whole."""


@dataclass(frozen=True)
class Heading:
    """The heading above a group."""

    title: str
    told: str


@dataclass(frozen=True)
class Trace:
    """A request that failed: its time, its group (0 for none), and what is said about it."""

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
    """Draws a list; another name begins a new one. With `chosen`, clicks choose pictures, and these
    are chosen already.

    `act` is called with "again" or "forgotten" and the id of a failed request. After the end came
    into sight, `asked_for()` returns where to go on.
    """
    fields = [
        {
            "tiles": [_tile_fields(placed) for placed in stretch.tiles],
            "newest": stretch.newest,
            "oldest": stretch.oldest,
            "beyond": [_tile_fields(placed) for placed in stretch.beyond],
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
    """The moment before which the next part is needed, once after the end came into sight."""
    after = st.session_state.pop("gallery_after", None)
    return None if after is None else int(after)


def _load_further() -> None:
    st.session_state["gallery_after"] = st.session_state["gallery"].get("more")


def _tile_fields(placed: Placed) -> dict[str, Any]:
    tile = {**asdict(placed.tile), "jpeg": base64.b64encode(placed.tile.jpeg).decode()}
    return {"tile": tile, "at": placed.at, "group": placed.group}
