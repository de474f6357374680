"""The report: one HTML file with pictures, charts and sentences inside, which opens anywhere
without a server."""

import base64
import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sdplay.compare.evidence.amounts import Amounts
from sdplay.compare.evidence.answers import Convergence, Trade
from sdplay.compare.evidence.findings import Between, Findings, between, find_out
from sdplay.compare.evidence.measures import MEASURES, WHAT_THEY_SEE, Measure
from sdplay.compare.evidence.prompt_match import PromptMatch
from sdplay.compare.exports.charts import Bar, Line, chart, ranges, table
from sdplay.compare.guard import plan_sentence, value_text
from sdplay.compare.plan import Cell, Plan
from sdplay.compare.planfile import grid_infotext
from sdplay.compare.results import Pictures, Result
from sdplay.params import KNOBS
from sdplay.picture import jpeg_bytes
from sdplay.wording import lasting, listed, many

MOST_PICTURES = 1000
MOST_CURVES = 12
"""More lines than this cannot be told apart."""
MOST_BANDS = 24
_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_SAFE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
Results = Mapping[tuple[int, ...], Result]


def report(
    plan: Plan,
    results: Results,
    pictures: Pictures,
    *,
    title: str = "Comparison",
    sentences: Sequence[str] = (),
    findings: Findings | None = None,
    longest: int = 256,
) -> str:
    """The whole report as HTML text.  What a person typed is escaped; nothing is loaded from
    elsewhere."""
    measured = between(pictures)
    judged = findings or find_out(plan, results, measured)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _paragraphs(
            [
                *sentences,
                *judged.sentences,
                plan_sentence(plan),
                _summary(plan, results),
                *plan.notes,
            ]
        ),
        _settings(plan),
        *_grids(plan, results, pictures, longest),
        *_charts(judged),
        *(_matching(judged.matching) if judged.matching else ()),
        *_by_other_measures(plan, results, measured, judged),
        "<details><summary>Infotext</summary>"
        f"<pre>{html.escape(grid_infotext(plan))}</pre></details>",
        f"<p>Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC with sdplay.</p>",
    ]
    return _page(html.escape(title), "".join(parts))


def _page(title: str, body: str) -> str:
    head = (
        '<meta charset="utf-8">',
        f"<title>{title}</title>",
        f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">',
        '<meta name="viewport" content="width=device-width">',
        f"<style>{_STYLE}</style>",
    )
    return (
        f'<!doctype html><html lang="en"><head>{"".join(head)}</head><body>{body}</body></html>\n'
    )


def _paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences if sentence)


def _summary(plan: Plan, results: Results) -> str:
    states = [result.state for result in results.values()]
    seconds = sum(
        result.timing.work
        for result in results.values()
        if result.state == "made" and result.timing
    )
    cells = many(len(plan.cells), "cell")
    sentences = [f"{cells}: {states.count('made')} made in {lasting(seconds)} of work"]
    words = {"reused": "made before", "failed": "failed", "skipped": "skipped"}
    sentences += [
        f"{states.count(state)} {word}" for state, word in words.items() if state in states
    ]
    return ", ".join(sentences) + "."


def _settings(plan: Plan) -> str:
    """What all cells share."""
    varied = {along.axis.id for along in plan.varied}
    settings = {
        name: value for name, value in plan.base.params.asked().items() if name not in varied
    }
    rows = "".join(
        f"<tr><th scope=row>{html.escape(KNOBS[name].label)}</th><td>"
        f"{html.escape(value_text(name, value))}</td></tr>"
        for name, value in settings.items()
    )
    name = html.escape(plan.base.backend)
    row = f"<tr><th scope=row>Backend</th><td>{name}</td></tr>"
    backend = "" if "backend" in varied else row
    return f"<details><summary>Shared settings</summary><table>{rows}{backend}</table></details>"


def _grids(plan: Plan, results: Results, pictures: Pictures, longest: int) -> list[str]:
    """The first axis across, the second down, as on the page; one table for every place on the
    others."""
    axes = len(plan.varied)
    rows, columns = 1 if axes > 1 else None, 0 if axes else None
    longest = longest if len(plan.cells) <= MOST_PICTURES else 64
    others = sorted({cell.at[2:] for cell in plan.cells})
    tables = []
    for corner in others:
        fixed = dict(enumerate(corner, start=2))
        title = ", ".join(
            f"{plan.varied[at].axis.label}: {plan.varied[at].marks[to].label}"
            for at, to in fixed.items()
        )
        heading = f"<h2>{html.escape(title)}</h2>" if title else ""
        tables.append(
            heading
            + _grid(
                plan, plan.table(rows, columns, fixed), (rows, columns), results, pictures, longest
            )
        )
    return tables


def _grid(
    plan: Plan,
    table: Sequence[Sequence[Cell]],
    axes: tuple[int | None, int | None],
    results: Results,
    pictures: Pictures,
    longest: int,
) -> str:
    rows, columns = axes
    corner = "<td></td>" if rows is not None else ""
    heads = "".join(f"<th scope=col>{_mark(plan, columns, cell)}</th>" for cell in table[0])
    lines = []
    for line in table:
        side = f"<th scope=row>{_mark(plan, rows, line[0])}</th>" if rows is not None else ""
        tiles = "".join(
            f"<td>{_tile(results.get(cell.at) or Result(cell), pictures, longest)}</td>"
            for cell in line
        )
        lines.append(f"<tr>{side}{tiles}</tr>")
    head, body = f"<thead><tr>{corner}{heads}</tr></thead>", f"<tbody>{''.join(lines)}</tbody>"
    return f'<div class="grid-of"><table>{head}{body}</table></div>'


def _mark(plan: Plan, at: int | None, cell: Cell) -> str:
    if at is None:
        return ""
    return html.escape(f"{plan.varied[at].axis.label}: {plan.varied[at].marks[cell.at[at]].label}")


def _tile(result: Result, pictures: Pictures, longest: int) -> str:
    picture = pictures(result) if result.done else None
    if picture is None:
        caption = html.escape(result.caption or result.state)
        return (
            f'<figure><figcaption class="bad">{caption}</figcaption></figure>'
            if result.error
            else caption
        )
    data = base64.b64encode(jpeg_bytes(picture, longest, 88)).decode()
    name = html.escape(result.cell.name)
    caption = html.escape(" ".join(filter(None, (result.caption, *result.warnings))))
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" '
        f'alt="{name}"><figcaption>{caption}</figcaption></figure>'
    )


def _charts(findings: Findings) -> list[str]:
    """Every chart by one measure, and what the measures see."""
    parts = []
    lines = [_curve(curve) for curve in findings.curves[:MOST_CURVES]]
    up = findings.measure.label
    if drawn := chart(lines, "steps", f"{up} to its own most steps"):
        parts.append(f"<h2>Does it settle?</h2>{drawn}{_curve_table(findings)}")
        if (count := len(findings.curves)) > MOST_CURVES:
            parts.append(f"<p>The first {MOST_CURVES} of {count} curves are drawn.</p>")
    if findings.trade and len(findings.trade.points) > 2:
        parts.append(f"<h2>Is it worth its cost?</h2>{_trade(findings.trade, findings.measure)}")
    if findings.amounts and (drawn := _amounts(findings.amounts)):
        title = html.escape(f"What does more {findings.amounts.setting} change?")
        parts.append(f"<h2>{title}</h2>{drawn}")
    if findings.bands:
        parts.append(f"<h2>Is it the setting, or the seed?</h2>{_spread(findings)}")
    return [*parts, f"<p>{html.escape(WHAT_THEY_SEE)}</p>"] if parts else []


def _matching(matching: PromptMatch) -> list[str]:
    """A chart for every amount: whether the judge names what was prompted."""
    parts = []
    for name, across in matching.across.items():
        levels = list(matching.levels(name))
        lines: dict[str, list[tuple[float, float]]] = {}
        for level in levels:
            lines.setdefault(level.line, []).append((level.value, level.match))
        drawn = chart(
            [Line(line or across, tuple(points)) for line, points in lines.items()][:MOST_CURVES],
            across,
            "prompt match",
        )
        if drawn:
            rows = [(level.line, level.value, level.match) for level in levels]
            title = html.escape(f"Does it show what was prompted, over {across}?")
            headings = ("Line", across, "Prompt match")
            parts.append(f"<h2>{title}</h2>{drawn}{table(headings, rows, f'sdplay-match-{name}')}")
    return parts


def _by_other_measures(
    plan: Plan, results: Results, measured: Between, judged: Findings
) -> list[str]:
    """The same charts and sentences by the measures that did not judge, folded."""
    folded = []
    for measure in MEASURES.values():
        if measure is judged.measure or not (judged.curves or judged.bands or judged.amounts):
            continue
        findings = find_out(plan, results, measured, measure=measure)
        inside = _paragraphs(findings.sentences) + "".join(_charts(findings)[:-1])
        folded.append(
            f"<details><summary>The same by {html.escape(measure.label)}</summary>{inside}"
            "</details>"
        )
    return folded


def _curve_table(findings: Findings) -> str:
    rows = [
        (curve.label, point.label, point.steps, point.distance)
        for curve in findings.curves
        for point in curve.points
    ]
    return table(("Curve", "Picture", "Steps", findings.measure.label), rows, "sdplay-curves")


def _amounts(amounts: Amounts) -> str:
    rows = [
        (course.label, level.value, level.moved)
        for course in amounts.courses
        for level in course.levels[1:]
    ]
    headings = ("Curve", amounts.setting, f"{amounts.measure.label} to the value before")
    lines = [
        Line(course.label, tuple((level.value, level.moved) for level in course.levels[1:]))
        for course in amounts.courses[:MOST_CURVES]
    ]
    drawn = chart(lines, amounts.setting, f"{amounts.measure.label} to the value before")
    return drawn and drawn + table(headings, rows, "sdplay-amounts")


def _spread(findings: Findings) -> str:
    """Every setting over the seeds, the closest first: median and the middle four fifths."""
    goal = findings.band_reference.name if findings.band_reference else "the reference"
    across = f"{findings.measure.label}, over the seeds, to {goal}"
    bands = sorted(findings.bands, key=lambda band: band.middle)
    bars = [Bar(band.label, band.low, band.middle, band.high) for band in bands[:MOST_BANDS]]
    rows = [(band.label, band.middle, band.low, band.high, band.count) for band in bands]
    headings = ("Setting", f"Median {findings.measure.label}", "Low", "High", "Seeds")
    left_out = (
        f"<p>The {MOST_BANDS} closest of {len(bands)} settings are drawn.</p>"
        if len(bands) > MOST_BANDS
        else ""
    )
    return ranges(bars, across) + left_out + table(headings, rows, "sdplay-seeds")


def _trade(trade: Trade, measure: Measure) -> str:
    points = tuple((point.cost, point.distance) for point in trade.points)
    best = tuple((point.cost, point.distance) for point in trade.best)
    winners = [point.label for point in trade.winners]
    ringed = tuple((point.cost, point.distance, "") for point in trade.winners)
    cost = trade.reference.cost
    lines = [
        Line("every setting", points, joined=False),
        Line("none is both cheaper and closer", best),
        Line(f"the reference: {trade.reference.name}", ((cost, 0.0),), joined=False),
        *([Line(f"the cheapest close ones: {listed(winners)}", (), ringed)] if winners else []),
    ]
    rows = [
        *((point.label, point.cost, point.distance) for point in trade.points),
        (f"Reference: {trade.reference.name}", cost, 0.0),
    ]
    headings = ("Setting", trade.reference.unit, f"{measure.label} to the reference")
    return chart(lines, *headings[1:]) + table(headings, rows, "sdplay-trade")


def _curve(curve: Convergence) -> Line:
    points = tuple((float(point.steps), point.distance) for point in curve.points)
    if curve.knee is None:
        return Line(curve.label, points)
    enough = f"{many(curve.knee.steps, 'step')} {'is' if curve.knee.steps == 1 else 'are'} enough"
    ring = (float(curve.knee.steps), curve.knee.distance, "")
    return Line(f"{curve.label}: {enough}", points, (ring,))
