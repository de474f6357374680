"""The cells of a sweep that somebody rejected: remembered for this visit, and left out of the plan
that is saved."""

import streamlit as st

from sdplay.compare.experiment import write_experiment
from sdplay.compare.explore.sift import without
from sdplay.sweeps import Sweep
from sdplay.ui.compare import cells
from sdplay.ui.compare.cells import At
from sdplay.ui.compare.views import Stage
from sdplay.wording import many


def begin(stage: Stage) -> None:
    """Draws what every view with rejected pictures needs."""
    if not any(result.picture for result in stage.results.values()):
        st.caption("The pictures appear here as soon as they are made.")
    cells.send(stage.studio, stage.sweep, stage.results)
    with stage.tools:
        st.space("stretch")
        save_rest(stage.sweep)


def rejected(sweep: Sweep) -> frozenset[At]:
    """The places of the rejected cells."""
    places: frozenset[At] = st.session_state.get(_key(sweep), frozenset())
    return places


def reject(sweep: Sweep, places: frozenset[At]) -> None:
    """Rejects exactly these cells from now on."""
    st.session_state[_key(sweep)] = places


def save_rest(sweep: Sweep) -> None:
    """Offers the plan of the other cells as a file, once some but not all are rejected."""
    out = rejected(sweep)
    staying = sum(cell.at not in out and not cell.skip for cell in sweep.plan.cells)
    if not out or not staying:
        return
    st.download_button(
        f"Plan of the other {many(staying, 'picture')}",
        lambda: plan_of_rest(sweep, out),
        "sdplay-plan.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
        key="take_rest",
        help="A plan without the rejected pictures: open it here, or run it with "
        "python -m sdplay sweep.",
    )


def plan_of_rest(sweep: Sweep, places: frozenset[At]) -> str:
    """A file with the plan without these cells."""
    return write_experiment(without(sweep.plan, places), {})


def _key(sweep: Sweep) -> str:
    return f"rejected_{sweep.group}"
