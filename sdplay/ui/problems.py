"""The only place that turns an error into something on the screen."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from sdplay.errors import BackendOffline, BadParams, PlayError
from sdplay.settings import without_secrets
from sdplay.wording import literal

_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)
"""Where a browser's markdown begins a link. An invisible word joiner put there prevents it."""


@contextmanager
def explained() -> Iterator[list[PlayError]]:
    """Turns our own errors into a sentence, while the rest of the page stays.

    The list that this yields then holds the error, for sentences that must outlast this run.
    """
    errors: list[PlayError] = []
    try:
        yield errors
    except PlayError as error:
        errors.append(error)
        refused(errors)


def refused(errors: Sequence[PlayError]) -> None:
    """Shows one of our own errors."""
    for error in errors:
        told(str(error), warn=isinstance(error, BadParams | BackendOffline))


def told(sentence: str, warn: bool = False) -> None:
    """Shows one sentence."""
    sentence = literal(without_secrets(sentence))
    if warn:
        st.warning(sentence, icon=":material/info:")
    else:
        st.error(sentence, icon=":material/error:")


def text_of_others(text: str, most: int) -> str:
    """The first letters of somebody else's text, without markdown, and with no address as a
    link."""
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return literal(_ADDRESS.sub(lambda match: f"{match[0][0]}\u2060{match[0][1:]}", short))
