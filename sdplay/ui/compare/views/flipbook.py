"""One large picture, and a slider for every axis."""

import io
from functools import partial

import streamlit as st
from PIL import Image

from sdplay.compare.results import Result
from sdplay.picture import jpeg_bytes
from sdplay.ui.compare import cells, rejecting, sweeping
from sdplay.ui.compare.cells import At
from sdplay.ui.compare.views import Stage
from sdplay.ui.components.flipbook import Leaf, Turn, flipbook, large_pictures
from sdplay.ui.picture.details import details

HEAVY = 1_000_000
"""A file with more bytes than this is sent as a JPEG, so that a step need not wait for it."""
LONGEST = 1600


def show(stage: Stage) -> None:
    """The flipbook, opened at B or at the first picture."""
    sweep = stage.sweep
    rejecting.begin(stage)
    turn = flipbook(
        [(along.axis.label, [mark.label for mark in along.marks]) for along in sweep.plan.varied],
        _leaves(stage),
        f"flipbook_{sweep.group}",
        start=_start(stage),
        rejected=rejecting.rejected(sweep),
        on_reject=partial(rejecting.reject, sweep),
        ratio=cells.ratio(sweep.plan),
    )
    large_pictures({id: _bearable(stage, id) for id in turn.wanted})
    _act(stage, turn)


def _act(stage: Stage, turn: Turn) -> None:
    if turn.beside is not None:
        cells.lay_beside(stage.sweep, turn.beside)
    if turn.details is not None and (picture := stage.results[turn.details].picture):
        details(picture)


def _leaves(stage: Stage) -> list[Leaf]:
    stand_ins = cells.stand_ins(stage.sweep, stage.results)
    return [
        Leaf(
            at,
            result.picture or (stand_ins[at].picture if at in stand_ins else ""),
            result.cell.name,
            _note(stage, at, stand_ins.get(at)),
        )
        for at, result in stage.results.items()
    ]


def _note(stage: Stage, at: At, stand_in: Result | None) -> str:
    result = stage.results[at]
    if stand_in:
        return f"No visible change: this is {stand_in.cell.name}"
    state = result.caption or cells.STATES.get(result.state, "")
    evaluations = f"{result.cell.evaluations} evaluations" if result.picture else ""
    return " · ".join(filter(None, (state, evaluations)))


def _start(stage: Stage) -> At:
    """Where it opens: at B if somebody has chosen one, otherwise at the first picture."""
    chosen = st.session_state.get(f"second_{stage.sweep.group}")
    if chosen is not None:
        return tuple(chosen)
    return tuple(0 for _ in stage.sweep.plan.varied)


def _bearable(stage: Stage, id: str) -> bytes:
    """A picture's file, or a JPEG of it if the file is large."""
    data = sweeping.original(stage.studio, id)
    if len(data) <= HEAVY:
        return data
    with Image.open(io.BytesIO(data)) as opened:
        return jpeg_bytes(opened, LONGEST, 92)
