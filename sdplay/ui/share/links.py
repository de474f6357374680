"""Links: the current state of the page as an address. A long one becomes a short id that the
library's database stores."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from sdplay.backends import NOT_CONNECTED, Capabilities
from sdplay.backends.guests import is_connected_label
from sdplay.errors import LibraryError
from sdplay.files.untrusted import read_json
from sdplay.knob import OWN
from sdplay.params import KNOBS, Params
from sdplay.ui import address, notes, session
from sdplay.ui.form import fitting, form
from sdplay.ui.problems import explained, told
from sdplay.ui.session import Studio
from sdplay.ui.share import linked

LONG = 300
"""An address with more letters than this is shortened."""
_ARRIVING = "address_arriving"
"""Set until the run that reads an address has ended, so that a second run loses no note."""
State = dict[str, Any]


def share(studio: Studio, view: str, more: Callable[[], State] | None = None) -> None:
    """A button that shows the address of what is on the screen. `more` asks what else is part of
    the link."""
    box = st.popover(
        "Share",
        icon=":material/link:",
        type="tertiary",
        key=f"share_{view}",
        on_change="rerun",
        help="A link to the page as it is now",
    )
    if box.open:
        with box, explained():
            state = {**_state(studio, view), **(more() if more else {})}
            st.caption("Whoever opens this link finds the page as it is now.")
            st.code(_address(studio, state), language=None, wrap_lines=True)


def picture(id: str) -> str:
    """The address of one picture. It opens for its owner, and for everybody once the picture is
    shared."""
    return f"{_page()}?{urlencode({'picture': id})}"


def follow() -> None:
    """Replaces a short link by the long one. Call it before any control is drawn."""
    id = st.query_params.get("link", "")
    if not id or "followed" in st.session_state:
        return
    st.session_state["followed"] = id
    try:
        state: State = read_json(session.jobs().library.expanded(id) or "")
    except ValueError:
        told(
            "This link is not known here. It was made on another server, its database is gone, or "
            "nobody opened it before newer ones needed its room.",
            warn=True,
        )
        return
    address.rewrite({**dict.fromkeys(st.query_params), **_plain(state)})
    if "params" in state:
        form.restore(params(state["params"]))
    st.session_state.update(
        {name: value for name, value in state.items() if name not in ("params", "sweep")}
    )
    st.session_state["sweep_linked"] = state.get("sweep")


def name_backend(labels: Mapping[str, str]) -> None:
    """Reads which backend the address names, by its id or its label, before the control for it is
    drawn."""
    if address.arrived() and not st.session_state.get(_ARRIVING):
        notes.say()
        st.session_state[_ARRIVING] = True
    linked = st.query_params.get("backend", "")
    if linked and linked not in labels.values():
        address.rewrite({"backend": labels.get(linked)})
        if linked not in labels and is_connected_label(linked):
            notes.add(NOT_CONNECTED)
        elif linked not in labels:
            notes.add(
                f"There is no backend called {fitting.shortened(linked)}. "
                f"There are: {'; '.join(labels.values())}."
            )


def fit(capabilities: Capabilities) -> None:
    """Makes the address fit this backend before any control is drawn, and says what did not fit."""
    if not address.arrived():
        return
    if styles := st.query_params.get("styles"):
        address.rewrite({"styles": None, "style_names": styles.split("|")})
    for place in linked.PLACES:
        _choose(place, capabilities)
    judged = {
        name: linked.judge(name, st.query_params.get_all(name), capabilities)
        for name in list(st.query_params)
    }
    address.rewrite(
        {
            name: judgement.texts if judgement and judgement.texts else None
            for name, judgement in judged.items()
            if judgement is None or judgement.texts != st.query_params.get_all(name)
        }
    )
    _say(judged)


def _choose(place: str, capabilities: Capabilities) -> None:
    """Turns values written as text into choices, for an axis whose values are chosen from a
    list."""
    name = linked.axis_of(place, st.query_params.get(f"{place}_axis", ""), capabilities)
    is_typed = not name or (name in KNOBS and KNOBS[name].several)
    choices = None if is_typed else linked.values_of(name, capabilities)
    if choices and (text := st.query_params.get(f"{place}_values")):
        values = choices if text.strip().lower() == "all" else map(str.strip, text.split(","))
        chosen = [*st.query_params.get_all(f"{place}_{name}"), *filter(None, values)]
        address.rewrite({f"{place}_values": None, f"{place}_{name}": chosen})


def _say(judged: Mapping[str, linked.Judged | None]) -> None:
    """Says each way in which an address was not followed."""
    judgements = [judgement for judgement in judged.values() if judgement]
    if misfits := [misfit for judgement in judgements for misfit in judgement.misfits]:
        notes.add(fitting.replaced(misfits, "the link"))
    if left := [judgement.homeless for judgement in judgements if judgement.homeless]:
        notes.add(fitting.homeless(left))
    if strangers := [
        fitting.shortened(name) for name, judgement in judged.items() if not judgement
    ]:
        notes.add(
            f"The link also says {', '.join(strangers)}. No setting has such a name here, so that "
            "was left out."
        )


def keep(view: str) -> None:
    """Keeps the whole form in the address, also the parts that this tab does not show."""
    address.keep(lambda name: view in linked.LASTING or view not in _tabs_of(name))
    st.session_state.pop(_ARRIVING, None)


def _tabs_of(name: str) -> tuple[str, ...]:
    """The only tabs with this control; empty for what belongs to the form."""
    entry = linked.of(name)
    return entry.tabs if entry else ()


def _state(studio: Studio, view: str) -> State:
    """All values that make up the state of the page."""
    now = st.session_state
    names = [str(name) for name in now if view in _tabs_of(str(name))]
    if view == "Compare":
        names.append("variants_rows")
    state = {"view": view, **{name: now[name] for name in names if now.get(name) is not None}}
    if view == "Library":
        return state
    params = form.asked(studio.capabilities)
    for data in params.images().values():
        studio.library.files.keep("inputs", data)
    return {
        **state,
        "backend": studio.backend.name,
        "init_url": now.get("init_url", ""),
        "params": params.as_dict(),
    }


def _address(studio: Studio, state: State) -> str:
    """The address with all values written out while that is short, otherwise with an id."""
    plain = urlencode(_plain(state), doseq=True)
    params = state.get("params", {})
    emptied = any(value == "" for name, value in state.items() if name.endswith("_axis"))
    if len(plain) <= LONG and not (
        emptied or "sweep" in state or params.get("init") or params.get("control")
    ):
        return f"{_page()}?{plain}"
    short = studio.library.shorten(json.dumps(state, ensure_ascii=False), studio.owner)
    return f"{_page()}?{urlencode({'link': short})}"


def _plain(state: State) -> dict[str, str | list[str]]:
    """The values that an address can hold, each setting under its own name."""
    changes = Params.from_dict(state["params"]).asked() if "params" in state else {}
    settings = {name: value for name, value in changes.items() if KNOBS[name].is_plain}
    fields = {
        **{
            name: value
            for name, value in state.items()
            if name not in ("params", "sweep", "variants_rows")
        },
        **settings,
    }
    if styles := fields.pop("styles", ""):
        fields["style_names"] = styles.split("|")
    if rows := state.get("variants_rows"):
        fields["variants"] = json.dumps(rows, ensure_ascii=False)
    return {
        name: value if isinstance(value, list) else _text(value)
        for name, value in fields.items()
        if value not in ("", [], ())
    }


def _text(value: Any) -> str:
    if value is None:
        return OWN
    return str(value).lower() if isinstance(value, bool) else str(value)


def params(values: Mapping[str, Any]) -> Params:
    """The settings with their pictures, if the library still has them."""
    names = [
        values.get("init"),
        values.get("mask"),
        *(unit["image"] for unit in values.get("control") or ()),
    ]
    return Params.from_dict(
        values, {name: data for name in names if name and (data := _image(name))}
    )


def _image(name: str) -> bytes:
    try:
        return session.jobs().library.files.read("inputs", name.removeprefix("sha256:"))
    except LibraryError:
        told(
            "A start image, mask or control image of this link is gone. All else is as it was.",
            warn=True,
        )
        return b""


def _page() -> str:
    return (st.context.url or "").split("?")[0]
