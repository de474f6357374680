"""Sweeps on the page: their backends, their speeds, and the sweeps of this browser."""

import io
from collections.abc import Iterable, Mapping
from copy import copy
from functools import partial

import streamlit as st
from PIL import Image

from sdplay import settings
from sdplay.backends import Backend, connect
from sdplay.backends.guests import Connected, Visits
from sdplay.compare.evidence.measures import Difference, difference
from sdplay.compare.evidence.prompt_match import Match
from sdplay.compare.experiment import recorded
from sdplay.compare.plan import Plan
from sdplay.compare.results import Result
from sdplay.files.recent import Recent
from sdplay.library import SavedPicture
from sdplay.picture import jpeg_bytes
from sdplay.sharing.room import Share
from sdplay.sweeps import Bench, Board, Speeds, Sweep, judged
from sdplay.ui import session, whole
from sdplay.ui.session import Studio

ORIGINALS = 64 * 2**20
"""The most bytes of cells' pictures that are held in memory for all browsers."""
OWN_BENCHES = 32
"""How many sets of backends are remembered for browsers with servers of their own."""


def bench(frames: bool) -> Bench:
    """The backends, asked again after half a minute. Servers that this browser connected are
    visible to it alone."""
    own = session.connected()
    if not own:
        return _bench(frames)
    asked_at = tuple((name, entry.since) for name, entry in own.items())
    return _own_bench(session.visitor(), asked_at, frames, own)


PREVIEW_SIDE = 640
"""The longer side of a large cell's picture in pixels, as much as a sharp screen shows."""


@st.cache_resource(show_spinner=False, ttl=30)
def _bench(frames: bool) -> Bench:
    return Bench(frames=frames)


@st.cache_resource(show_spinner=False, ttl=30, max_entries=OWN_BENCHES)
def _own_bench(
    owner: str, asked_at: tuple[tuple[str, float], ...], frames: bool, _own: Mapping[str, Connected]
) -> Bench:
    backends = {name: copy(entry.backend) for name, entry in _own.items()}
    return Bench(backends, frames=frames, connect=partial(_connected, session.visits(), owner))


def _connected(visits: Visits, owner: str, name: str) -> Backend:
    """A backend by its name, also if this browser disconnected it and connected it again."""
    entry = visits.reached(owner, name)
    return copy(entry.backend) if entry else connect(name)


def forget(owner: str, name: str) -> None:
    """Called when a server is disconnected: comparisons with it pause and no longer hold its
    key."""
    for sweep in board().of(owner):
        if any(cell.setup.backend == name for cell in sweep.plan.cells):
            if sweep.running:
                sweep.cancel()
            sweep.bench.forget(name)


@st.cache_resource(show_spinner=False)
def speeds() -> Speeds:
    """How long earlier sweeps on this server took."""
    return Speeds(settings.home() / "speeds.json", session.jobs().estimates)


@st.cache_resource(show_spinner=False)
def board() -> Board:
    """The sweeps of all browsers."""
    return Board()


def mine(studio: Studio) -> list[Sweep]:
    """This browser's sweeps, newest last. They remain when the tab is closed."""
    return board().of(studio.owner)


def plan_open(studio: Studio) -> bool:
    """Whether the controls of the plan are shown: until it runs, and when somebody asks for
    them."""
    return not mine(studio) or bool(st.session_state.get(_plan_key(studio)))


def open_plan(studio: Studio, opened: bool = True) -> None:
    """Shows the plan's controls, or hides them."""
    st.session_state[_plan_key(studio)] = opened


def _plan_key(studio: Studio) -> str:
    return f"plan_after_{len(mine(studio))}"  # another one after each run, which folds it away


def start(studio: Studio, plan: Plan, frames: bool, written: Mapping[str, str]) -> None:
    """Starts a sweep and shows it from now on. It replaces a sweep that was paused to be edited.

    `written` are its prompts before words were drawn and brackets moved.
    """
    address, old = session.address(), edited(studio)
    if _is_at_work(studio, plan):
        return
    board().check(Share(studio.owner, address, len(plan.cells)), instead=old)
    if old:
        old.cancel()
        board().remove(old)
    sweep = Sweep(
        plan,
        bench(frames),
        studio.jobs,
        owner=studio.owner,
        address=address,
        speeds=speeds(),
        written=written,
    )
    board().add(sweep.start())
    open_plan(studio, opened=False)


def start_again(studio: Studio, sweep: Sweep) -> None:
    """Makes all pictures anew, and remembers with what to compare them."""
    if _is_at_work(studio, sweep.plan):
        return
    address = session.address()
    board().check(Share(studio.owner, address, len(sweep.plan.cells)))
    again = Sweep(
        sweep.plan,
        bench(False),
        studio.jobs,
        owner=studio.owner,
        address=address,
        speeds=speeds(),
        anew=True,
        written=sweep.written,
    )
    again.before = recorded(sweep.results())
    board().add(again.start())


def _is_at_work(studio: Studio, plan: Plan) -> bool:
    """Whether an earlier click began exactly the same sweep; if so, the page says it."""
    setups = [cell.setup for cell in plan.cells]
    same = any(
        sweep.running and not sweep.paused and [cell.setup for cell in sweep.plan.cells] == setups
        for sweep in mine(studio)
    )
    if same:
        whole.note("It is running already: one click is enough.", icon=":material/info:")
    return same


def edit(sweep: Sweep) -> None:
    """Pauses a sweep until its plan, changed in the form, replaces it. What it has made is in the
    library."""
    if sweep.running:
        sweep.pause()
        st.session_state["edited"] = sweep.group


def edited(studio: Studio) -> Sweep | None:
    """The sweep that is paused to be edited."""
    group = st.session_state.get("edited", "")
    return next((sweep for sweep in mine(studio) if sweep.group == group and sweep.paused), None)


def saved_picture(studio: Studio, result: Result | None) -> SavedPicture | None:
    """The library's picture of a cell."""
    return studio.library.get(result.picture, studio.owner) if result and result.picture else None


def thumbnails(studio: Studio, pictures: Iterable[str]) -> dict[str, bytes]:
    """Thumbnails by the picture's id, without those that are gone."""
    return studio.library.thumbnails_of(list(pictures), studio.owner)


def glances(studio: Studio, pictures: Iterable[str]) -> dict[str, bytes]:
    """The same no larger than small cells show: hundreds of them go to the browser."""
    return studio.library.thumbnails_of(list(pictures), studio.owner, glances=True)


def previews(studio: Studio, pictures: Iterable[str]) -> dict[str, bytes]:
    """JPEGs for large cells, made from the originals, by the picture's id."""
    files = {picture: original(studio, picture) for picture in pictures}
    return {picture: _preview(data) for picture, data in files.items() if data}


def _preview(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return jpeg_bytes(image, PREVIEW_SIDE, quality=88)


def original(studio: Studio, picture: str) -> bytes:
    """The file as the backend made it."""
    return _originals()(f"{studio.owner} {picture}")


@st.cache_resource(show_spinner=False)
def _originals() -> Recent:
    return Recent(_read, ORIGINALS)


def _read(name: str) -> bytes:
    owner, _, picture = name.rpartition(" ")
    library = session.jobs().library
    saved = library.get(picture, owner)
    return library.data(saved) if saved else b""


def differences(
    studio: Studio, reference: Result, others: Iterable[Result]
) -> dict[tuple[int, ...], Difference]:
    """How far each cell is from a given one."""
    by_cell = {result.cell.at: measure(studio, reference, result) for result in others}
    return {at: difference for at, difference in by_cell.items() if difference}


def measure(studio: Studio, reference: Result, result: Result) -> Difference | None:
    """Measures two cells against each other."""
    return (
        measured(studio, reference.picture, result.picture)
        if reference.picture and result.picture
        else None
    )


def matched(studio: Studio, result: Result) -> Match | None:
    """What the judge says of a cell's picture; None where it cannot say."""
    things = judged.things_of(result)
    return _matched(studio, result.picture, things) if things and result.picture else None


@st.cache_data(show_spinner=False, max_entries=5000)
def _matched(_studio: Studio, picture: str, things: tuple[str, ...]) -> Match | None:
    data = original(_studio, picture)
    return judged.match(Image.open(io.BytesIO(data)), things) if data else None


def pixels(studio: Studio, result: Result) -> Image.Image | None:
    """The pixels of a cell's picture."""
    data = original(studio, result.picture) if result.picture else b""
    return Image.open(io.BytesIO(data)).convert("RGB") if data else None


@st.cache_data(show_spinner=False, max_entries=5000)
def measured(_studio: Studio, left: str, right: str) -> Difference | None:
    """Measures two pictures of the library against each other. Each pair is measured once."""
    a, b = (original(_studio, picture) for picture in (left, right))
    return difference(Image.open(io.BytesIO(a)), Image.open(io.BytesIO(b))) if a and b else None
