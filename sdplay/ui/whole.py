"""Fragments that ask for a run of the whole page as soon as something outside of them has changed.

A fragment draws only itself after a click inside it. Without this, what the click puts into the
form would appear only with the next unrelated click.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec

import streamlit as st
from streamlit.errors import StreamlitAPIException

from sdplay.ui import waiting

P = ParamSpec("P")
_DUE = "whole_page_due"
_NOTES = "whole_page_notes"


def due() -> None:
    """Notes that another part of the page must show what has changed, so that the whole page
    runs."""
    st.session_state[_DUE] = True


def begun() -> None:
    """Notes that the whole page runs now. The entry file calls it first."""
    st.session_state.pop(_DUE, None)
    for sentence, icon in st.session_state.pop(_NOTES, ()):
        st.toast(sentence, icon=icon)


def only(key: str) -> None:
    """Runs only the fragment of this key after this click. Call it at the end of a callback.

    The whole page runs instead if it has no such fragment yet, if more than this click has changed,
    and in Streamlit's own tests, which do not keep what other parts of the page have drawn.
    """
    if waiting.served() and waiting.is_part():
        with suppress(StreamlitAPIException):
            st.rerun(key)
    due()


def note(sentence: str, icon: str) -> None:
    """Shows a short message once the whole page runs; call it from a callback. A message shown by
    the fragment's own run would never be seen."""
    st.session_state[_NOTES] = [*st.session_state.get(_NOTES, ()), (sentence, icon)]


def fragment(
    every: float | None = None, key: str | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A part of the page that runs alone, also at an interval or by its key."""

    def decorated(draw: Callable[P, None]) -> Callable[P, None]:
        return st.fragment(_heedful(draw), run_every=every, key=key)

    return decorated


def dialog(title: str, **look: Any) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A dialog, which is a fragment too."""

    def decorated(draw: Callable[P, None]) -> Callable[P, None]:
        return st.dialog(title, **look)(_heedful(draw))

    return decorated


def _heedful(draw: Callable[P, None]) -> Callable[P, None]:
    @wraps(draw)
    def drawn(*args: P.args, **named: P.kwargs) -> None:
        if _DUE in st.session_state:
            st.rerun()
        draw(*args, **named)
        if _DUE in st.session_state:
            st.rerun()

    return drawn
