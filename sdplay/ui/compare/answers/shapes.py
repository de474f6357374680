"""The specifications of the charts, each built once, because Altair takes longer for one than the
rest of the page."""

import json
import math
import statistics
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt

from sdplay.compare.evidence.measures import MEASURES, Measure
from sdplay.compare.exports import line_ends

SHAPES = 32
"""How many charts are held as text, because their titles contain what people wrote."""
WRAPPED = 28
"""The letters of a label before it continues in the next line."""
ROWS = alt.NamedData("rows")
ENDS = alt.NamedData("ends")
"""The names of the lines, at the places where they end."""
HIGH = 200
"""The height of a chart's lines, in pixels."""
BESIDE = 118
"""The room beside the lines for their names, in pixels."""
RIGHT = "right"
"""The name of the largest value of the horizontal axis, behind which the names stand."""
GREY = "#767b86"
"""A grey that can be seen on light and on dark."""
PICK = alt.selection_point(name="picked", fields=["at"], nearest=True, toggle=False)
"""A click anywhere selects the nearest point."""
LINES = "split(datum.label, '\\n')"
LABEL = alt.Tooltip("label:N", title="Setting")
PICTURE = alt.Tooltip("picture:N", title="Picture")
"""Contains the name of a thumbnail, which the page replaces by the picture."""


def wrapped(label: str) -> str:
    """A label in several lines, so that no chart cuts it."""
    return "\n".join(textwrap.wrap(label, WRAPPED)) or label


def upper(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return f"{text[0].upper()}{text[1:]}"


@dataclass(frozen=True)
class Legend:
    """Names beside the lines. Where they do not fit, a legend stands under the chart, with as many
    columns as fit a phone."""

    columns: int
    height: int
    scheme: str
    """The colours: ten that are easy to tell apart, or twenty."""
    beside: bool = False

    @property
    def drawn(self) -> alt.Legend | None:
        """The legend as Altair takes it; none if a single line needs no name."""
        if not self.columns:
            return None
        return alt.Legend(
            orient="bottom", columns=self.columns, labelLimit=0, labelExpr=LINES, symbolOpacity=1
        )

    @classmethod
    def none(cls) -> "Legend":
        return cls(0, 0, "tableau10")

    @classmethod
    def of(cls, labels: Collection[str]) -> "Legend":
        scheme = "tableau10" if len(labels) <= 10 else "tableau20"
        if line_ends.fit(labels, HIGH):
            return cls(0, 0, scheme, beside=True)
        columns = 2 if max(map(len, labels)) <= 18 else 1
        lines = sum(wrapped(label).count("\n") + 1 for label in labels)
        return cls(columns, 30 * -(-lines // columns), scheme)


@lru_cache(SHAPES)
def curves(across: str, measure: Measure, legend: Legend, grouped: bool = False) -> str:
    """Lines with a ring where they level off. With `grouped`, several lines of one colour are thin
    beside their median."""
    base = _lines(across, measure, legend)
    knees = base.transform_filter("datum.marked").mark_point(size=180, strokeWidth=2.5, aria=False)
    lines = base.mark_line()
    if grouped:
        lines = base.mark_line(opacity=0.3, strokeWidth=1.2) + _medians(base)
    dots = base.mark_circle(size=60)
    return _text(
        _named(_close_enough() + lines + knees + dots.add_params(PICK), legend),
        f"{upper(measure.label)} over {across.lower()}; a ring where more steps change little.",
        280 + legend.height,
    )


@lru_cache(SHAPES)
def moves(across: str, measure: Measure, legend: Legend) -> str:
    """Lines from value to value. Below the rule the eye sees no change."""
    clipped = alt.Tooltip("clipped:Q", title="Pixels with a colour at its limit", format=".0%")
    base = _lines(across, measure, legend, clipped).encode(
        y=alt.Y("distance:Q", title=[upper(measure.label), "to the value before"])
    )
    return _text(
        _named(
            _close_enough() + base.mark_line() + base.mark_circle(size=60).add_params(PICK), legend
        ),
        f"{upper(measure.label)} to the picture at the value before, over {across}.",
        280 + legend.height,
    )


@lru_cache(SHAPES)
def matches(across: str, legend: Legend) -> str:
    """Lines of the prompt match over one setting."""
    along = alt.X("x:Q", title=across, axis=alt.Axis(tickCount=8))
    share = alt.Axis(format=".0%", tickCount=5)
    base = alt.Chart(ROWS).encode(
        x=_with_room(along) if legend.beside else along,
        y=alt.Y("distance:Q", title="Prompt match", axis=share, scale=alt.Scale(domain=[0, 1])),
        detail="curve:N",
        color=_colour(legend),
        tooltip=[
            LABEL,
            alt.Tooltip("x:Q", title=across, format=".4~g"),
            alt.Tooltip("distance:Q", title="Prompt match", format=".0%"),
            PICTURE,
        ],
    )
    dots = base.mark_circle(size=60).add_params(PICK)
    return _text(
        _named(base.mark_line() + dots, legend),
        f"Prompt match over {across}.",
        280 + legend.height,
    )


@lru_cache(SHAPES)
def runs(legend: Legend) -> str:
    """The seconds of every run, with those of the same picture joined."""
    across = alt.X("x:Q", title="Run", axis=_whole_numbers())
    base = alt.Chart(ROWS).encode(
        x=_with_room(across) if legend.beside else across,
        y=alt.Y("distance:Q", title="Seconds"),
        color=_colour(legend),
        tooltip=[
            alt.Tooltip("label:N", title="Picture"),
            alt.Tooltip("x:Q", title="Run"),
            alt.Tooltip("distance:Q", title="Seconds", format=".3f"),
        ],
    )
    lines = base.mark_line(opacity=0.3, strokeWidth=1.2, aria=False)
    return _text(
        _named(lines + base.mark_circle(size=60), legend),
        "Seconds of each run.",
        280 + legend.height,
    )


def _whole_numbers() -> alt.Axis:
    return alt.Axis(tickCount=8, tickMinStep=1, format="d")


def _with_room(across: alt.X) -> alt.X:
    """The chart with room at its right for the names at the ends of its lines."""
    end = alt.ExprRef(f"{RIGHT} * width / max(60, width - {BESIDE})")
    return across.scale(alt.Scale(domainMin=0, domainMax=end))


def _medians(base: alt.Chart) -> alt.Chart:
    """A strong line for each colour, through the median of its curves."""
    return base.mark_line(strokeWidth=3.5, aria=False).encode(
        y="median(distance):Q",
        detail="colour:N",
        tooltip=[
            alt.Tooltip("colour:N", title="Curve"),
            alt.Tooltip("median(distance):Q", title="Median", format=".3f"),
        ],
    )


def _lines(across: str, measure: Measure, legend: Legend, *tooltips: alt.Tooltip) -> alt.Chart:
    """The curves, with a colour for each name."""
    base = _over(across, measure, LABEL, *tooltips)
    if legend.beside:
        base = base.encode(x=_with_room(alt.X("x:Q", title=across, axis=alt.Axis(tickCount=8))))
    return base.encode(detail="curve:N", color=_colour(legend))


def _colour(legend: Legend) -> alt.Color:
    return alt.Color(
        "colour:N",
        title=None,
        sort=None,
        scale=alt.Scale(scheme=legend.scheme),
        legend=legend.drawn,
    )


def _named(chart: alt.LayerChart, legend: Legend) -> alt.LayerChart:
    """The chart with a name at the end of each line, if the names stand there."""
    if not legend.beside:
        return chart
    ends = alt.Chart(ENDS).encode(x="x:Q", y="distance:Q")
    dots = ends.mark_circle(size=60, xOffset=10, aria=False).encode(color=_colour(legend))
    names = ends.mark_text(
        align="left", baseline="middle", dx=18, lineBreak="\n", limit=0, color=GREY, aria=False
    ).encode(text="name:N")
    named: alt.LayerChart = (chart + dots + names).add_params(alt.param(name=RIGHT, value=1))
    return named


@lru_cache(SHAPES)
def front(measure: Measure, cost: str) -> str:
    """Dots for all settings, with the best ones joined, the cheapest close ones ringed, and the
    reference marked."""
    base = _over(cost, measure, LABEL)
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
        f"{upper(measure.label)} to the reference over {cost[0].lower()}{cost[1:]}; rings around "
        "the cheapest that come close.",
    )


@lru_cache(SHAPES)
def bands(height: int, measure: Measure, goal: str) -> str:
    """Bars from low to high with a dot in the middle."""
    axis = alt.Axis(labelLimit=0, labelExpr=LINES)
    base = alt.Chart(ROWS).encode(y=alt.Y("label:N", title=None, sort=None, axis=axis))
    title = [f"{upper(measure.label)},", "over the seeds, to", *goal.split("\n")]
    low = alt.X("low:Q", title=title, axis=alt.Axis(tickCount=8))
    dots = base.mark_point(filled=True, size=80).encode(
        x="middle:Q",
        tooltip=[
            LABEL,
            alt.Tooltip("middle:Q", title="Median", format=".3f"),
            alt.Tooltip("seeds:Q", title="Seeds"),
        ],
    )
    bars = base.mark_bar(height=10, opacity=0.35).encode(x=low, x2="high:Q")
    return _text(bars + dots, f"{upper(measure.label)} of each setting over the seeds.", height)


def _close_enough() -> alt.Chart:
    """A line below which distances count as close."""
    rule = alt.Chart(ROWS).mark_rule(strokeDash=[2, 3], color=GREY, aria=False)
    return rule.encode(
        y="mean(close):Q",
        tooltip=alt.Tooltip("mean(close):Q", title="Close enough", format=".3f"),
    )


def _over(across: str, measure: Measure, *tooltips: str | alt.Tooltip) -> alt.Chart:
    """The encoding of distance over cost."""
    beside = next(candidate for candidate in MEASURES.values() if candidate is not measure)
    return alt.Chart(ROWS).encode(
        x=alt.X("x:Q", title=across, axis=alt.Axis(tickCount=8)),
        y=alt.Y("distance:Q", title=upper(measure.label)),
        tooltip=[
            *tooltips,
            alt.Tooltip("x:Q", title=across, format=".4~g"),
            alt.Tooltip("distance:Q", title=upper(measure.label), format=".3f"),
            alt.Tooltip("beside:Q", title=upper(beside.label), format=".3f"),
            PICTURE,
        ],
    )


def _text(chart: alt.LayerChart, description: str, height: int = 280) -> str:
    """The chart's specification as text."""
    return str(chart.properties(height=height, description=description).to_json())


def filled(chart: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A specification filled with its points, and with the names of its lines where they stand
    beside them."""
    shape = json.loads(chart)
    datasets: dict[str, Sequence[Mapping[str, Any]]] = {ROWS.name: list(rows)}
    if ENDS.name in chart:
        datasets[ENDS.name] = ends = _ends(rows)
        for parameter in shape["params"]:
            if parameter["name"] == RIGHT:
                parameter["value"] = max((end["x"] for end in ends), default=1)
    return {**shape, "datasets": datasets}


def _ends(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The names of the colours, near the ends of the medians of their lines. Rows with `most` tell
    how far their axis goes."""
    lines: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        if math.isfinite(row["x"]) and math.isfinite(row["distance"]):
            lines.setdefault(row["colour"], {}).setdefault(row["x"], []).append(row["distance"])
    if not lines:
        return []
    medians = {
        colour: [statistics.median(line[x]) for x in sorted(line)] for colour, line in lines.items()
    }
    highest = max(max(heights) for line in lines.values() for heights in line.values())
    high = max(highest, *(row.get("most", 0.0) for row in rows)) or 1.0
    names = {colour.replace("\n", " "): median for colour, median in medians.items()}
    places = line_ends.places(names, HIGH, 0.0, high)
    right = max(max(line) for line in lines.values())
    return [
        {
            "colour": colour,
            "name": line_ends.in_lines(name),
            "x": right,
            "distance": places[name],
        }
        for colour, name in zip(lines, names, strict=True)
    ]
