"""A sweep on the page: its progress, its sheet, two of its pictures under the glass, and what it
tells."""

from collections.abc import Mapping

import streamlit as st

from sdplay.compare.guard import Verdict
from sdplay.compare.results import Result
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import cells, experiments, sweeping
from sdplay.ui.compare.cells import At, Results
from sdplay.ui.components.filmstrip import Strip, filmstrip
from sdplay.ui.form import form
from sdplay.ui.picture.details import details
from sdplay.ui.picture.pair import Side, locks_into_form, pair
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
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
        results = sweep.results()
        with explained():
            cells.sheet(studio, sweep, results, tools)
            _glass(studio, sweep, results)
        if moving != sweep.moving:
            st.rerun()  # the timer starts or stops, and a finished sweep tells what it found

    if not sweep.running:
        experiments.compared_with_file(sweep)
    view()
    if not sweep.running:
        from sdplay.ui.compare import (
            answers,  # its charts cost a quarter of a second: not at the first paint of the page
        )

        with explained():
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


def _retry(counts: Mapping[str, int]) -> str:
    """What a click makes: those that were never begun, or those that failed."""
    failed, cancelled = counts.get("failed", 0), counts.get("cancelled", 0)
    if cancelled:
        return f"Make the other {many(failed + cancelled, 'picture')}"
    return f"Try {many(failed, 'picture')} again"


def _glass(studio: Studio, sweep: Sweep, results: Results) -> None:
    """A and B, large: what differs in the settings, what differs in the pixels."""
    at_a, at_b = cells.picked(sweep, results)
    if at_b is not None and results[at_b].state in ("failed", "cancelled"):
        _undone(sweep, results[at_b])
        return
    if at_a is None or at_b is None:
        return
    result_a, result_b = results[at_a], results[at_b]
    sides = [
        Side(
            f"{letter}: {result.cell.name}",
            data,
            result.cell.setup,
            result.model,
        )
        for letter, result in (("A", result_a), ("B", result_b))
        if result.picture and (data := sweeping.original(studio, result.picture))
    ]
    if len(sides) < 2:
        return

    def tools() -> None:
        st.button(
            "Make B the reference",
            icon=":material/swap_horiz:",
            key="look_swap",
            on_click=cells.pick,
            args=(sweep, at_a, at_b),
        )
        if st.button("Details of B", icon=":material/receipt_long:", key="look_details"):
            details(result_b.picture)

    pair(
        sides,
        "glass",
        sweeping.measure(studio, result_a, result_b),
        tools,
        lambda verdict: _locks(sweep, result_a, result_b, verdict),
    )
    _frames(studio, result_a, result_b, [side.label for side in sides])


def _undone(sweep: Sweep, result: Result) -> None:
    """A cell without a picture: why, and what to do about this one."""
    with st.container(border=True, key="undone"):
        name = literal(result.cell.name)
        st.markdown(
            f":material/error: **{name}**: {literal(result.error) or 'stopped before its end.'}"
        )
        with st.container(horizontal=True, gap="xsmall"):
            st.button(
                "Try this one again",
                icon=":material/refresh:",
                key="cell_retry",
                on_click=sweep.retry,
                args=(result.cell.at,),
            )
            st.button(
                "Its settings into the form",
                icon=":material/input:",
                key="cell_use",
                on_click=form.use,
                args=(result.cell.params,),
            )


def _locks(sweep: Sweep, reference: Result, result: Result, verdict: Verdict) -> None:
    """Ways to the cells beside A in which only one thing differs."""
    axes = [
        along
        for along, (mine, yours) in enumerate(zip(reference.cell.at, result.cell.at, strict=True))
        if mine != yours
    ]
    if len(axes) < 2:
        locks_into_form(reference.cell.params, result.cell.params, verdict, "lock")
    elif verdict.level == "confounded":
        for along in axes:
            fair: At = (
                *reference.cell.at[:along],
                result.cell.at[along],
                *reference.cell.at[along + 1 :],
            )
            st.button(
                f"Only {sweep.plan.varied[along].axis.label}",
                icon=":material/lock:",
                type="tertiary",
                key=f"lock_{along}",
                on_click=cells.pick,
                args=(sweep, fair),
                help="Show beside A the cell that differs in nothing else.",
            )


def _frames(studio: Studio, left: Result, right: Result, names: list[str]) -> None:
    """The two runs as film, where the frames were kept."""
    strips = []
    for name, result in zip(names, (left, right), strict=True):
        saved = sweeping.kept(studio, result)
        if saved and saved.has_frames:
            strips.append(Strip(name, studio.library.frames(saved)))
    if strips:
        with st.expander("Filmstrip", icon=":material/theaters:", key="film"):
            filmstrip(strips, "strips")
