"""The label that says whether exactly one thing differs, and how to lock the others if several
do."""

from collections.abc import Callable, Mapping

import streamlit as st

from sdplay.compare.guard import Verdict, fairness, label, settings_text
from sdplay.compare.plan import Plan
from sdplay.ui.compare.kinds import KINDS
from sdplay.wording import literal


def pill(plan: Plan, key: str, before: Callable[[], None] = lambda: None) -> None:
    """Shows whether a plan is fair. `before` puts it into the form before anything is locked
    there."""
    answer = fairness(plan)
    st.badge(
        literal(answer.words),
        icon=":material/balance:" if answer.fair else ":material/warning:",
        color="green" if answer.fair else "orange",
        help=literal(f"{answer.sentence} The same in all: {_unvaried(plan)}"),
    )
    if answer.mixed and any(varied.axis.id == "preset" for varied in plan.varied):
        _locks(answer.mixed, key, before)


def _unvaried(plan: Plan) -> str:
    """The settings that no axis varies, in words."""
    base, varied = plan.base.params, {along.axis.id for along in plan.varied}
    varied |= {
        name
        for along in plan.varied
        for mark in along.marks
        if isinstance(mark.value, Mapping)
        for name in mark.value
    }
    size = [] if varied & {"width", "height", "size"} else [f"{base.width} × {base.height}"]
    return ", ".join([*settings_text(base.asked(), {"negative", *varied}), *size]) + "."


def _locks(mixed: Verdict, key: str, before: Callable[[], None]) -> None:
    with st.popover("Lock the rest", icon=":material/lock:", key=f"{key}_lock"):
        st.caption("Let one of them vary. The others are locked to the form.")
        for name in mixed.names:
            st.button(
                f"Only {label(name)}",
                icon=":material/lock:",
                type="tertiary",
                key=f"{key}_lock_{name}",
                on_click=_lock,
                args=(name, mixed, before),
            )


def _lock(name: str, mixed: Verdict, before: Callable[[], None]) -> None:
    before()
    KINDS[st.session_state["lab"]].module.only(name, mixed.values[name])
