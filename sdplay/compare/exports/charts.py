"""Small line and point charts as SVG text, for the report that must work without a server."""

import base64
import html
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdplay.compare.exports import line_ends
from sdplay.compare.grammar import shown
from sdplay.files.spreadsheet import table_text

WIDTH, HEIGHT, EDGE = 640, 300, 46
BESIDE = 150
"""Beside the lines, for their names."""
LEGEND_LETTERS, LEGEND_LINE = 84, 18
COLOURS = ("#3566b0", "#c8553d", "#3d8f5f", "#8a5aa8", "#b58a1b", "#2f8f9d", "#b84f86", "#6b7280")


@dataclass(frozen=True)
class Line:
    """Named points; `marked` are drawn larger with their own label."""

    label: str
    points: tuple[tuple[float, float], ...]
    marked: tuple[tuple[float, float, str], ...] = ()
    joined: bool = True


def chart(lines: Sequence[Line], across: str, up: str) -> str:
    """The chart as one SVG element; empty when there is nothing to draw."""
    places = [
        (x, y) for line in lines for x, y in line.points if math.isfinite(x) and math.isfinite(y)
    ]
    if not places:
        return ""
    right = max(x for x, _ in places) or 1.0
    top = max(y for _, y in places) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return EDGE + x / right * (WIDTH - 2 * EDGE), HEIGHT - EDGE - y / top * (HEIGHT - 2 * EDGE)

    parts = [_axes(right, top, across, up)]
    parts += [_line(line, colour, at) for line, colour in zip(lines, _colours(lines), strict=True)]
    wide, high = WIDTH, HEIGHT
    if _stand_beside(lines):
        wide += BESIDE
        parts.append(_names(lines, top, at))
    else:
        legend, high = _legend(lines)
        parts.append(legend)
    name = html.escape(f"{up} over {across}")
    return f'<svg viewBox="0 0 {wide} {high}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


@dataclass(frozen=True)
class Bar:
    """A named range with the value in its middle."""

    label: str
    low: float
    middle: float
    high: float


def ranges(bars: Sequence[Bar], across: str) -> str:
    """One bar under the other, each below its name; empty when there is none."""
    if not bars:
        return ""
    right = max(bar.high for bar in bars) or 1.0
    parts, high = [], 0
    for bar in bars:
        drawn, high = _bar(bar, right, high)
        parts.append(drawn)
    left, end = EDGE, WIDTH - EDGE
    for part in range(5):
        x = left + (end - left) * part / 4
        value = _short(right * part / 4)
        parts.append(f'<path d="M{x:.0f} 8V{high + 4}" class="grid"/>')
        parts.append(f'<text x="{x:.0f}" y="{high + 20}" text-anchor="middle">{value}</text>')
    name = html.escape(across)
    parts.append(f'<text x="{end}" y="{high + 38}" text-anchor="end">{name}</text>')
    size = f"0 0 {WIDTH} {high + 46}"
    return f'<svg viewBox="{size}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _bar(bar: Bar, right: float, high: int) -> tuple[str, int]:
    """A bar below its name, drawn from this height on; and how far down it reaches."""
    colour, parts = COLOURS[0], []
    for text in textwrap.wrap(bar.label, LEGEND_LETTERS) or [""]:
        high += LEGEND_LINE
        parts.append(f'<text x="{EDGE}" y="{high}">{html.escape(text)}</text>')
    low, middle, end = (
        EDGE + value / right * (WIDTH - 2 * EDGE) for value in (bar.low, bar.middle, bar.high)
    )
    parts.append(
        f'<rect x="{low:.1f}" y="{high + 6}" width="{max(1.0, end - low):.1f}" height="8" '
        f'fill="{colour}" opacity="0.35"/>'
        f'<circle cx="{middle:.1f}" cy="{high + 10}" r="4" fill="{colour}"/>'
    )
    return "".join(parts), high + LEGEND_LINE


def table(headings: Sequence[str], rows: Sequence[Sequence[str | float]], file: str) -> str:
    """What a chart draws as a folded table, and as a CSV file that lies in the page itself."""
    rows = [["" if _is_missing(value) else value for value in row] for row in rows]
    head = "".join(f"<th scope=col>{html.escape(heading)}</th>" for heading in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(_in_words(value))}</td>' for value in row)}</tr>"
        for row in rows
    )
    text = table_text(headings, [dict(zip(headings, row, strict=True)) for row in rows])
    data = base64.b64encode(text.encode("utf-8-sig")).decode()
    return (
        f"<details><summary>As a table</summary><table><thead><tr>{head}</tr></thead>"
        f'<tbody>{body}</tbody></table><p><a download="{html.escape(file)}.csv" '
        f'href="data:text/csv;base64,{data}">CSV</a></p></details>'
    )


def _is_missing(value: str | float) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _in_words(value: str | float) -> str:
    return value if isinstance(value, str) else shown(round(float(value), 4))


def _colours(lines: Sequence[Line]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(lines))]


def _stand_beside(lines: Sequence[Line]) -> bool:
    """Whether each is a line of its own, with room for its name at its end."""
    names = {line.label for line in lines}
    drawn = all(line.joined and line.points for line in lines)
    return drawn and len(names) == len(lines) and line_ends.fit(names, HEIGHT - 2 * EDGE)


def _axes(right: float, top: float, across: str, up: str) -> str:
    low, left, end = HEIGHT - EDGE, EDGE, WIDTH - EDGE
    ticks: list[str] = []
    for part in range(5):
        x, y = left + (end - left) * part / 4, low - (low - EDGE) * part / 4
        below, beside = _short(right * part / 4), _short(top * part / 4)
        ticks += (
            f'<text x="{x:.0f}" y="{low + 16}" text-anchor="middle">{below}</text>',
            f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{beside}</text>',
            f'<path d="M{left} {y:.0f}H{end}" class="grid"/>',
        )
    name = f'<text x="{end}" y="{low + 34}" text-anchor="end">{html.escape(across)}</text>'
    return f'{"".join(ticks)}{name}<text x="4" y="{EDGE - 14}">{html.escape(up)}</text>'


def _line(line: Line, colour: str, at: Callable[[float, float], tuple[float, float]]) -> str:
    places = [at(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if line.joined and places else ""
    stroke = f'<path d="{path}" stroke="{colour}" class="line"/>' if path else ""
    marks = []
    for x, y, text in line.marked:
        left, top = at(x, y)
        # Beyond the middle the text stands on the left, where it has room.
        right = left > WIDTH / 2
        anchor = ' text-anchor="end"' if right else ""
        marks.append(
            f'<circle cx="{left:.1f}" cy="{top:.1f}" r="6" stroke="{colour}" class="line"/>'
            f'<text x="{left + (-8 if right else 8):.1f}" y="{top - 8:.1f}"{anchor}>'
            f"{html.escape(text)}</text>"
        )
    return stroke + dots + "".join(marks)


def _names(
    lines: Sequence[Line], top: float, at: Callable[[float, float], tuple[float, float]]
) -> str:
    """A name at the end of each line, or close by."""
    ends = {line.label: [y for _, y in line.points if math.isfinite(y)] for line in lines}
    places = line_ends.places(ends, HEIGHT - 2 * EDGE, 0.0, top)
    left = WIDTH - EDGE + 10
    parts = []
    for line, colour in zip(lines, _colours(lines), strict=True):
        _, middle = at(0.0, places[line.label])
        words = line_ends.in_lines(line.label).split("\n")
        parts.append(f'<circle cx="{left}" cy="{middle:.1f}" r="4" fill="{colour}"/>')
        parts += [
            f'<text x="{left + 10}" y="{middle + 4 + line_ends.LINE * number:.1f}">'
            f"{html.escape(text)}</text>"
            for number, text in enumerate(words)
        ]
    return "".join(parts)


def _legend(lines: Sequence[Line]) -> tuple[str, int]:
    """The names under the chart, each in as many lines as it needs; and how far down they reach."""
    high, parts = HEIGHT + 6, []
    for line, colour in zip(lines, _colours(lines), strict=True):
        words = textwrap.wrap(line.label, LEGEND_LETTERS) or [""]
        parts.append(f'<rect x="{EDGE}" y="{high - 9}" width="10" height="10" fill="{colour}"/>')
        for text in words:
            parts.append(f'<text x="{EDGE + 16}" y="{high}">{html.escape(text)}</text>')
            high += LEGEND_LINE
    return "".join(parts), high


def _short(value: float) -> str:
    return shown(float(f"{value:.3g}"))
