"""A plan that was run, in one line: what varied, whether it was fair, and what to do with it."""

from collections.abc import Callable

import streamlit as st

from sdplay.compare.summary import axes_line, pictures_line
from sdplay.sweeps import Sweep
from sdplay.ui.compare import experiments, sweeping
from sdplay.ui.compare.fairness_pill import pill
from sdplay.ui.problems import explained
from sdplay.ui.session import Studio
from sdplay.wording import literal, many

LETTERS = 60
"""The most letters of a prompt below or beside its axes."""


def show(studio: Studio, more: Callable[[], None]) -> Sweep:
    """Shows the newest sweep, or an older one chosen here. `more` adds buttons."""
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", wrap=True, key="plan_line"
    ):
        sweep = _chosen(sweeping.mine(studio))
        pill(sweep.plan, "ran", lambda: experiments.edit(studio, sweep))
        _buttons(studio, sweep)
        st.session_state["sweep_shown"] = sweep.group
        more()
    return sweep


def _chosen(sweeps: list[Sweep]) -> Sweep:
    """The line with its prompt below; a list of such lines if there are several sweeps."""
    if len(sweeps) == 1:
        plan = sweeps[0].plan
        prompt = literal(_shortened(plan.base.params.prompt))
        with st.container(gap=None, key="plan_words"):
            st.markdown(f"**{literal(axes_line(plan))}** · {pictures_line(plan)}", wrap=False)
            st.caption(prompt, wrap=False)
        return sweeps[0]
    numbers = list(range(len(sweeps)))
    chosen = st.selectbox(
        "Sweep",
        numbers,
        index=len(numbers) - 1,
        key=f"sweep_of_{len(sweeps)}",
        format_func=lambda number: _named(sweeps[number]),
        label_visibility="collapsed",
    )
    return sweeps[chosen]


def _named(sweep: Sweep) -> str:
    plan = sweep.plan
    return f"{axes_line(plan)} · {pictures_line(plan)} · {_shortened(plan.base.params.prompt)}"


def _shortened(prompt: str) -> str:
    if not prompt.strip():
        return "no prompt"
    return prompt if len(prompt) <= LETTERS else f"{prompt[: LETTERS - 1].rstrip()}…"


def _buttons(studio: Studio, sweep: Sweep) -> None:
    """Buttons to change the plan, to make it once more, or to begin another one from the form."""
    st.button(
        "Edit",
        icon=":material/edit:",
        type="tertiary",
        key="sweep_edit",
        on_click=experiments.edit,
        args=(studio, sweep),
        help=f"{'Pauses it and brings' if sweep.running else 'Brings'} this plan into the form. "
        "What is made already is not made again.",
    )
    if not sweep.running:
        _run_again(studio, sweep)
    opened = sweeping.plan_open(studio)
    st.button(
        "Close" if opened else "New",
        icon=":material/close:" if opened else ":material/add:",
        type="tertiary",
        key="plan_new",
        on_click=sweeping.open_plan,
        args=(studio, not opened),
        help="Folds the plan away." if opened else "Plan another comparison, from the form.",
    )


def _run_again(studio: Studio, sweep: Sweep) -> None:
    count = sum(cell.twin is None and not cell.skip for cell in sweep.plan.cells)
    st.button(
        "Run again",
        icon=":material/replay:",
        type="tertiary",
        key="sweep_again",
        on_click=_again,
        args=(studio, sweep),
        help=f"Makes {many(count, 'picture')} anew, and says whether they come out the same.",
    )


def _again(studio: Studio, sweep: Sweep) -> None:
    with explained():
        sweeping.start_again(studio, sweep)
