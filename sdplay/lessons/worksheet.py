"""A lesson as a page to print: question, space for a reason, pictures, and the answer key upside
down at the foot."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from sdplay.compare.axes import axis
from sdplay.lessons.lesson import Lesson

_PAGE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
_LESSON = Template(Path(__file__).with_name("worksheet_lesson.html").read_text(encoding="utf-8"))
MOST_COLUMNS = 3
"""Pictures beside each other where a lesson has one axis."""
PICTURES_TALL = 78
"""Millimetres that all lines of pictures may take, so that a lesson fits on one page."""
Pictures = Mapping[tuple[int, ...], bytes]
"""JPEGs by their place on the lesson's axes."""


def worksheet(
    lessons: Sequence[Lesson], pictures: Mapping[str, Pictures] | None = None, where: str = ""
) -> str:
    """One page for each lesson; `pictures` has those that are there, by the lesson's name.

    `where` says in a sentence how a class gets to the lesson.  What people wrote is escaped, and
    nothing is loaded from elsewhere.
    """
    body = "".join(
        _lesson(lesson, (pictures or {}).get(lesson.id, {}), where) for lesson in lessons
    )
    title = lessons[0].title if len(lessons) == 1 else "Lessons"
    return _PAGE.substitute(title=html.escape(title), lessons=body)


def _lesson(lesson: Lesson, pictures: Pictures, where: str) -> str:
    across = len(_labels(lesson)[0])
    columns = across if len(lesson.plan.axes) > 1 else min(MOST_COLUMNS, across)
    figures = _figures(lesson, pictures)
    lines = -(-len(figures) // columns)
    texts = {
        "title": lesson.title,
        "question": lesson.question,
        "reflect": lesson.reflect,
        "right": lesson.choices[lesson.right],
        "answer": lesson.answer,
        "measured": lesson.measured.sentence if lesson.measured else "",
        "where": where,
    }
    return _LESSON.substitute(
        {name: html.escape(text) for name, text in texts.items()},
        choices=_items(lesson.choices),
        look=_items([look.text for look in lesson.look]),
        pictures="".join(figures),
        columns=columns,
        tall=PICTURES_TALL // lines - 5,
    )


def _items(texts: Sequence[str]) -> str:
    return "".join(f"<li>{html.escape(text)}</li>" for text in texts)


def _labels(lesson: Lesson) -> list[list[str]]:
    """What each axis says at each of its places."""
    return [
        [axis(name).said(mark.label) for mark in axis(name).marks(typed)]
        for name, typed in lesson.plan.axes
    ]


def _figures(lesson: Lesson, pictures: Pictures) -> Sequence[str]:
    """The first axis across, the second one down."""
    across, *down = _labels(lesson)
    places = [
        ((column, *row), " · ".join((across[column], *label)))
        for row, label in _rows(down)
        for column in range(len(across))
    ]
    return [_figure(label, pictures.get(at)) for at, label in places]


def _rows(down: Sequence[Sequence[str]]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    if not down:
        return [((), ())]
    return [((number,), (label,)) for number, label in enumerate(down[0])]


def _figure(label: str, jpeg: bytes | None) -> str:
    caption = f"<figcaption>{html.escape(label)}</figcaption>"
    if jpeg is None:
        return f"<figure><div></div>{caption}</figure>"
    source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return f'<figure><img alt="{html.escape(label)}" src="{source}">{caption}</figure>'
