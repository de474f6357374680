"""A sweep under a link: its plan and its pictures go in, and come out as a sheet for whoever may
see them."""

from typing import Any

import streamlit as st

from sdplay.compare.axes import Setup
from sdplay.compare.plan import Facts, plan
from sdplay.compare.planfile import outline, plan_of
from sdplay.sweeps import Sweep
from sdplay.ui import session
from sdplay.ui.compare import cells, sweeping
from sdplay.ui.session import Studio
from sdplay.ui.share import links


def offered(studio: Studio) -> dict[str, Any]:
    """Ask whether the sweep that is shown goes with the link, and its pictures become shared."""
    sweep = next(
        (
            each
            for each in sweeping.mine(studio)
            if each.group == st.session_state.get("sweep_shown")
        ),
        None,
    )
    kept = (
        {
            at: one
            for at, result in sweep.results().items()
            if (one := sweeping.kept(studio, result))
        }
        if sweep
        else {}
    )
    if not sweep or not kept:
        return {}
    many = "its picture" if len(kept) == 1 else f"its {len(kept)} pictures"
    told = "They become shared: everybody on this page may see them."
    all_are = all(one.shared for one in kept.values())
    if not st.toggle(
        f"With the sweep below and {many}", all_are, key=f"share_{sweep.group}", help=told
    ):
        return {}
    for one in kept.values():
        if not one.shared:
            studio.library.share(one, studio.owner)
    looked = cells.picked(sweep, sweep.results())
    return {
        "sweep": {
            "plan": outline(sweep.plan),
            "kept": [[at, one.id] for at, one in kept.items()],
            "looked": looked,
        }
    }


def arrive(studio: Studio) -> None:
    """The sweep that a short link brought, among one's own, with those of its pictures that one may
    see."""
    told = st.session_state.pop("sweep_linked", None)
    if not told:
        return
    kept = {
        tuple(at): one for at, id in told["kept"] if (one := studio.library.get(id, studio.owner))
    }
    spec = plan_of(told)
    base = Setup(spec.backend, links.params(spec.base))
    made = plan(base, spec.axes, Facts(sweeping.bench(False).offer(spec.backend)))
    sweep = Sweep(
        made,
        sweeping.bench(False),
        studio.jobs,
        owner=studio.owner,
        address=session.address(),
        speeds=sweeping.speeds(),
    )
    sweeping.board().add(sweep.recall(kept))
    first, second = told["looked"]
    if first and second:
        cells.pick(sweep, tuple(second), tuple(first))
