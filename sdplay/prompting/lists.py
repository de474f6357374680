"""Word lists: those that come with the app, and the owner's own in the folder `words`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdplay.settings import setting

SHIPPED = Path(__file__).parent / "words"
LONGEST_FILE = 2**20
"""Bytes; a longer one is no list that somebody wrote."""
MOST_WORDS = 20_000
IDEAS = "ideas"
"""The list whose lines are whole prompts with the other lists in them."""


@dataclass(frozen=True)
class WordList:
    """Words of one kind, one of which is drawn."""

    name: str
    words: tuple[str, ...]
    is_own: bool = False
    """From the owner's folder."""


def own_folder() -> Path:
    """Where the owner's lists and styles lie."""
    return Path(setting("SDPLAY_HOME")).expanduser() / "words"


def word_lists() -> dict[str, WordList]:
    """Every list by its name; one of the owner's takes the place of ours of that name."""
    return {**_lists_in(SHIPPED), **_lists_in(own_folder(), is_own=True)}


def _lists_in(folder: Path, is_own: bool = False) -> dict[str, WordList]:
    lists = (
        WordList(file.stem.lower(), tuple(_lines(file))[:MOST_WORDS], is_own)
        for file in sorted(folder.glob("*.txt"))
    )
    return {entry.name: entry for entry in lists if entry.words}


def _lines(file: Path) -> Iterator[str]:
    """The words of a file, one a line; what follows # is a remark."""
    for line in readable_text(file).splitlines():
        if word := line.partition("#")[0].strip():
            yield word


def readable_text(file: Path) -> str:
    """A small text file; nothing where it cannot be read."""
    try:
        is_small = file.stat().st_size <= LONGEST_FILE
        return file.read_text("utf-8-sig", "replace") if is_small else ""
    except OSError:
        return ""
