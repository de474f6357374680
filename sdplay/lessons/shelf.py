"""Where lessons are: those in the box, the owner's in SDPLAY_HOME/lessons, and one from a link."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sdplay.errors import BadParams
from sdplay.http.address import bare
from sdplay.http.fence import anywhere, public
from sdplay.http.fetch import download
from sdplay.lessons.lesson import MOST_LETTERS, Lesson, read_lesson
from sdplay.settings import home, setting

COURSE = Path(__file__).parent / "course"
MOST_OWN = 50
"""Lessons of the owner's."""
SECONDS = 10.0
"""So long a linked lesson may take to come."""
_NUMBERED = re.compile(r"^\d+-")


@cache
def course() -> tuple[Lesson, ...]:
    """The lessons in the box, in their order."""
    return tuple(read_file(file) for file in sorted(COURSE.glob("*.toml")))


def own() -> tuple[tuple[Lesson, ...], tuple[str, ...]]:
    """The owner's lessons, and a sentence for each file that is none."""
    lessons, sentences = [], []
    for file in sorted((home() / "lessons").glob("*.toml"))[:MOST_OWN]:
        try:
            lessons.append(read_file(file))
        except BadParams as error:
            sentences.append(str(error))
    return tuple(lessons), tuple(sentences)


def every() -> Iterator[Lesson]:
    """Those in the box, then the owner's."""
    yield from course()
    yield from own()[0]


def read_file(file: Path) -> Lesson:
    """The lesson in a file; its name is the file's, without the number that orders it."""
    return read_lesson(read_text(file), _NUMBERED.sub("", file.stem))


def read_text(file: Path) -> str:
    """The text of a lesson's file; a sentence when it cannot be read."""
    try:
        with file.open(encoding="utf-8-sig") as opened:
            return opened.read(MOST_LETTERS + 1)
    except UnicodeDecodeError as error:
        raise BadParams(f"{file} is no text in UTF-8. Save it as UTF-8.") from error
    except OSError as error:
        raise BadParams(f"{file} could not be read: {error.strerror}.") from error


def is_address(name: str) -> bool:
    """Whether a link names a lesson that lies elsewhere."""
    return name.startswith(("https://", "http://"))


def from_address(url: str) -> Lesson:
    """A teacher's lesson from the open internet, fenced like a start image."""
    try:
        data = download(
            url,
            allowed=anywhere if setting("SDPLAY_ALLOW_PRIVATE_URLS") == "1" else public,
            largest=4 * MOST_LETTERS,
            seconds=SECONDS,
        )
        text = data.decode("utf-8-sig")
    except (BadParams, UnicodeDecodeError) as error:
        raise BadParams(
            f"No lesson came from {bare(url)[:120]}. Check the address: it must be on the open "
            "internet and end in a lesson's .toml text."
        ) from error
    return read_lesson(text, url)
