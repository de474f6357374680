"""The pictures of a lesson on the page: as they come, large, with numbers and rings that show where
to look."""

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
from sdplay.ui.picture.inline import source
from sdplay.ui.problems import text_of_others
from sdplay.ui.session import Studio

LONGEST = 512
"""The most pixels of a picture's longer side as it is sent."""
IN_A_ROW = 3
"""How many pictures stand in a row if there is one axis."""
At = tuple[int, ...]
Results = dict[At, Result]


def wall(studio: Studio, lesson: Lesson, sweep: Sweep) -> None:
    """Shows the pictures that are there now."""
    results, varied = sweep.results(), sweep.plan.varied
    single = len(varied) == 1
    columns = IN_A_ROW if single else len(varied[0].marks)
    if single and len(varied[0].marks) in (2, 4):
        columns = 4 if lesson.film else 2
    base = sweep.plan.base.params
    pieces = [_piece(studio, lesson, results, at) for at in _in_order(results)]
    if lesson.film:
        pieces += _guesses(studio, lesson, results)
    if lesson.start and single:
        pieces.insert(0, Piece("start image", source(start_jpeg(lesson))))
    exhibit(
        pieces,
        columns,
        f"exhibit_{sweep.group}",
        flows=single and not lesson.film,
        ratio=base.width / base.height,
    )


def start_jpeg(lesson: Lesson) -> bytes:
    """The start image of a lesson, as JPEG."""
    return jpeg_bytes(Image.open(io.BytesIO(lesson.start)), LONGEST, 88)


def legend(lesson: Lesson) -> None:
    """What to look at, by the numbers in the pictures."""
    with st.container(gap="xxsmall", key="lesson_look"):
        for number, look in enumerate(lesson.look, 1):
            st.markdown(f"**{number}**  {text_of_others(look.text, 300)}")


def jpegs(studio: Studio, sweep: Sweep) -> dict[At, bytes]:
    """All pictures that are there, for the worksheet."""
    return {
        at: _jpeg(studio, result.picture)
        for at, result in sweep.results().items()
        if result.picture
    }


def _in_order(results: Results) -> list[At]:
    """The pictures line by line, with the first axis running across."""
    return sorted(results, key=lambda at: at[::-1])


def _piece(studio: Studio, lesson: Lesson, results: Results, at: At) -> Piece:
    result = results[at]
    jpeg = _jpeg(studio, result.picture) if result.picture else b""
    return Piece(
        result.error or result.cell.name,
        source(jpeg),
        "waits" if result.state in ("planned", "queued", "running") else "",
        _marks(lesson, at, guess=False),
        _ring(studio, lesson, results, at),
    )


def _marks(lesson: Lesson, at: At, *, guess: bool) -> tuple[int, ...]:
    """The numbers of the things to look at in a picture."""
    return tuple(
        number for number, look in enumerate(lesson.look, 1) if (look.at, look.guess) == (at, guess)
    )


def _guesses(studio: Studio, lesson: Lesson, results: Results) -> list[Piece]:
    """Under each picture, what the longest run guessed after as many steps."""
    longest = max(results.values(), key=lambda result: result.cell.params.steps)
    saved = sweeping.saved_picture(studio, longest)
    frames = {frame.step: frame for frame in studio.library.frames(saved)} if saved else {}
    pieces = []
    for at in _in_order(results):
        steps, all_steps = results[at].cell.params.steps, longest.cell.params.steps
        guess = source(frames[steps].clean) if steps in frames else ""
        text = f"after {steps} of {all_steps} steps"
        waits = "" if guess or not longest.cell.to_make else "waits"
        pieces.append(Piece(text, guess, waits, _marks(lesson, at, guess=True)))
    return pieces


def _ring(
    studio: Studio, lesson: Lesson, results: Results, at: At
) -> tuple[float, float, float, float] | None:
    """The ninth of the picture in which it differs most from its neighbour."""
    beside = next(
        (look.beside for look in lesson.look if look.at == at and look.beside and not look.guess),
        None,
    )
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
    """A small picture of the library, so that it can be sent while others are still being made."""
    data = sweeping.original(_studio, picture)
    return jpeg_bytes(Image.open(io.BytesIO(data)), LONGEST, 88) if data else b""
