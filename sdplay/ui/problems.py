"""The one place that turns an error into something on screen."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from sdplay.errors import BackendOffline, BadParams, PlayError
from sdplay.settings import without_secrets
from sdplay.wording import literal

_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)
"""Where a browser's markdown begins a link; a word joiner, which nobody sees, ends that."""


@contextmanager
def explained() -> Iterator[list[PlayError]]:
    """An error we raise on purpose becomes a sentence; the rest of the page stays.

    Where the sentence must outlast this run, the error is in the list that this yields.
    """
    errors: list[PlayError] = []
    try:
        yield errors
    except PlayError as error:
        errors.append(error)
        refused(errors)


def refused(errors: Sequence[PlayError]) -> None:
    """Show what was raised on purpose."""
    for error in errors:
        told(str(error), warn=isinstance(error, BadParams | BackendOffline))


def told(sentence: str, warn: bool = False) -> None:
    """Show one sentence."""
    sentence = literal(without_secrets(sentence))
    if warn:
        st.warning(sentence, icon=":material/info:")
    else:
        st.error(sentence, icon=":material/error:")


def text_of_others(text: str, most: int) -> str:
    """So much of a text, without markdown, in which no address becomes a link."""
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return literal(_ADDRESS.sub(lambda match: f"{match[0][0]}\u2060{match[0][1:]}", short))
