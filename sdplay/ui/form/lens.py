"""The lens beside a control: five of its values on one's own prompt, from the library or made while
the server is idle."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import streamlit as st

from sdplay.backends import Backend, Capabilities
from sdplay.errors import BadParams
from sdplay.knob import Knob
from sdplay.lessons.lens import SENTENCES, five, settles_sentence
from sdplay.params import Params
from sdplay.schedulers import scheduler_label
from sdplay.ui import address, session, whole
from sdplay.wording import many, number

if TYPE_CHECKING:
    from sdplay.library import SavedPicture

SWITCH = "lens"
POLL_SECONDS = 1.0
TILE = 42
MOST_SAVED = 200
"""The most pictures of one visitor's lens. If there are more, the older half is removed."""
Ask = Callable[[Capabilities], Params]
"""Returns the settings of the form."""


@dataclass(frozen=True)
class _Row:
    """Five values of one control, with their pictures if they exist."""

    name: str
    settings: tuple[Params, ...]
    pictures: "tuple[SavedPicture | None, ...]"

    @property
    def values(self) -> list[object]:
        return [getattr(params, self.name) for params in self.settings]


def switch() -> None:
    """The switch for the lens. It is off at first, so that the form stays short."""
    st.toggle(
        "Lens",
        key=SWITCH,
        help="Under each control five of its values on your prompt: pictures that you have, and "
        "more that are made only while the server has nothing else to do.",
    )


def strip(knob: Knob, capabilities: Capabilities, ask: Ask) -> None:
    """The row of pictures under a control that has one."""
    if not st.session_state.get(SWITCH) or knob.name not in SENTENCES:
        return
    try:
        params = ask(capabilities)
    except BadParams:
        return  # the form says so in its place
    _strip(knob.name, params, capabilities)


def _strip(name: str, params: Params, capabilities: Capabilities) -> None:
    settings = five(name, params, capabilities)
    backend = session.reached(str(_backend()))[0]
    row = _row(name, settings, backend)
    missing = sum(picture is None for picture in row.pictures)
    makes = bool(missing) and capabilities.idle_is_free

    @whole.fragment(every=POLL_SECONDS if makes else None)
    def view() -> None:
        now = _row(name, settings, backend)
        _draw(now, makes)
        if makes and all(now.pictures):
            st.rerun()  # the timer stops
        if makes:
            _make_next(now, backend)

    if settings:
        view()


def _backend() -> object:
    return st.session_state["backend"]


def _row(name: str, settings: tuple[Params, ...], backend: Backend) -> _Row:
    from sdplay.library import Recipe

    library, mine = session.jobs().library, session.visitor()
    recipes = [Recipe(params, backend.name, backend.model_version(params)) for params in settings]
    pictures = tuple(
        library.made(recipe, mine) or library.made(recipe, _lens_owner()) for recipe in recipes
    )
    return _Row(name, settings, pictures)


def _lens_owner() -> str:
    """The owner of the pictures of this visitor's lens, a separate one so that they fill nobody's
    library."""
    return f"{session.visitor()}-lens"


def _draw(row: _Row, makes: bool) -> None:
    from sdplay.ui.components.tiles import Tile, tiles

    there = [(at, picture) for at, picture in enumerate(row.pictures) if picture is not None]
    small = session.jobs().library.thumbnails([picture for _, picture in there])
    labels = [_label(row.name, value) for value in row.values]
    drawn = [
        Tile(str(at), jpeg, f"{labels[at]}: use it", labels[at])
        for (at, _), jpeg in zip(there, small, strict=True)
        if jpeg
    ]
    with st.container(gap="xxsmall", key=f"lens_{row.name}"):
        if drawn:
            clicked = tiles(drawn, f"lens_tiles_{row.name}", TILE, strip=True)
            if clicked:
                _use(row.name, row.values[int(clicked)])
        missing = len(row.settings) - len(there)
        if missing:
            when = "are made when the server is idle" if makes else "are not in your library yet"
            if missing == 1:
                when = when.replace("are", "is", 1)
            with st.container(key=f"lens_at_work_{row.name}" if makes else None):
                st.caption(f"{many(missing, 'picture')} {when}.")
        settles = settles_sentence(row.name, row.values, _gaps(row)) if not missing else ""
        st.caption(f"{SENTENCES[row.name]} {settles}")


def _label(name: str, value: object) -> str:
    if name == "scheduler":
        return scheduler_label(str(value))
    if name == "negative":
        return str(value) or "nothing"
    return number(value)


def _gaps(row: _Row) -> list[float | None]:
    """How far each picture is from the one before it."""
    there = [picture for picture in row.pictures if picture]
    small = session.jobs().library.thumbnails(there)
    return [_gap(one, other) for one, other in pairwise(small)]


@st.cache_data(show_spinner=False, max_entries=2000)
def _gap(left: bytes, right: bytes) -> float | None:
    """The colour distance of two thumbnails."""
    import io

    from PIL import Image

    from sdplay.compare.evidence.measures import COLOUR, difference

    if not (left and right):
        return None
    return difference(Image.open(io.BytesIO(left)), Image.open(io.BytesIO(right))).by(COLOUR)


def _use(name: str, value: object) -> None:
    """Puts the clicked value into its control."""
    st.session_state["lens_use"] = (name, value)
    st.rerun()


def take_over() -> None:
    """Puts a value clicked in a row into its control. Call it before any control is drawn."""
    if (clicked := st.session_state.pop("lens_use", None)) is not None:
        address.put(dict([clicked]))


def _make_next(row: _Row, backend: Backend) -> None:
    """Asks for one missing picture if this server is completely idle."""
    from sdplay.jobs import IDLE

    jobs = session.jobs()
    if jobs.crowd():
        return
    params = next(
        settings
        for settings, picture in zip(row.settings, row.pictures, strict=True)
        if picture is None
    )
    idle = copy(backend)
    idle.previews = False
    _forget_old()
    jobs.submit(params, idle, _lens_owner(), f"{IDLE}{row.name}")


def _forget_old() -> None:
    """Removes the oldest pictures of this lens if there are many."""
    library, owner = session.jobs().library, _lens_owner()
    if library.total(owner=owner).count <= MOST_SAVED:
        return
    for picture in library.recent(owner, MOST_SAVED)[MOST_SAVED // 2 :]:
        library.delete(picture, owner)
    library.purge(owner)
