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
"""The most letters of a prompt that stand below its axes; a longer one has a line of its own."""
FOLDED = 400
"""The most letters in that line until it is opened."""


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
    _long_prompt(sweep.plan.base.params.prompt)
    return sweep


def _chosen(sweeps: list[Sweep]) -> Sweep:
    """The line of a sweep with its prompt below; a list of such lines if there are several."""
    with st.container(gap=None, key="plan_words"):
        if len(sweeps) == 1:
            sweep = sweeps[0]
            axes, pictures = literal(axes_line(sweep.plan)), pictures_line(sweep.plan)
            st.markdown(f"**{axes}** · {pictures}", wrap=False)
        else:
            sweep = _one_of(sweeps)
        prompt = sweep.plan.base.params.prompt
        if len(prompt) <= LETTERS:
            st.caption(literal(prompt) if prompt.strip() else "no prompt", wrap=False)
    return sweep


def _one_of(sweeps: list[Sweep]) -> Sweep:
    names = _names(sweeps)
    chosen = st.selectbox(
        "Sweep",
        range(len(sweeps)),
        index=len(sweeps) - 1,
        key=f"sweep_of_{len(sweeps)}",
        format_func=names.__getitem__,
        label_visibility="collapsed",
    )
    return sweeps[chosen]


def _names(sweeps: list[Sweep]) -> list[str]:
    """A name for each sweep. No two are the same: the list would take one for the other."""
    names = [f"{axes_line(sweep.plan)} · {pictures_line(sweep.plan)}" for sweep in sweeps]
    prompts = [sweep.plan.base.params.prompt for sweep in sweeps]
    if len(set(prompts)) > 1:
        pairs = zip(names, prompts, strict=True)
        names = [f"{name} · {_shortened(prompt)}" for name, prompt in pairs]
    runs = [names[: at + 1].count(name) for at, name in enumerate(names)]
    return [
        f"{name} · run {run}" if names.count(name) > 1 else name
        for name, run in zip(names, runs, strict=True)
    ]


def _shortened(prompt: str) -> str:
    if not prompt.strip():
        return "no prompt"
    return prompt if len(prompt) <= LETTERS else f"{prompt[: LETTERS - 1].rstrip()}…"


def _long_prompt(prompt: str) -> None:
    """A prompt that is too long to stand beside anything: one line, and the whole text at a
    click."""
    if len(prompt) > LETTERS:
        with st.expander(literal(prompt[:FOLDED]), type="compact", key="plan_prompt"):
            st.caption(literal(prompt))


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
