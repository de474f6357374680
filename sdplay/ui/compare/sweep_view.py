"""A sweep on the page: its progress, its sheet, two of its pictures under the glass, and what it
tells."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import experiments, sweeping
from sdplay.ui.compare.views import VIEWS, Stage
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.wording import literal, many

POLL_SECONDS = 1.0


def newest(studio: Studio) -> None:
    """The sweep that was started last; an older one can be chosen."""
    sweeps = sweeping.mine(studio)
    if not sweeps:
        _welcome()
        return
    sweep = sweeps[-1]
    if len(sweeps) > 1:
        numbers = list(range(len(sweeps)))
        chosen = st.selectbox(
            "Sweep",
            numbers,
            index=len(numbers) - 1,
            key=f"sweep_of_{len(sweeps)}",
            format_func=lambda number: _named(sweeps[number]),
        )
        sweep = sweeps[chosen]
    st.session_state["sweep_shown"] = sweep.group
    moving = sweep.moving

    @whole.fragment(every=POLL_SECONDS if moving else None)
    def view() -> None:
        _progress(sweep)
        tools = st.container(horizontal=True, vertical_alignment="center", gap="xsmall")
        with tools:
            _controls(studio, sweep)
        with explained():
            _shown_as(studio, sweep, tools)
        if moving != sweep.moving:
            st.rerun()  # the timer starts or stops, and a finished sweep tells what it found

    if not sweep.running:
        experiments.compared_with_file(sweep)
    view()
    if not sweep.running:
        from sdplay.ui.compare import (
            answers,  # its charts cost a quarter of a second: not at the first paint of the page
            explored,
        )

        with explained():
            explored.show(studio, sweep)
            answers.show(studio, sweep)
            experiments.take_away(studio, sweep)


def _welcome() -> None:
    with st.container(
        border=True, height=200, horizontal_alignment="center", vertical_alignment="center"
    ):
        st.markdown(
            ":material/grid_on: Choose what to vary and press the button above. "
            "The pictures appear here as they are made.",
            text_alignment="center",
        )


def _named(sweep: Sweep) -> str:
    axes = " × ".join(varied.axis.label for varied in sweep.plan.varied) or "One picture"
    return f"{axes}, {many(len(sweep.plan.cells), 'cell')}: {sweep.plan.base.params.prompt[:60]}"


def _progress(sweep: Sweep) -> None:
    if sweep.trouble:
        st.warning(literal(sweep.trouble), icon=":material/pause_circle:")
    st.progress(sweep.fraction, text=sweep.standing)


def _controls(studio: Studio, sweep: Sweep) -> None:
    """What can be done with the sweep as it stands."""
    counts = sweep.counts()
    undone = counts.get("failed", 0) + counts.get("cancelled", 0)
    if sweep.running and sweep.paused:
        st.button("Resume", icon=":material/play_arrow:", key="sweep_resume", on_click=sweep.resume)
    elif sweep.running:
        st.button("Pause", icon=":material/pause:", key="sweep_pause", on_click=sweep.pause)
    if sweep.running:
        st.button(
            "Cancel", icon=":material/stop_circle:", key="sweep_cancel", on_click=sweep.cancel
        )
    elif undone:
        st.button(
            _retry(counts),
            icon=":material/refresh:",
            key="sweep_retry",
            on_click=sweep.retry,
        )
    edit = "Edit and continue" if sweep.running else "Edit the plan"
    st.button(
        edit,
        icon=":material/edit:",
        key="sweep_edit",
        on_click=experiments.edit,
        args=(studio, sweep),
        help="Brings the plan into the form above. What is made already is not made again.",
    )


def _shown_as(studio: Studio, sweep: Sweep, tools: DeltaGenerator) -> None:
    """The pictures, in the way that was chosen."""
    results = sweep.results()
    two = sum(bool(result.picture) for result in results.values()) > 1
    offered = [title for title, view in VIEWS.items() if two or not view.needs_two]
    with tools:
        chosen = st.segmented_control(
            "Pictures as",
            offered,
            default="Grid",
            **linked.bound("pictures_as"),
            required=True,
            format_func=lambda title: f":material/{VIEWS[title].icon}: {title}",
            label_visibility="collapsed",
        )
    VIEWS.get(str(chosen), VIEWS["Grid"]).show(Stage(studio, sweep, results, tools))


def _retry(counts: Mapping[str, int]) -> str:
    """What a click makes: those that were never begun, or those that failed."""
    failed, cancelled = counts.get("failed", 0), counts.get("cancelled", 0)
    if cancelled:
        return f"Make the other {many(failed + cancelled, 'picture')}"
    return f"Try {many(failed, 'picture')} again"
