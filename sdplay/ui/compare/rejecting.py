"""The cells of a sweep that were rejected: remembered for this visit, saved as a plan without
them."""

import streamlit as st

from sdplay.compare.experiment import write_experiment
from sdplay.compare.explore.sift import without
from sdplay.sweeps import Sweep
from sdplay.ui.compare.cells import At
from sdplay.wording import many


def rejected(sweep: Sweep) -> frozenset[At]:
    """Where they stand."""
    cells: frozenset[At] = st.session_state.get(_key(sweep), frozenset())
    return cells


def reject(sweep: Sweep, cells: frozenset[At]) -> None:
    """These and no others are rejected from now on."""
    st.session_state[_key(sweep)] = cells


def save_rest(sweep: Sweep) -> None:
    """A file with the plan of what stays, once anything is rejected and anything stays."""
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


def plan_of_rest(sweep: Sweep, cells: frozenset[At]) -> str:
    """A file with the plan without these cells."""
    return write_experiment(without(sweep.plan, cells), {})


def _key(sweep: Sweep) -> str:
    return f"rejected_{sweep.group}"
