"""What outlives a run of the page: the library, the jobs, the backends, and who this browser is."""

import gc
import uuid
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import streamlit as st

from sdplay.backends import Backend, Capabilities, connect, kinds
from sdplay.backends.guests import Connected, Visits, is_connected
from sdplay.params import Params
from sdplay.settings import setting
from sdplay.sharing.room import network
from sdplay.sharing.turns import BATCH
from sdplay.ui import whole
from sdplay.ui.components import component
from sdplay.ui.form.visit import from_this_machine
from sdplay.ui.upload_memory import UploadMemory

if (
    TYPE_CHECKING
):  # The form and the prompt need no database, and are on screen while jobs() imports it.
    from sdplay.jobs import Job, Jobs
    from sdplay.library import Library
    from sdplay.picture import Enlargement

COOKIE = "sdplay_owner"
_REMEMBER = component("owner")


@dataclass(frozen=True)
class Studio:
    """What a panel works with: the backend, its capabilities, and the owner."""

    backend: Backend
    capabilities: Capabilities
    owner: str

    @cached_property
    def jobs(self) -> "Jobs":
        """The server's jobs."""
        return jobs()

    @property
    def library(self) -> "Library":
        """The library in which the jobs store their pictures."""
        return self.jobs.library


@st.cache_resource(show_spinner=False)
def jobs() -> "Jobs":
    """The library and the jobs that the whole server shares."""
    from sdplay.jobs import Jobs
    from sdplay.library import Library

    return Jobs(Library.mended())


def labels() -> dict[str, str]:
    """The name and the label of every backend, those of this browser last."""
    return {**_kinds(), **{name: entry.backend.label for name, entry in connected().items()}}


@st.cache_resource(show_spinner=False)
def _kinds() -> dict[str, str]:
    return {name: kind.label for name, kind in kinds().items()}


@st.cache_resource(show_spinner=False)
def visits() -> Visits:
    """The servers that browsers have connected."""
    return Visits()


def connected() -> dict[str, Connected]:
    """The servers that this browser has connected, by name."""
    return visits().of(visitor(), from_this_machine()) if may_connect() else {}


def may_connect() -> bool:
    """Whether the owner of the page lets visitors connect servers of their own."""
    return setting("SDPLAY_CONNECT") != "0"


def reached(name: str) -> tuple[Backend, Capabilities]:
    """A backend with its capabilities, remembered so that a picture begins without asking for them
    again."""
    own = visits().reached(visitor(), name) if name in connected() else None
    if own:
        return copy(own.backend), own.capabilities
    backend, capabilities = _probed(next(iter(kinds())) if is_connected(name) else name)
    return copy(backend), capabilities


def ask_again() -> None:
    """Forgets the backends' capabilities at once. Otherwise that happens after half a minute."""
    _probed.clear()
    visits().ask_again(visitor())


@st.cache_resource(show_spinner=False, ttl=30)
def _probed(name: str) -> tuple[Backend, Capabilities]:
    backend = connect(name)
    return backend, backend.probe()


def owner() -> str:
    """A random name in a cookie of this browser. It gives access to this browser's pictures, also
    after a reload."""
    name = _cookie()
    if not name:
        name = st.session_state.setdefault("owner", uuid.uuid4().hex)
        _REMEMBER(key="remember_owner", data={"name": COOKIE, "owner": name})
    return name


def address() -> str:
    """The network of this visit; empty for this machine, or if it is unknown."""
    return network(st.context.ip_address)


def visitor() -> str:
    """The owner, if it is known before the page is drawn; empty in the first run."""
    return _cookie() or str(st.session_state.get("owner", ""))


@st.cache_resource(show_spinner=False)
def uploads() -> UploadMemory:
    """What the browsers of this server have uploaded, for the time of their visits."""
    return UploadMemory()


def original(id: str) -> bytes:
    """The file of a picture that this browser may see; empty if there is none."""
    library = jobs().library
    picture = library.get(id, visitor())
    return library.data(picture) if picture else b""


def _cookie() -> str:
    name = st.context.cookies.get(COOKIE, "")
    return name if len(name) == 32 and name.isalnum() else ""


def submit(
    studio: Studio,
    params: Params,
    group: str = "",
    written: Mapping[str, str] | None = None,
    then: "Enlargement | None" = None,
) -> None:
    """Queues one picture, alone or with the others of its click, and shows it from now on."""
    job = studio.jobs.submit(
        params,
        copy(studio.backend),  # each picture's own, as with every run of the whole page
        studio.owner,
        group,
        at_once=studio.capabilities.at_once,
        address=address(),
        written=written or {},
        then=then,
    )
    st.session_state["job"] = job.id


def want(pictures: int) -> None:
    """Asks for so many pictures in the next run."""
    st.session_state["again"] = pictures


def want_again(pictures: int) -> None:
    """Asks for so many pictures in the next run of the whole page."""
    whole.due()
    want(pictures)


def wanted_again() -> int:
    """How many pictures want() asked for, once."""
    return int(st.session_state.pop("again", 0))


def latest(studio: Studio) -> "Job | None":
    """The job to show: the one requested in this session, otherwise the newest that is still at
    work."""
    mine = studio.jobs.get(st.session_state.get("job", ""))
    if mine and mine.owner == studio.owner:
        return _next_of(batch_of(studio, mine))
    active = [
        job
        for job in studio.jobs.of(studio.owner)
        if job.active and (not job.group or job.group.startswith(BATCH))
    ]
    if not active:
        return None
    st.session_state["job"] = active[-1].id
    return _next_of(batch_of(studio, active[-1]))


def batch_of(studio: Studio, job: "Job") -> list["Job"]:
    """All pictures of the click that asked for this one, ordered by seed."""
    return studio.jobs.of(studio.owner, job.group) if job.group else [job]


def _next_of(batch: list["Job"]) -> "Job":
    """The job at work, otherwise the next that waits, otherwise the finished one with the last
    seed."""
    for state in ("running", "queued"):
        for job in batch:
            if job.state == state:
                return job
    finished = [job for job in batch if job.saved]
    return finished[-1] if finished else batch[-1]


@cache
def settle() -> None:
    """Take what is loaded by now for lasting.  Python would look through all of it again and again
    for what nobody needs, and hold everybody up for a tenth of a second each time."""
    gc.freeze()


def secrets() -> dict[str, str]:
    """Streamlit's secrets, if there are any."""
    try:
        return {name: str(value) for name, value in st.secrets.items()}
    except FileNotFoundError:
        return {}
