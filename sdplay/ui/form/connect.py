"""Connects a server of one's own for this visit, and offers servers that run on this machine."""

from dataclasses import replace

import streamlit as st

from sdplay.backends.guests import KINDS, Connected, Connection
from sdplay.backends.guests.neighbours import Neighbour, Neighbourhood
from sdplay.backends.guests.visits import FORGOTTEN_AFTER
from sdplay.errors import PlayError
from sdplay.settings import setting
from sdplay.sharing.room import Gate, Room, Share
from sdplay.ui import address, notes, session, waiting, whole
from sdplay.ui.form import form
from sdplay.ui.form.visit import from_this_machine
from sdplay.ui.problems import explained
from sdplay.wording import literal

LOOK_SECONDS = 0.7
"""How soon the page asks whether the search for servers has ended."""
FIELDS = ("connect_kind", "connect_url", "connect_key")
PROMISE = (
    "For this visit only: address and key stay in this page's memory, are never written down and "
    "stand in no link. Nobody else sees your server or can use it. Disconnect forgets it, and so "
    f"do {FORGOTTEN_AFTER / 3600:g} hours without use."
)


def menu(name: str) -> None:
    """Under the list of backends: connect a server, disconnect it, and servers found on this
    machine."""
    if not session.may_connect():
        return
    with st.container(gap="xxsmall", key="connect_box"):
        _ways(name)
        if from_this_machine():
            _offer(name)
    if st.session_state.get("connecting"):
        _ask()


def _ways(name: str) -> None:
    """Offers to connect another server. For the chosen one it shows the address and how to
    disconnect it."""
    if mine := session.connected().get(name):
        st.caption(f":material/dns: {literal(mine.connection.host)}")
    with st.container(horizontal=True, gap="small", key="connect_row"):
        st.button(
            "Connect a server",
            icon=":material/add_link:",
            type="tertiary",
            key="connect",
            on_click=_open,
            help="Make pictures with a server of yours, for this visit.",
        )
        if mine:
            st.button(
                "Disconnect",
                icon=":material/link_off:",
                type="tertiary",
                key="disconnect",
                on_click=_disconnect,
                args=(name,),
                help="Forget its address and key, and stop what waits for it.",
            )


@st.cache_resource(show_spinner=False)
def neighbourhood() -> Neighbourhood:
    """The servers that run on this machine."""
    return Neighbourhood()


@st.cache_resource(show_spinner=False)
def _gate() -> Gate:
    return Gate(Room(1, 4, 8), "test")


def _open() -> None:
    _close()
    st.session_state["connecting"] = True


def _close() -> None:
    """Called when the dialog is closed: forgets what was tested in it."""
    for name in ("connecting", "connect_trial"):
        st.session_state.pop(name, None)


@whole.dialog("Connect a server", on_dismiss=_close)
def _ask() -> None:
    """Asks for kind, address and key, and offers a test."""
    st.caption(PROMISE)
    with st.form("connect_form", border=False):
        st.selectbox(
            "Kind",
            ["", *KINDS],
            key="connect_kind",
            format_func=lambda kind: _kind_label(kind) if kind else "Find out",
            help="What it speaks. A hosted model is named as owner/name.",
        )
        st.text_input(
            "Address",
            key="connect_url",
            placeholder=_example(),
            autocomplete="off",
            help="Where it answers, like a browser's address, with its port.",
        )
        st.text_input(
            "Key",
            key="connect_key",
            type="password",
            placeholder="Only if it asks for one",
            autocomplete="new-password",
            help="An API key or token; user:password for an A1111 server.",
        )
        pressed = st.form_submit_button("Test", icon=":material/network_check:")
    if pressed:
        with st.spinner("Asking the server"):
            _test()
    _result()


def _kind_label(kind: str) -> str:
    label = KINDS[kind].label
    return f"{label[0].upper()}{label[1:]}"


def _example() -> str:
    return KINDS["a1111"].example if from_this_machine() else "https://gpu.example.com:7860"


def _test() -> None:
    """Tests the server that is described, and shows the result below the form."""
    from sdplay.backends.guests.trial import tried  # Not above: it brings requests.

    kind, url, key = (str(st.session_state.get(field) or "") for field in FIELDS)
    st.session_state.pop("connect_trial", None)
    owner = session.visitor()
    try:
        with _gate().entered(Share(owner, session.address())):
            connection = Connection(kind, url, key, nearby=from_this_machine())
            st.session_state["connect_trial"] = tried(connection, owner)
    except PlayError as error:
        st.session_state["connect_trial"] = error


def _result() -> None:
    trial = st.session_state.get("connect_trial")
    if isinstance(trial, PlayError):
        with explained():
            raise trial
    if not isinstance(trial, Connected):
        return
    st.success(literal(_found(trial)), icon=":material/check_circle:")
    st.button(
        "Use this server",
        icon=":material/link:",
        type="primary",
        key="connect_use",
        on_click=_use,
        args=(trial,),
    )


def _found(trial: Connected) -> str:
    """The server that answered, in a sentence with its numbers."""
    capabilities = trial.capabilities
    counts = [
        f"{len(names)} {noun if len(names) > 1 else noun[:-1]}"
        for names, noun in (
            (capabilities.schedulers, "schedulers"),
            (capabilities.models, "models"),
        )
        if names
    ]
    listed = f" It offers {' and '.join(counts)}." if counts else ""
    return f"{capabilities.message}{listed}"


def _use(trial: Connected) -> None:
    """Adds the server to the backends and chooses it."""
    whole.due()
    with explained() as refusals:
        session.visits().add(session.visitor(), replace(trial, address=session.address()))
        _close()
        for field in FIELDS:
            st.session_state.pop(field, None)
        _choose(trial.backend.name)
    for refusal in refusals:
        notes.say(str(refusal))


def _choose(name: str) -> None:
    address.put({"backend": name})  # the address names the one before, which may be gone
    form.fit_to_backend()


def _disconnect(name: str) -> None:
    """Disconnects a server. Pictures that wait for it are stopped, finished ones remain."""
    owner = session.visitor()
    # Not above: the form is on screen before they are read.
    from sdplay.ui.compare import sweeping
    from sdplay.ui.compare.chains import chains
    from sdplay.ui.film.panel import films

    sweeping.forget(owner, name)
    films().forget(owner, name)
    chains().forget(owner, name)
    for job in session.jobs().of(owner):
        if job.backend.name == name:
            job.cancel()
            session.jobs().forget(job)
    session.visits().remove(owner, name)
    preferred = setting("SDPLAY_BACKEND")
    _choose(preferred if preferred in session.labels() else next(iter(session.labels())))


def _offer(name: str) -> None:
    """Offers the servers on this machine as soon as they are found."""
    neighbourhood().present()  # begins to look
    connected = {entry.connection.url for entry in session.connected().values()}

    @whole.fragment(every=LOOK_SECONDS if neighbourhood().looking else None, key="offers")
    def offers() -> None:
        if not neighbourhood().looking:
            waiting.tick_every(None)
        for neighbour in neighbourhood().present():
            if neighbour.backend != name and neighbour.address not in connected:
                _offer_one(neighbour)

    offers()


def _offer_one(neighbour: Neighbour) -> None:
    st.button(
        f"Use {neighbour.label}",
        icon=":material/bolt:",
        type="tertiary",
        key=f"offer_{neighbour.address.rpartition(':')[2]}",
        on_click=_take,
        args=(neighbour,),
        help="It runs on this machine.",
    )


def _take(neighbour: Neighbour) -> None:
    """Chooses a server that runs on this machine."""
    whole.due()
    if neighbour.backend:
        _choose(neighbour.backend)
        return
    from sdplay.backends.guests.trial import tried  # Not above: it brings requests.

    try:
        entry = tried(neighbour.connection, session.visitor())
        session.visits().add(session.visitor(), entry)
        _choose(entry.backend.name)
    except PlayError as error:
        notes.say(str(error))
