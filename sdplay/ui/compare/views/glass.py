"""Two of a sweep's pictures, compared in detail."""

import streamlit as st

from sdplay.compare.guard import Verdict
from sdplay.compare.results import Result
from sdplay.sweeps import Sweep
from sdplay.ui.compare import cells, sweeping
from sdplay.ui.compare.cells import At
from sdplay.ui.compare.views import Stage
from sdplay.ui.components.filmstrip import Strip, filmstrip
from sdplay.ui.form import form
from sdplay.ui.picture.details import details
from sdplay.ui.picture.pair import Side, locks_into_form, pair
from sdplay.ui.session import Studio
from sdplay.wording import literal


def show(stage: Stage) -> None:
    """A and B, large: which settings and which pixels differ."""
    studio, sweep, results = stage.studio, stage.sweep, stage.results
    at_a, at_b = cells.picked(sweep, results)
    if at_b is not None and results[at_b].state in ("failed", "cancelled"):
        _undone(sweep, results[at_b])
        return
    if sum(bool(result.picture) for result in results.values()) < 2:
        return  # beside itself a picture would be said to be the same
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
    """A cell without a picture: why, and what to do about it."""
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
    """Buttons to the cells that differ from A in one thing only."""
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
    """The two runs step by step, if their frames were stored."""
    strips = []
    for name, result in zip(names, (left, right), strict=True):
        saved = sweeping.saved_picture(studio, result)
        if saved and saved.has_frames:
            strips.append(Strip(name, studio.library.frames(saved)))
    if strips:
        with st.expander("Filmstrip", icon=":material/theaters:", key="film"):
            filmstrip(strips, "strips")
