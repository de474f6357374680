"""Failed requests among the pictures of their time: what was asked, why it failed, and a way to try
again."""

from collections.abc import Iterable

import streamlit as st

from sdplay.compare.guard import settings_text
from sdplay.library import Group, Query
from sdplay.library.failures import Failure
from sdplay.library.saved import moment
from sdplay.ui import dates, notes, session
from sdplay.ui.components.gallery import Trace
from sdplay.ui.form import form
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio

NEAR = 30 * 60 * 10**6
"""Microseconds: a failed request this close to a group with the same prompt is shown in that
group."""


def traces(studio: Studio, search: Query, groups: Iterable[Group]) -> list[Trace]:
    """The failed requests that belong in this list."""
    if search.scope != "mine" or search.deleted or search.settings or search.near or search.tags:
        return []
    failures = [each for each in studio.library.failures.of(studio.owner) if _fits(each, search)]
    groups = list(groups)
    return [
        Trace(
            failure.id,
            failure.at,
            next((group.id for group in groups if _belongs(failure, group)), 0),
            failure.params.prompt or "No prompt",
            " · ".join([dates.spoken(moment(failure.at)), *_settings(failure), failure.backend]),
            failure.sentence,
        )
        for failure in failures
    ]


def try_again(studio: Studio, id: str) -> None:
    """Puts the request into the form and sends it again. Call it from a callback."""
    failure = _named(studio, id)
    if failure is None:
        return
    with explained():
        if failure.backend in session.labels():
            st.session_state["backend"] = failure.backend
        form.use(failure.params, "the request")
        st.session_state["view"] = "Generate"
        if failure.had_pictures:
            notes.add("The pictures it started from were not kept. Give them again, then Generate.")
        else:
            session.want_again(1)
        studio.library.failures.remove(studio.owner, id)


def forget(studio: Studio, id: str) -> None:
    """Removes a failed request."""
    with explained():
        studio.library.failures.remove(studio.owner, id)


def _named(studio: Studio, id: str) -> Failure | None:
    failures = studio.library.failures.of(studio.owner)
    return next((failure for failure in failures if failure.id == id), None)


def _fits(failure: Failure, search: Query) -> bool:
    """Whether the prompt has the words that are searched for."""
    words = failure.params.prompt.lower().split()
    has = [any(word.startswith(sought.lower()) for word in words) for sought in search.words]
    return all(has) and not any(sought.lower() in words for sought in search.without)


def _belongs(failure: Failure, group: Group) -> bool:
    newest = max(picture.at for picture in group.pictures)
    same = group.prompt == failure.params.prompt
    return same and group.id - NEAR <= failure.at <= newest + NEAR


def _settings(failure: Failure) -> list[str]:
    asked = failure.params.asked()
    return settings_text({name: value for name, value in asked.items() if name != "prompt"})
