"""What a finished sweep answers: charts, each with one plain sentence."""

import json
from functools import cache
from typing import Any

import altair as alt
import streamlit as st

from sdplay.compare.answers import Convergence, Point, Scale, bargain, frontier
from sdplay.compare.findings import Findings, find_out
from sdplay.sweeps import Sweep
from sdplay.ui import cells, sweeping, whole
from sdplay.ui.cells import Results
from sdplay.ui.problems import plain
from sdplay.ui.session import Studio

SCALES: dict[Scale, str] = {
    "steps": "Steps",
    "evaluations": "Model evaluations",
    "seconds": "Seconds",
}
GOALS = {"own": "The same at its most steps", "A": "A"}
TRADED = {"own": "the dearest that settles", "A": "A"}
"""What a choice means where settings of different schedulers stand side by side."""
ROWS = alt.NamedData("rows")
PICK = alt.selection_point(name="picked", fields=["at"], nearest=True, toggle=False)
"""A click anywhere takes the point that is nearest."""


def show(studio: Studio, sweep: Sweep) -> None:
    """The charts that the axes allow; nothing where they carry none."""
    results = sweep.results()
    found = _found(studio, sweep, results)
    if not (found.curves or found.bands):
        return
    with st.container(border=True, key="answers"):
        if found.curves:
            st.segmented_control(
                "Distance to",
                list(GOALS),
                default="own",
                required=True,
                key="against",
                format_func=GOALS.__getitem__,
                bind="query-params",
                help="What every picture is measured against.",
            )
            _convergence(studio, sweep, found.curves)
            _trade(studio, sweep, found)
        if found.bands:
            _spread(found)


def _found(studio: Studio, sweep: Sweep, results: Results) -> Findings:
    """Measured once for each state of the sweep and each reference."""
    chosen = cells.picked(sweep, results)[0] if st.session_state.get("against") == "A" else None
    key = f"found_{sweep.group}"
    state = (chosen, sum(result.done for result in results.values()))
    if st.session_state.get(key, (None, None))[0] != state:
        with st.spinner("Measuring"):
            findings = find_out(
                sweep.plan,
                results,
                lambda result: sweeping.pixels(studio, result),
                results[chosen] if chosen else None,
            )
            st.session_state[key] = (state, findings)
    return st.session_state[key][1]  # type: ignore[no-any-return]


@whole.fragment()
def _convergence(studio: Studio, sweep: Sweep, curves: tuple[Convergence, ...]) -> None:
    """Distance to each scheduler's own picture at its most steps, or to A; the knee is a ring."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**How many steps are enough?**")
        scale: Scale = st.segmented_control(
            "Across",
            list(SCALES),
            default="steps",
            required=True,
            key="scale",
            format_func=SCALES.__getitem__,
            label_visibility="collapsed",
        )
    rows = [
        {
            "curve": curve.label,
            "x": point.along(scale),
            "distance": point.distance,
            "label": point.label,
            "marked": point == curve.knee,
            "at": _written(point),
        }
        for curve in curves
        for point in curve.points
    ]
    first = next((curve.knee for curve in curves if curve.knee), curves[0].points[-1])
    _beside(studio, sweep, _with(_curves(SCALES[scale]), rows), "curves", first)
    for curve in curves:
        st.markdown(
            f"{':material/check_circle:' if curve.knee else ':material/info:'} "
            f"{plain(curve.sentence)}"
        )


@whole.fragment()
def _trade(studio: Studio, sweep: Sweep, found: Findings) -> None:
    """What each setting costs and how close it comes; what nothing beats is joined."""
    timed = [point for point in found.points if point.seconds is not None]
    scale: Scale = "seconds" if timed else "evaluations"
    points = timed or list(found.points)
    if len(points) < 3:
        return
    best = set(frontier([(point.along(scale), point.distance) for point in points]))
    rows = [
        {
            "label": point.label,
            "x": point.along(scale),
            "distance": point.distance,
            "marked": number in best,
            "at": _written(point),
        }
        for number, point in enumerate(points)
    ]
    against = st.session_state.get("against", "own")
    st.markdown("**What is worth its time?**")
    _beside(
        studio,
        sweep,
        _with(_front(SCALES[scale], TRADED[against]), rows),
        "trade",
        bargain(points, scale),
    )
    st.markdown(f":material/savings: {plain(found.sentences[len(found.curves)])}")


def _spread(found: Findings) -> None:
    """Each setting over the seeds: median and the middle four fifths."""
    rows = [
        {"label": band.label, "middle": band.middle, "low": band.low, "high": band.high}
        for band in found.bands
    ]
    st.markdown("**Is it the setting, or the seed?**")
    st.vega_lite_chart(_with(_bands(60 + 34 * len(rows)), rows), width="stretch")
    if found.test:
        st.markdown(f":material/balance: {plain(found.test.sentence)}")


def _beside(
    studio: Studio, sweep: Sweep, chart: dict[str, Any], key: str, first: Point | None
) -> None:
    """A chart, and beside it the picture of the point that was clicked, at first of the one that is
    recommended."""
    left, right = st.columns([4, 1], gap="medium", vertical_alignment="center")
    with left:
        event = st.vega_lite_chart(
            chart, width="stretch", key=f"{key}_{sweep.group}", on_select="rerun"
        )
    clicked = event["selection"].get(PICK.name)
    at = tuple(map(int, clicked[0]["at"].split(","))) if clicked else first.at if first else ()
    result = sweep.results().get(at)
    if result is None or not result.picture:
        return
    with right, st.container(gap="xsmall", key=f"seen_{key}"):
        st.image(
            sweeping.original(studio, result.picture),
            width="stretch",
            output_format="PNG",
            alt=result.cell.name,
        )
        st.caption(plain(result.cell.name))
        if st.button(
            "Beside A",
            icon=":material/compare:",
            type="tertiary",
            key=f"beside_{key}",
            on_click=cells.pick,
            args=(sweep, at),
            help="Make it B: under the glass, above.",
        ):
            st.rerun()


def _written(point: Point) -> str:
    return ",".join(map(str, point.at))


@cache
def _curves(across: str) -> str:
    """Lines with their knees."""
    base = _over(across, "curve:N", "label:N").encode(
        color=alt.Color("curve:N", title=None, legend=alt.Legend(orient="top"))
    )
    knees = base.transform_filter("datum.marked").mark_point(size=180, strokeWidth=2.5, aria=False)
    return _text(base.mark_line() + knees + base.mark_circle(size=60).add_params(PICK))


@cache
def _front(across: str, goal: str) -> str:
    """Dots, the frontier among them joined."""
    base = _over(
        across, "label:N", alt.Tooltip("x:Q", format=".2f", title=across), up=f"Distance to {goal}"
    )
    dots = base.mark_circle(size=70).encode(
        opacity=alt.condition("datum.marked", alt.value(1), alt.value(0.35))
    )
    return _text(
        base.transform_filter("datum.marked").mark_line(strokeDash=[4, 3]) + dots.add_params(PICK)
    )


@cache
def _bands(height: int) -> str:
    """Bars from low to high with a dot in the middle."""
    base = alt.Chart(ROWS).encode(y=alt.Y("label:N", title=None, sort=None))
    low = alt.X("low:Q", title="Distance to the most expensive setting, over the seeds")
    dots = base.mark_point(filled=True, size=80).encode(
        x="middle:Q", tooltip=["label:N", "middle:Q"]
    )
    return _text(base.mark_bar(height=10, opacity=0.35).encode(x=low, x2="high:Q") + dots, height)


def _over(across: str, *told: str | alt.Tooltip, up: str = "Distance (1 − SSIM)") -> alt.Chart:
    """Distance over what it costs."""
    return alt.Chart(ROWS).encode(
        x=alt.X("x:Q", title=across, axis=alt.Axis(tickCount=8)),
        y=alt.Y("distance:Q", title=up),
        tooltip=[*told, alt.Tooltip("distance:Q", format=".3f")],
    )


def _text(chart: alt.LayerChart, height: int = 280) -> str:
    """Built once: Altair takes longer over a chart than the rest of the page together."""
    return str(chart.properties(height=height).to_json())


def _with(chart: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {**json.loads(chart), "datasets": {ROWS.name: rows}}
