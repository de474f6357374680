"""The browser's address, which holds the whole form: changed in one step, and kept for controls
that are not on the screen.

Streamlit binds a control to the address, but forgets the address's values for controls that are not
on the screen, and lets nobody change a bound value. Only this module uses Streamlit's internals for
that.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.query_params import QueryParams

Text = str | list[str]
_READ = "address_read"
_SAID = "address_said"
_PUT = "address_put"


def arrived() -> bool:
    """Whether the address came from elsewhere: it was opened, reloaded, or reached by the browser's
    back button."""
    context = get_script_run_ctx()
    return _READ not in st.session_state or (context is not None and context.is_history_navigation)


def bound(name: str) -> bool:
    """Whether a control on the screen is bound to this part of the address."""
    with _behind() as address:
        return address is not None and address.is_bound(name)


def rewrite(changes: Mapping[str, Text | None]) -> None:
    """Writes these settings into the address, as one entry of the browser's history. None takes one
    out.

    A control that is drawn for the first time takes its value from the address. If the page wrote
    another value before, the address is sent even if it is the same now: the browser may ask for
    the next run with an address that it has held from before.
    """
    said = st.session_state.setdefault(_SAID, {})
    is_late = any(said.get(name, text) != text for name, text in changes.items())
    said.update(changes)
    with _behind() as address:
        if address is None:
            return
        before = _written(address)
        for name, text in changes.items():
            if text is None:
                address.discard_param_no_forward_msg(name)
            else:
                address.set_with_no_forward_msg(name, text)
        if is_late or _written(address) != before:
            address.set_initial_query_params(_written(address))
            address._send_query_param_msg()


def put(values: Mapping[str, Any]) -> None:
    """Sets controls that may not be on the screen now. Call it from a callback."""
    insist(values)
    rewrite(dict.fromkeys(values))


def insist(values: Mapping[str, Any]) -> None:
    """Sets controls so that a click which arrives before the browser has drawn them, and so brings
    their old values, does not undo it. Call it from a callback."""
    state = st.session_state
    earlier = state.get(_PUT, {})
    state[_PUT] = earlier | {
        name: (earlier[name][0] if name in earlier else state.get(name), value)
        for name, value in values.items()
    }
    state.update(values)


def put_again() -> None:
    """Sets again what a run set that was interrupted. Call it before any control is drawn."""
    state = st.session_state
    for name, (before, value) in state.get(_PUT, {}).items():
        if state.get(name) == before:
            state[name] = value


def keep(lasting: Callable[[str], bool]) -> None:
    """Keeps these settings in the address though their controls are not on the screen. Call it
    after everything else is drawn."""
    st.session_state[_READ] = True
    st.session_state.pop(_PUT, None)
    context = get_script_run_ctx()
    if context is None:
        return
    drawn = context.shared.widget_ids_this_run
    with context.session_state.query_params() as address:
        for name in filter(lasting, list(address)):
            binding = address.get_binding_for_param(name)
            if binding and binding.widget_id not in drawn:
                address.unbind_widget(binding.widget_id)


def _written(address: QueryParams) -> str:
    return urlencode({name: address.get_all(name) for name in address}, doseq=True)


@contextmanager
def _behind() -> Iterator[QueryParams | None]:
    context = get_script_run_ctx()
    if context is None:
        yield None
        return
    with context.session_state.query_params() as address:
        yield address
