"""Small line and point charts as SVG text, for the report that must work without a server."""

import html
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdplay.compare.grammar import shown

WIDTH, HEIGHT, EDGE = 640, 300, 46
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
    high = HEIGHT + 6
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_line(line, colour, at))
        words = textwrap.wrap(line.label, LEGEND_LETTERS) or [""]
        parts.append(_legend(words, colour, high))
        high += LEGEND_LINE * len(words)
    name = html.escape(f"{up} over {across}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {high}" role="img" aria-label="{name}">{"".join(parts)}</svg>'
    )


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


def _legend(words: Sequence[str], colour: str, top: int) -> str:
    """A name under the chart, in as many lines as it needs."""
    lines = "".join(
        f'<text x="{EDGE + 16}" y="{top + LEGEND_LINE * number}">{html.escape(line)}</text>'
        for number, line in enumerate(words)
    )
    return f'<rect x="{EDGE}" y="{top - 9}" width="10" height="10" fill="{colour}"/>{lines}'


def _short(value: float) -> str:
    return shown(float(f"{value:.3g}"))
