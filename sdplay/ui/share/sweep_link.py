"""A sweep behind a link: its plan and pictures are stored, and shown as a sheet to whoever may see
them."""

from dataclasses import replace
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
    """Asks whether the sweep on the screen is part of the link, which shares its pictures."""
    sweep = next(
        (
            candidate
            for candidate in sweeping.mine(studio)
            if candidate.group == st.session_state.get("sweep_shown")
        ),
        None,
    )
    pictures = (
        {
            at: picture
            for at, result in sweep.results().items()
            if (picture := sweeping.saved_picture(studio, result))
        }
        if sweep
        else {}
    )
    if not sweep or not pictures:
        return {}
    many = "its picture" if len(pictures) == 1 else f"its {len(pictures)} pictures"
    help_text = "They become shared: everybody on this page may see them."
    all_are = all(saved.shared for saved in pictures.values())
    if not st.toggle(
        f"With the sweep below and {many}", all_are, key=f"share_{sweep.group}", help=help_text
    ):
        return {}
    for picture in pictures.values():
        if not picture.shared:
            studio.library.share(picture, studio.owner)
    looked = cells.picked(sweep, sweep.results())
    return {
        "sweep": {
            "plan": outline(sweep.plan),
            "kept": [[at, saved.id] for at, saved in pictures.items()],
            "looked": looked,
        }
    }


def arrive(studio: Studio) -> None:
    """Adds the sweep of a short link to this browser's own, with those of its pictures that this
    browser may see."""
    fields = st.session_state.pop("sweep_linked", None)
    if not fields:
        return
    pictures = {
        tuple(at): picture
        for at, id in fields["kept"]
        if (picture := studio.library.get(id, studio.owner))
    }
    spec = plan_of(fields)
    base = Setup(spec.backend, links.params(spec.base))
    drawn_up = plan(base, spec.axes, Facts(sweeping.bench(False).offer(spec.backend)))
    planned = replace(drawn_up, refine=spec.refine)
    sweep = Sweep(
        planned,
        sweeping.bench(False),
        studio.jobs,
        owner=studio.owner,
        address=session.address(),
        speeds=sweeping.speeds(),
    )
    sweeping.board().add(sweep.recall(pictures))
    at_a, at_b = fields["looked"]
    if at_a and at_b:
        cells.pick(sweep, tuple(at_b), tuple(at_a))
