"""What a finished sweep answers: charts, each with one plain sentence."""

from typing import Any

import altair as alt
import streamlit as st

from sdplay.compare.answers import Convergence, Scale, frontier
from sdplay.compare.findings import Findings, find_out
from sdplay.sweeps import Sweep
from sdplay.ui import sweeping
from sdplay.ui.problems import plain
from sdplay.ui.session import Studio

SCALES: dict[Scale, str] = {"steps": "Steps", "evaluations": "Model evaluations", "seconds": "Seconds"}
HEIGHT = 280


def show(studio: Studio, sweep: Sweep) -> None:
    """The charts that the axes allow; nothing where they carry none."""
    found = _found(studio, sweep)
    if not (found.curves or found.bands):
        return
    with st.container(border=True, key="answers"):
        if found.curves:
            _convergence(found.curves)
            _trade(found)
        if found.bands:
            _spread(found)


def _found(studio: Studio, sweep: Sweep) -> Findings:
    """Measured once for each state of the sweep."""
    key = f"found_{sweep.group}"
    finished = sum(result.done for result in sweep.results().values())
    if st.session_state.get(key, (None, None))[0] != finished:
        with st.spinner("Measuring"):
            findings = find_out(sweep.plan, sweep.results(), lambda result: sweeping.pixels(studio, result))
            st.session_state[key] = (finished, findings)
    return st.session_state[key][1]  # type: ignore[no-any-return]


def _scale(key: str, known: list[Scale]) -> Scale:
    return st.segmented_control("Across", known, default=known[0], required=True, key=key,
                                format_func=SCALES.__getitem__, label_visibility="collapsed") or "steps"  # fmt: skip


def _convergence(curves: tuple[Convergence, ...]) -> None:
    """Distance to each scheduler's own picture at its most steps; the knee is a ring."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**How many steps are enough?**")
        st.space("stretch")
        scale = _scale("scale_curves", ["steps", "evaluations", "seconds"])
    rows: list[dict[str, Any]] = [
        {"curve": curve.label, "x": point.along(scale), "distance": point.distance, "point": point.label,
         "knee": point == curve.knee, "settles": curve.settles}
        for curve in curves for point in curve.points
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", title=SCALES[scale]), y=alt.Y("distance:Q", title="Distance to its last picture (1 − SSIM)"),
        color=alt.Color("curve:N", title=None, legend=alt.Legend(orient="top")),
        tooltip=["curve:N", "point:N", alt.Tooltip("distance:Q", format=".3f")],
    )  # fmt: skip
    knees = base.transform_filter("datum.knee").mark_point(size=180, strokeWidth=2.5)
    st.altair_chart((base.mark_line() + base.mark_circle(size=42) + knees).properties(height=HEIGHT), width="stretch")
    for curve in curves:
        st.markdown(f"{':material/check_circle:' if curve.knee else ':material/info:'} {plain(curve.sentence)}")


def _trade(found: Findings) -> None:
    """What each setting costs and how close it comes; what nothing beats is joined."""
    timed = [point for point in found.points if point.seconds is not None]
    scale: Scale = "seconds" if timed else "evaluations"
    points = timed or list(found.points)
    if len(points) < 3:
        return
    best = set(frontier([(point.along(scale), point.distance) for point in points]))
    rows = [{"label": point.label, "x": point.along(scale), "distance": point.distance, "best": at in best}
            for at, point in enumerate(points)]  # fmt: skip
    st.markdown("**What is worth its time?**")
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", title=SCALES[scale]), y=alt.Y("distance:Q", title="Distance to its last picture"),
        tooltip=["label:N", alt.Tooltip("x:Q", format=".2f", title=SCALES[scale]),
                 alt.Tooltip("distance:Q", format=".3f")],
    )  # fmt: skip
    dots = base.mark_circle(size=60).encode(opacity=alt.condition("datum.best", alt.value(1), alt.value(0.35)))
    line = base.transform_filter("datum.best").mark_line(strokeDash=[4, 3])
    st.altair_chart((line + dots).properties(height=HEIGHT), width="stretch")
    st.markdown(f":material/savings: {plain(found.sentences[len(found.curves)])}")


def _spread(found: Findings) -> None:
    """Each setting over the seeds: median and the middle four fifths."""
    rows = [{"label": band.label, "middle": band.middle, "low": band.low, "high": band.high} for band in found.bands]
    st.markdown("**Is it the setting, or the seed?**")
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("label:N", title=None, sort=None))
    bars = base.mark_bar(height=10, opacity=0.35).encode(
        x=alt.X("low:Q", title="Distance to the most expensive setting, over the seeds"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80).encode(x="middle:Q", tooltip=["label:N", "middle:Q"])
    st.altair_chart((bars + dots).properties(height=60 + 34 * len(rows)), width="stretch")
    if found.test:
        st.markdown(f":material/balance: {plain(found.test.sentence)}")
