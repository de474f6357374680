"""The charts of a finished sweep, each with one plain sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from sdplay.compare.evidence.amounts import Amounts, Course
from sdplay.compare.evidence.answers import Convergence, Point, Scale
from sdplay.compare.evidence.findings import Findings
from sdplay.compare.evidence.measures import COLOUR, MEASURES, WHAT_THEY_SEE, Measure
from sdplay.compare.results import measured_alike
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare.answers import shapes, verdict
from sdplay.ui.compare.answers.drawn import Plotted, draw
from sdplay.ui.compare.answers.shapes import Legend, upper, wrapped
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.wording import literal

SCALES: Mapping[Scale, str] = {
    "steps": "Steps",
    "evaluations": "Model evaluations",
    "seconds": "Seconds",
}
MOST_CURVES = 12
"""The most lines of a chart, because more cannot be told apart."""
MOST_BANDS = 24


def show(studio: Studio, sweep: Sweep) -> None:
    """Shows the charts that the axes allow; none if they allow none."""
    findings = verdict.findings(studio, sweep, sweep.results())
    if not (findings.curves or findings.trade or findings.amounts or findings.bands):
        return
    with st.container(border=True, key="answers"):
        _choices(findings)
        if findings.curves:
            _convergence(studio, sweep, findings)
        if findings.trade:
            _trade(studio, sweep, findings)
        if findings.amounts:
            _amounts(studio, sweep, findings.amounts)
        if findings.bands:
            _spread(studio, sweep, findings)


def _choices(findings: Findings) -> None:
    """Asks by which measure and from which picture to take distances, and says what the measure
    sees."""
    with st.container(horizontal=True, gap="medium"):
        st.segmented_control(
            "Distance by",
            list(MEASURES),
            default=COLOUR.id,
            required=True,
            **linked.bound("measure"),
            format_func=lambda id: upper(MEASURES[id].label),
        )
        if findings.curves:
            st.segmented_control(
                "Distance to",
                list(linked.GOALS),
                default="own",
                required=True,
                **linked.bound("against"),
                format_func=linked.GOALS.__getitem__,
                help="What every picture is measured against.",
            )
    st.caption(literal(WHAT_THEY_SEE))


@whole.fragment()
def _convergence(studio: Studio, sweep: Sweep, findings: Findings) -> None:
    """The distance to each scheduler's own picture with the most steps, or to A. A ring marks where
    it levels off."""
    curves = findings.curves[:MOST_CURVES]
    scale: Scale = st.session_state.get("scale") or "steps"
    if scale not in _scales(sweep):
        scale = "steps"
    rows = _curve_rows(curves, scale, findings.close)
    colours = {row["colour"] for row in rows}
    trade = findings.trade if scale == "evaluations" else None
    across = upper(trade.reference.unit) if trade else SCALES[scale]
    shape = shapes.curves(across, findings.measure, Legend.of(colours), len(colours) < len(curves))
    marked = next((curve.knee for curve in curves if curve.knee), curves[0].points[-1])
    columns = {"curve": "Curve", **_columns(across, findings.measure)}
    plotted = Plotted("curves", "How many steps are enough?", shape, rows, columns)
    draw(studio, sweep, plotted, marked.at, lambda: _scale(sweep))
    if len(colours) < len(curves):
        st.caption("Strong lines run through the median of the thin ones of their colour.")
    if len(findings.curves) > MOST_CURVES:
        st.caption(f"The first {MOST_CURVES} of {len(findings.curves)} curves are drawn.")
    for sentence in findings.settling:
        settled = "enough" in sentence
        st.markdown(f":material/{'check_circle' if settled else 'info'}: {literal(sentence)}")


def _curve_rows(curves: Sequence[Convergence], scale: Scale, close: float) -> list[dict[str, Any]]:
    return [
        _row(point, scale)
        | {
            "close": close,
            "curve": curve.label,
            "colour": wrapped(_coloured(curve, curves)),
            "marked": point == curve.knee,
        }
        for curve in curves
        for point in curve.points
    ]


def _coloured(curve: Convergence, curves: Sequence[Convergence]) -> str:
    """What decides the colour of a curve: the scheduler, or if there is only one, all that
    varies."""
    several = len({sibling.scheduler for sibling in curves}) > 1
    return curve.scheduler if several else curve.label


def _scales(sweep: Sweep) -> list[Scale]:
    """The scales to choose from. Seconds are among them only if they were measured under like
    conditions."""
    return list(SCALES) if measured_alike(sweep.results().values()) else list(SCALES)[:2]


def _scale(sweep: Sweep) -> None:
    scales = _scales(sweep)
    if st.session_state.get("scale") not in (None, *scales):
        del st.session_state["scale"]
    st.segmented_control(
        "Across",
        scales,
        default="steps",
        required=True,
        key="scale",
        format_func=SCALES.__getitem__,
        label_visibility="collapsed",
    )


@whole.fragment()
def _trade(studio: Studio, sweep: Sweep, findings: Findings) -> None:
    """What each setting costs and how close it comes. Settings that no other beats in both are
    joined by a line."""
    trade = findings.trade
    if trade is None or not trade.points:
        return
    best, winners = trade.best, trade.winners
    rows = [
        _row(point, "evaluations") | {"marked": point in best, "winner": point in winners}
        for point in trade.points
    ]
    goal = trade.reference
    reference = Point(
        goal.name, 0, goal.evaluations, 0.0, at=goal.at, beside=0.0, weighed=goal.weighed
    )
    rows.append(
        _row(reference, "evaluations")
        | {"marked": False, "winner": False, "reference": wrapped(f"Reference: {reference.label}")}
    )
    rows = [row | {"close": findings.close} for row in rows]
    across = upper(goal.unit)
    plotted = Plotted(
        "trade",
        "What is worth its cost?",
        shapes.front(findings.measure, across),
        rows,
        _columns(across, findings.measure),
    )
    draw(studio, sweep, plotted, winners[0].at if winners else goal.at)
    for sentence in findings.trade_sentences:
        st.markdown(f":material/savings: {literal(sentence)}")


@whole.fragment()
def _amounts(studio: Studio, sweep: Sweep, amounts: Amounts) -> None:
    """How far each value of a setting is from the one before."""
    courses = amounts.courses[:MOST_CURVES]
    labels = {course.label for course in courses}
    legend = Legend.of(labels) if len(labels) > 1 else Legend.none()
    columns = {"curve": "Curve", **_columns(amounts.setting, amounts.measure)}
    plotted = Plotted(
        "amounts",
        f"What does more {amounts.setting} change?",
        shapes.moves(amounts.setting, amounts.measure, legend),
        _amount_rows(amounts, courses),
        columns,
    )
    draw(studio, sweep, plotted, courses[0].levels[-1].at)
    if len(amounts.courses) > MOST_CURVES:
        st.caption(f"The first {MOST_CURVES} of {len(amounts.courses)} curves are drawn.")
    for sentence in amounts.sentences:
        st.markdown(f":material/tune: {literal(sentence)}")


def _amount_rows(amounts: Amounts, courses: Sequence[Course]) -> list[dict[str, Any]]:
    return [
        {
            "label": level.words,
            "x": level.value,
            "distance": level.moved,
            "beside": level.beside,
            "clipped": level.clipped,
            "at": ",".join(map(str, level.at)),
            "curve": course.label,
            "colour": wrapped(course.label),
            "close": amounts.measure.unseen,
        }
        for course in courses
        for level in course.levels[1:]
    ]


def _spread(studio: Studio, sweep: Sweep, findings: Findings) -> None:
    """Each setting over the seeds: the median, and the range without the lowest and highest
    tenth."""
    bands = sorted(findings.bands, key=lambda band: band.middle)[:MOST_BANDS]
    rows = [
        {
            "label": wrapped(band.label),
            "middle": band.middle,
            "low": band.low,
            "high": band.high,
            "seeds": band.count,
        }
        for band in bands
    ]
    lines = sum(wrapped(band.label).count("\n") + 1 for band in bands)
    goal = findings.band_reference.name if findings.band_reference else "the reference"
    shape = shapes.bands(60 + 20 * lines + 14 * len(rows), findings.measure, wrapped(goal))
    columns = {
        "label": "Setting",
        "middle": f"Median {findings.measure.label}",
        "low": "Low",
        "high": "High",
        "seeds": "Seeds",
    }
    draw(studio, sweep, Plotted("bands", "Is it the setting, or the seed?", shape, rows, columns))
    if len(findings.bands) > MOST_BANDS:
        st.caption(f"The {MOST_BANDS} closest of {len(findings.bands)} settings are drawn.")
    for sentence in findings.seed_sentences:
        st.markdown(f":material/balance: {literal(sentence)}")


def _columns(across: str, measure: Measure) -> dict[str, str]:
    """The columns of the table beside a chart of distances."""
    beside = next(candidate for candidate in MEASURES.values() if candidate is not measure)
    return {
        "label": "Picture",
        "x": across,
        "distance": upper(measure.label),
        "beside": upper(beside.label),
    }


def _row(point: Point, scale: Scale) -> dict[str, Any]:
    return {
        "label": point.label,
        "x": point.along(scale),
        "distance": point.distance,
        "beside": point.beside,
        "at": ",".join(map(str, point.at)),
    }
