"""What a finished sweep answers: charts, each with one plain sentence."""

import json
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
import streamlit as st

from sdplay.compare.evidence.amounts import Amounts, Course
from sdplay.compare.evidence.answers import Convergence, Point, Scale
from sdplay.compare.evidence.findings import Findings
from sdplay.compare.evidence.measures import COLOUR, MEASURES, WHAT_THEY_SEE, Measure
from sdplay.compare.results import measured_alike
from sdplay.sweeps import Sweep
from sdplay.ui import whole
from sdplay.ui.compare import cells, sweeping, verdict
from sdplay.ui.session import Studio
from sdplay.ui.share import linked
from sdplay.wording import literal

SCALES: Mapping[Scale, str] = {
    "steps": "Steps",
    "evaluations": "Model evaluations",
    "seconds": "Seconds",
}
SHAPES = 32
"""Charts remembered as text: their titles hold what people wrote."""
MOST_CURVES = 12
"""More lines than this cannot be told apart."""
MOST_BANDS = 24
WRAPPED = 28
"""Letters of a label before it goes on in the next line."""
ROWS = alt.NamedData("rows")
GREY = "#7f8794"
"""Seen on light and on dark."""
PICK = alt.selection_point(name="picked", fields=["at"], nearest=True, toggle=False)
"""A click anywhere takes the point that is nearest."""
LINES = "split(datum.label, '\\n')"


def show(studio: Studio, sweep: Sweep) -> None:
    """The charts that the axes allow; nothing where they carry none."""
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
            _spread(findings)


def _choices(findings: Findings) -> None:
    """What distances are measured by and against, and what each measure sees."""
    with st.container(horizontal=True, gap="medium"):
        st.segmented_control(
            "Distance by",
            list(MEASURES),
            default=COLOUR.id,
            required=True,
            **linked.bound("measure"),
            format_func=lambda id: _upper(MEASURES[id].label),
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
    """Distance to each scheduler's own picture at its most steps, or to A; the knee is a ring."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**How many steps are enough?**")
        scale = _scale(sweep)
    curves = findings.curves[:MOST_CURVES]
    rows = [
        _row(point, scale)
        | {"close": findings.close}
        | {
            "curve": curve.label,
            "colour": _wrapped(_coloured(curve, curves)),
            "marked": point == curve.knee,
        }
        for curve in curves
        for point in curve.points
    ]
    marked = next((curve.knee for curve in curves if curve.knee), curves[0].points[-1])
    legend = _Legend.of({_coloured(curve, curves) for curve in curves})
    trade = findings.trade if scale == "evaluations" else None
    across = _upper(trade.reference.unit) if trade else SCALES[scale]
    chart = _curves(across, findings.measure, legend)
    _beside(studio, sweep, _with(chart, rows), "curves", marked.at)
    if len(findings.curves) > MOST_CURVES:
        st.caption(f"The first {MOST_CURVES} of {len(findings.curves)} curves are drawn.")
    for sentence in findings.settling:
        settled = "enough" in sentence
        st.markdown(f":material/{'check_circle' if settled else 'info'}: {literal(sentence)}")


def _coloured(curve: Convergence, curves: Sequence[Convergence]) -> str:
    """What gives a curve its colour: the scheduler, or where there is one only, all it is."""
    several = len({sibling.scheduler for sibling in curves}) > 1
    return curve.scheduler if several else curve.label


def _scale(sweep: Sweep) -> Scale:
    """Seconds can be chosen only where they were measured under like conditions."""
    scales = list(SCALES) if measured_alike(sweep.results().values()) else list(SCALES)[:2]
    if st.session_state.get("scale") not in (None, *scales):
        del st.session_state["scale"]
    scale: Scale = st.segmented_control(
        "Across",
        scales,
        default="steps",
        required=True,
        key="scale",
        format_func=SCALES.__getitem__,
        label_visibility="collapsed",
    )
    return scale


@whole.fragment()
def _trade(studio: Studio, sweep: Sweep, findings: Findings) -> None:
    """What each setting costs and how close it comes; what nothing beats is joined."""
    trade = findings.trade
    if trade is None or not trade.points:
        return
    st.markdown("**What is worth its cost?**")
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
        | {"marked": False, "winner": False, "reference": _wrapped(f"Reference: {reference.label}")}
    )
    rows = [row | {"close": findings.close} for row in rows]
    chart = _front(findings.measure, _upper(goal.unit))
    _beside(studio, sweep, _with(chart, rows), "trade", winners[0].at if winners else ())
    for sentence in findings.trade_sentences:
        st.markdown(f":material/savings: {literal(sentence)}")


@whole.fragment()
def _amounts(studio: Studio, sweep: Sweep, amounts: Amounts) -> None:
    """How far each value of the setting is from the one before."""
    st.markdown(f"**What does more {literal(amounts.setting)} change?**")
    courses = amounts.courses[:MOST_CURVES]
    labels = {course.label for course in courses}
    legend = _Legend.of(labels) if len(labels) > 1 else _Legend.none()
    chart = _moves(amounts.setting, amounts.measure, legend)
    _beside(
        studio,
        sweep,
        _with(chart, _amount_rows(amounts, courses)),
        "amounts",
        courses[0].levels[-1].at,
    )
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
            "colour": _wrapped(course.label),
            "close": amounts.measure.unseen,
        }
        for course in courses
        for level in course.levels[1:]
    ]


def _spread(findings: Findings) -> None:
    """Each setting over the seeds: median and the middle four fifths."""
    bands = sorted(findings.bands, key=lambda band: band.middle)[:MOST_BANDS]
    rows = [
        {
            "label": _wrapped(band.label),
            "middle": band.middle,
            "low": band.low,
            "high": band.high,
            "seeds": band.count,
        }
        for band in bands
    ]
    st.markdown("**Is it the setting, or the seed?**")
    lines = sum(_wrapped(band.label).count("\n") + 1 for band in bands)
    goal = findings.band_reference.name if findings.band_reference else "the reference"
    chart = _bands(60 + 20 * lines + 14 * len(rows), findings.measure, _wrapped(goal))
    st.vega_lite_chart(_with(chart, rows), width="stretch")
    if len(findings.bands) > MOST_BANDS:
        st.caption(f"The {MOST_BANDS} closest of {len(findings.bands)} settings are drawn.")
    for sentence in findings.seed_sentences:
        st.markdown(f":material/balance: {literal(sentence)}")


def _beside(
    studio: Studio, sweep: Sweep, chart: dict[str, Any], key: str, initial: tuple[int, ...]
) -> None:
    """A chart, and beside it the picture of the point that was clicked, at first of the one that is
    recommended."""
    left, right = st.columns([4, 1], gap="medium", vertical_alignment="center")
    with left:
        event = st.vega_lite_chart(
            chart, width="stretch", key=f"{key}_{sweep.group}", on_select="rerun"
        )
    clicked = event["selection"].get(PICK.name)
    at = tuple(map(int, clicked[0]["at"].split(","))) if clicked else initial
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
        st.caption(literal(result.cell.name))
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


def _row(point: Point, scale: Scale) -> dict[str, Any]:
    return {
        "label": point.label,
        "x": point.along(scale),
        "distance": point.distance,
        "beside": point.beside,
        "at": ",".join(map(str, point.at)),
    }


def _wrapped(label: str) -> str:
    """A label in lines, so that no chart cuts it."""
    return "\n".join(textwrap.wrap(label, WRAPPED)) or label


def _upper(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


@dataclass(frozen=True)
class _Legend:
    """A legend under its chart: how many columns fit a phone, and how high it becomes."""

    columns: int
    height: int
    scheme: str
    """Ten colours that are easy to tell apart, or twenty."""

    @property
    def drawn(self) -> alt.Legend | None:
        """As Altair takes it; nothing where one line needs no name."""
        if not self.columns:
            return None
        return alt.Legend(orient="bottom", columns=self.columns, labelLimit=0, labelExpr=LINES)

    @classmethod
    def none(cls) -> "_Legend":
        return cls(0, 0, "tableau10")

    @classmethod
    def of(cls, labels: Collection[str]) -> "_Legend":
        columns = 2 if max(map(len, labels)) <= 18 else 1
        lines = sum(_wrapped(label).count("\n") + 1 for label in labels)
        scheme = "tableau10" if len(labels) <= 10 else "tableau20"
        return cls(columns, 30 * -(-lines // columns), scheme)


@lru_cache(SHAPES)
def _curves(across: str, measure: Measure, legend: _Legend) -> str:
    """Lines with their knees."""
    base = _lines(across, measure, legend)
    knees = base.transform_filter("datum.marked").mark_point(size=180, strokeWidth=2.5, aria=False)
    return _text(
        _close_enough() + base.mark_line() + knees + base.mark_circle(size=60).add_params(PICK),
        f"{_upper(measure.label)} over {across.lower()}; a ring where more steps change little.",
        280 + legend.height,
    )


@lru_cache(SHAPES)
def _moves(across: str, measure: Measure, legend: _Legend) -> str:
    """Lines from value to value; below the rule the eye sees no change."""
    clipped = alt.Tooltip("clipped:Q", title="Pixels with a colour at its limit", format=".0%")
    base = _lines(across, measure, legend, clipped).encode(
        y=alt.Y("distance:Q", title=[_upper(measure.label), "to the value before"])
    )
    return _text(
        _close_enough() + base.mark_line() + base.mark_circle(size=60).add_params(PICK),
        f"{_upper(measure.label)} to the picture at the value before, over {across}.",
        280 + legend.height,
    )


def _lines(across: str, measure: Measure, legend: _Legend, *tooltips: alt.Tooltip) -> alt.Chart:
    """Curves in colours that the legend names."""
    return _over(across, measure, "curve:N", "label:N", *tooltips).encode(
        detail="curve:N",
        color=alt.Color(
            "colour:N",
            title=None,
            sort=None,
            scale=alt.Scale(scheme=legend.scheme),
            legend=legend.drawn,
        ),
    )


@lru_cache(SHAPES)
def _front(measure: Measure, cost: str) -> str:
    """Dots, the frontier among them joined, the cheapest close ones ringed, and the reference."""
    base = _over(cost, measure, "label:N")
    dots = base.mark_circle(size=70).encode(
        opacity=alt.condition("datum.marked", alt.value(1), alt.value(0.35))
    )
    reference = base.transform_filter("datum.reference")
    goal = reference.mark_point(shape="diamond", size=130, filled=True, aria=False)
    name = reference.mark_text(
        align="right", dx=-10, dy=-10, baseline="bottom", lineBreak="\n", limit=0, color=GREY
    ).encode(text="reference:N")
    rings = base.transform_filter("datum.winner").mark_point(size=180, strokeWidth=2.5, aria=False)
    line = base.transform_filter("datum.marked").mark_line(strokeDash=[4, 3])
    close = _close_enough()
    return _text(
        close + line + rings + goal + name + dots.add_params(PICK),
        f"{_upper(measure.label)} to the reference over {cost[0].lower()}{cost[1:]}; rings around "
        "the cheapest that come close.",
    )


@lru_cache(SHAPES)
def _bands(height: int, measure: Measure, goal: str) -> str:
    """Bars from low to high with a dot in the middle."""
    axis = alt.Axis(labelLimit=0, labelExpr=LINES)
    base = alt.Chart(ROWS).encode(y=alt.Y("label:N", title=None, sort=None, axis=axis))
    title = [f"{_upper(measure.label)},", "over the seeds, to", *goal.split("\n")]
    low = alt.X("low:Q", title=title, axis=alt.Axis(tickCount=8))
    dots = base.mark_point(filled=True, size=80).encode(
        x="middle:Q",
        tooltip=["label:N", alt.Tooltip("middle:Q", format=".3f"), "seeds:Q"],
    )
    bars = base.mark_bar(height=10, opacity=0.35).encode(x=low, x2="high:Q")
    return _text(bars + dots, f"{_upper(measure.label)} of each setting over the seeds.", height)


def _close_enough() -> alt.Chart:
    """A line below which distances count as close."""
    rule = alt.Chart(ROWS).mark_rule(strokeDash=[2, 3], color=GREY, aria=False)
    return rule.encode(
        y="mean(close):Q",
        tooltip=alt.Tooltip("mean(close):Q", title="Close enough", format=".3f"),
    )


def _over(across: str, measure: Measure, *tooltips: str | alt.Tooltip) -> alt.Chart:
    """Distance over what it costs."""
    beside = next(candidate for candidate in MEASURES.values() if candidate is not measure)
    return alt.Chart(ROWS).encode(
        x=alt.X("x:Q", title=across, axis=alt.Axis(tickCount=8)),
        y=alt.Y("distance:Q", title=_upper(measure.label)),
        tooltip=[
            *tooltips,
            alt.Tooltip("x:Q", title=across, format=".4~g"),
            alt.Tooltip("distance:Q", title=_upper(measure.label), format=".3f"),
            alt.Tooltip("beside:Q", title=_upper(beside.label), format=".3f"),
        ],
    )


def _text(chart: alt.LayerChart, description: str, height: int = 280) -> str:
    """Built once: Altair takes longer over a chart than the rest of the page together."""
    return str(chart.properties(height=height, description=description).to_json())


def _with(chart: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {**json.loads(chart), "datasets": {ROWS.name: list(rows)}}
