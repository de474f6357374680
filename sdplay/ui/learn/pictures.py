"""A lesson's pictures on the page: as they come, large, with marks and rings on what to look at."""

import base64
import io

import streamlit as st
from PIL import Image

from sdplay.compare.evidence.measures import NINTHS
from sdplay.compare.results import Result
from sdplay.lessons.lesson import Lesson
from sdplay.picture import jpeg_bytes
from sdplay.sweeps import Sweep
from sdplay.ui.compare import sweeping
from sdplay.ui.components.exhibit import Piece, exhibit
from sdplay.ui.components.filmstrip import Strip, filmstrip
from sdplay.ui.session import Studio
from sdplay.wording import literal

LONGEST = 512
"""Pixels of a picture as it is sent."""
IN_A_ROW = 3
"""Pictures beside each other where there is one axis."""
At = tuple[int, ...]
Results = dict[At, Result]


def wall(studio: Studio, lesson: Lesson, sweep: Sweep) -> None:
    """The pictures as they stand now."""
    results, varied = sweep.results(), sweep.plan.varied
    single = len(varied) == 1
    columns = IN_A_ROW if single else len(varied[0].marks)
    if single and len(varied[0].marks) in (2, 4):
        columns = 4 if lesson.film else 2
    base = sweep.plan.base.params
    pieces = [_piece(studio, lesson, results, at) for at in _in_order(results)]
    exhibit(
        pieces,
        columns,
        f"exhibit_{sweep.group}",
        flows=single,
        ratio=base.width / base.height,
    )


def film(studio: Studio, sweep: Sweep) -> None:
    """The steps of the longest run, to be stopped at any of them."""
    last = max(sweep.results().values(), key=lambda result: result.cell.evaluations)
    saved = sweeping.kept(studio, last)
    if saved and saved.has_frames:
        filmstrip([Strip(last.cell.name, studio.library.frames(saved))], f"film_{sweep.group}")


def legend(lesson: Lesson) -> None:
    """What to look at, by the numbers in the pictures."""
    with st.container(gap="xxsmall", key="lesson_look"):
        for number, look in enumerate(lesson.look, 1):
            st.markdown(f"**{number}**  {literal(look.text)}")


def jpegs(studio: Studio, sweep: Sweep) -> dict[At, bytes]:
    """Every picture that is there, for the worksheet."""
    return {
        at: _jpeg(studio, result.picture)
        for at, result in sweep.results().items()
        if result.picture
    }


def _in_order(results: Results) -> list[At]:
    """Line by line: the first axis runs across."""
    return sorted(results, key=lambda at: at[::-1])


def _piece(studio: Studio, lesson: Lesson, results: Results, at: At) -> Piece:
    result = results[at]
    jpeg = _jpeg(studio, result.picture) if result.picture else b""
    return Piece(
        result.error or result.cell.name,
        f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else "",
        "waits" if result.state in ("planned", "queued", "running") else "",
        tuple(number for number, look in enumerate(lesson.look, 1) if look.at == at),
        _ring(studio, lesson, results, at),
    )


def _ring(
    studio: Studio, lesson: Lesson, results: Results, at: At
) -> tuple[float, float, float, float] | None:
    """The ninth of the picture in which most of the difference to its neighbour lies."""
    beside = next((look.beside for look in lesson.look if look.at == at and look.beside), None)
    if beside is None:
        return None
    measured = sweeping.measure(studio, results[at], results[beside])
    if measured is None or measured.same or measured.place not in NINTHS:
        return None
    row, column = NINTHS[measured.place]
    return 33.3 * column + 1, 33.3 * row + 1, 31.3, 31.3


def _jpeg(studio: Studio, picture: str) -> bytes:
    return _small(studio, studio.owner, picture)


@st.cache_data(show_spinner=False, max_entries=500)
def _small(_studio: Studio, owner: str, picture: str) -> bytes:
    """A picture of the library, small enough to be sent while others are still made."""
    data = sweeping.original(_studio, picture)
    return jpeg_bytes(Image.open(io.BytesIO(data)), LONGEST, 88) if data else b""
