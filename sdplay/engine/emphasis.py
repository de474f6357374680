"""Emphasis in prompts, as A1111's users write it: (more), [less], (so much:1.3); a backslash makes
a bracket plain."""

import re
from collections.abc import Sequence
from itertools import groupby

MORE = 1.1
"""What a pair of round brackets multiplies with, and a pair of square ones divides by."""
STRONGEST = 10.0
_MARK = re.compile(r"\\([\\()\[\]])|([(\[])|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[)\]]")
_EDITING = re.compile(r"\[[^\[\]]*(?:\||:\s*[\d.]+\s*\])|\b(?:AND|BREAK)\b")


def weighed(prompt: str) -> list[tuple[str, float]]:
    """The prompt in pieces, each with its weight.  A bracket without a partner is a plain
    character."""
    marks = list(_MARK.finditer(prompt))
    factors, weights, pieces, end = _factors(marks), [1.0], list[tuple[str, float]](), 0
    for mark in marks:
        pieces.append((prompt[end : mark.start()], weights[-1]))
        end = mark.end()
        if mark.start() not in factors:
            pieces.append((mark[1] or mark[0], weights[-1]))
        elif mark[2]:
            weights.append(weights[-1] * factors[mark.start()])
        else:
            weights.pop()
    pieces.append((prompt[end:], 1.0))
    alike = groupby((piece for piece in pieces if piece[0]), key=lambda piece: piece[1])
    return [("".join(text for text, _ in group), weight) for weight, group in alike]


def unmarked(prompt: str) -> str:
    """The prompt, as long as before, with spaces in the place of brackets and weights that mean
    emphasis: what is left are its words."""
    marks = list(_MARK.finditer(prompt))
    factors = _factors(marks)
    characters = list(prompt)
    for mark in marks:
        if mark.start() in factors:
            characters[mark.start() : mark.end()] = " " * len(mark[0])
    return "".join(characters)


def stressed(prompt: str) -> bool:
    """Whether anything in it is emphasised."""
    return any(weight != 1 for _, weight in weighed(prompt))


def too_strong(prompt: str) -> bool:
    """Whether so much so that numbers may overflow."""
    return not all(abs(weight) <= STRONGEST for _, weight in weighed(prompt))


def edited(prompt: str) -> bool:
    """Whether it uses what A1111 knows beyond emphasis: [from:to:when], [one|other], AND, BREAK."""
    return bool(_EDITING.search(prompt))


def _factors(marks: Sequence[re.Match[str]]) -> dict[int, float]:
    """What each bracket that has a partner multiplies with, by its place."""
    factors: dict[int, float] = {}
    opened: list[re.Match[str]] = []
    for mark in marks:
        if mark[2]:
            opened.append(mark)
        elif not mark[1] and opened and opened[-1][0] == ("[" if mark[0] == "]" else "("):
            factor = float(mark[3]) if mark[3] else 1 / MORE if mark[0] == "]" else MORE
            factors |= {opened.pop().start(): factor, mark.start(): factor}
    return factors
