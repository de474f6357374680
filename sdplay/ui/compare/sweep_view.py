"""A sweep on the page: its progress or verdict, its pictures in one of several views, and what they
say."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import experiments
from sdplay.ui.compare.answers import verdict
from sdplay.ui.compare.views import VIEWS, Stage
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.wording import literal, many

POLL_SECONDS = 1.0


def show(studio: Studio, sweep: Sweep) -> None:
    """Shows progress or verdict, the pictures, and what they say."""
    moving = sweep.moving
    above = st.empty()
    with above:
        verdict.waiting(sweep)

    @whole.fragment(every=POLL_SECONDS if moving else None)
    def view() -> None:
        _progress(sweep)
        tools = st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key="sheet_tools"
        )
        with explained():
            _shown_as(studio, sweep, tools)
        if moving != sweep.moving:
            st.rerun()  # the timer starts or stops, and a finished sweep tells what it found

    view()
    if not sweep.running:
        with above, explained():
            verdict.show(studio, sweep)
        # Their library costs a quarter of a second: not at the first paint of the page.
        from sdplay.ui.compare.answers import charts, explored, matching

        with explained():
            explored.show(studio, sweep)
            charts.show(studio, sweep)
            matching.show(studio, sweep)
            experiments.take_away(studio, sweep)


def welcome() -> None:
    """Shows what the page says while there is no sweep."""
    with st.container(
        border=True, height=200, horizontal_alignment="center", vertical_alignment="center"
    ):
        st.markdown(
            ":material/grid_on: Choose what to vary and press the button above. "
            "The pictures appear here as they are made.",
            text_alignment="center",
        )


def _progress(sweep: Sweep) -> None:
    """Shows the progress of a running sweep, with buttons to pause or stop it."""
    if sweep.trouble:
        st.warning(literal(sweep.trouble), icon=":material/pause_circle:")
    if not sweep.running:
        return
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall", key="sweep_progress"
    ):
        st.progress(sweep.fraction, text=sweep.standing)
        if sweep.paused:
            st.button(
                "Resume", icon=":material/play_arrow:", key="sweep_resume", on_click=sweep.resume
            )
        else:
            st.button("Pause", icon=":material/pause:", key="sweep_pause", on_click=sweep.pause)
        st.button(
            "Cancel", icon=":material/stop_circle:", key="sweep_cancel", on_click=sweep.cancel
        )


def _ended(sweep: Sweep) -> None:
    """Shows how the sweep ended, and a button that makes what is missing."""
    counts = sweep.counts()
    if not sweep.running and counts.get("failed", 0) + counts.get("cancelled", 0):
        st.button(
            _retry(counts), icon=":material/refresh:", key="sweep_retry", on_click=sweep.retry
        )
    if not sweep.running:
        st.caption(literal(sweep.standing), width="content")


def _shown_as(studio: Studio, sweep: Sweep, tools: DeltaGenerator) -> None:
    """Shows the pictures in the view that was chosen."""
    results = sweep.results()
    with tools:
        chosen = st.segmented_control(
            "Pictures as",
            list(VIEWS),
            default="Grid",
            **linked.bound("pictures_as"),
            required=True,
            label_visibility="collapsed",
        )
        _ended(sweep)
    VIEWS.get(str(chosen), VIEWS["Grid"]).show(Stage(studio, sweep, results, tools))


def _retry(counts: Mapping[str, int]) -> str:
    """Which cells a click makes: those that were never begun, or those that failed."""
    failed, cancelled = counts.get("failed", 0), counts.get("cancelled", 0)
    if cancelled:
        return f"Make the other {many(failed + cancelled, 'picture')}"
    return f"Try {many(failed, 'picture')} again"
