"""The pictures sorted by time, work, distance or stars. Rejected ones are hidden."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from sdplay.compare.evidence.measures import COLOUR
from sdplay.compare.results import measured_alike
from sdplay.sweeps.judged import things_of
from sdplay.ui.compare import cells, rejecting, sweeping
from sdplay.ui.compare.cells import At
from sdplay.ui.compare.views import Stage
from sdplay.ui.components.sift import Number, Sifted, sift
from sdplay.ui.picture.details import details

ON_REQUEST = ("distance", "match", "stars")
"""Numbers that take a while, so that they are computed once somebody sorts by them."""
SHARES = ("time", "distance", "match")
"""Numbers with digits behind the point."""


def show(stage: Stage) -> None:
    """All cells with a picture, in the chosen order."""
    sweep = stage.sweep
    rejecting.begin(stage)
    counted = st.session_state.setdefault(f"counted_{sweep.group}", set())
    at_a, _ = cells.picked(sweep, stage.results)
    numbers = {name: _counted(stage, name, at_a) for name in ON_REQUEST if name in counted}
    judged = any(things_of(result) for result in stage.results.values())
    alike = measured_alike(result for result in stage.results.values() if result.done)
    choice = sift(
        _pictures(stage, numbers),
        [
            Number("time", "Seconds" if alike else "Seconds (as measured then)"),
            Number("evaluations", "Evaluations"),
            Number("distance", "Distance to A", "distance" in counted),
            *([Number("match", "Prompt match", "match" in counted)] if judged else []),
            Number("stars", "Stars", "stars" in counted),
        ],
        f"sift_{sweep.group}",
        rejected=rejecting.rejected(sweep),
        on_reject=partial(rejecting.reject, sweep),
        ratio=cells.ratio(sweep.plan),
    )
    if choice.wanted:
        counted.add(choice.wanted)
        st.rerun(scope="fragment")
    if choice.opened is not None:
        st.session_state.pop(f"stars_{sweep.group}", None)  # they are given in the drawer
        details(stage.results[choice.opened].picture)


def _pictures(stage: Stage, more: Mapping[str, Mapping[At, float]]) -> list[Sifted]:
    pictures = []
    for at, result in stage.results.items():
        if not result.picture:
            continue
        numbers = {
            "time": result.seconds,
            "evaluations": float(result.cell.evaluations),
            **{name: values.get(at) for name, values in more.items()},
        }
        numbers_there = {name: value for name, value in numbers.items() if value is not None}
        texts = {name: _text(name, value) for name, value in numbers_there.items()}
        pictures.append(Sifted(at, result.picture, result.cell.name, numbers_there, texts))
    return pictures


def _text(name: str, value: float) -> str:
    return f"{value:.2f}" if name in SHARES else f"{value:.0f}"


def _counted(stage: Stage, name: str, at_a: At | None) -> dict[At, float]:
    if name == "stars":
        return _stars(stage)
    if name == "match":
        answers = {
            at: sweeping.matched(stage.studio, result) for at, result in stage.results.items()
        }
        return {at: match.sure for at, match in answers.items() if match is not None}
    if at_a is None:
        return {}
    measured = sweeping.differences(stage.studio, stage.results[at_a], stage.results.values())
    return {at: difference.by(COLOUR) for at, difference in measured.items()}


def _stars(stage: Stage) -> dict[At, float]:
    """The stars, read from the library once for each state of the sweep, because hundreds of
    pictures take a while."""
    key = f"stars_{stage.sweep.group}"
    count = sum(result.done for result in stage.results.values())
    if st.session_state.get(key, (None, None))[0] != count:
        stars = {
            at: float(saved.stars)
            for at, result in stage.results.items()
            if (saved := sweeping.saved_picture(stage.studio, result))
        }
        st.session_state[key] = (count, stars)
    there: dict[At, float] = st.session_state[key][1]
    return there
