"""The built-in model's tokenizer in plain Python: lower case, runs of letters and digits, one token
a word."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdplay.engine.emphasis import unmarked, weighed
from sdplay.picture import GAP

_TOKEN = re.compile("[a-z0-9]+")
_GAPS = re.compile(rf"{GAP}(?:[\s,.;:!?、，。…]*{GAP})+")


@dataclass(frozen=True)
class Reading:
    """What the model gets of a prompt."""

    text: str
    """The prompt, with a gap where something was left out."""
    unknown: tuple[str, ...] = ()
    """Words and signs that the model does not know, each once."""
    beyond: tuple[str, ...] = ()
    """Words that came when its places were taken."""


class Words:
    """A vocabulary file: one token a line, the line number is its id."""

    def __init__(self, file: Path, length: int) -> None:
        self.ids = {word: at for at, word in enumerate(file.read_text("utf-8").split("\n")) if word}
        self.length = length

    @property
    def places(self) -> int:
        """How many words of a prompt the model reads."""
        return self.length - 2

    def tokens(self, prompt: str) -> NDArray[np.int64]:
        """Ids of start, words, end and padding; words beyond the length are cut off."""
        written = _TOKEN.findall(unmarked(prompt).lower())[: self.places]
        words = [self.ids.get(word, self.ids["<unknown>"]) for word in written]
        framed = [self.ids["<start>"], *words, self.ids["<end>"]]
        padded = framed + [self.ids["<pad>"]] * (self.length - len(framed))
        return np.array([padded], np.int64)

    def weights(self, prompt: str) -> NDArray[np.float32]:
        """How much each token is meant: 1, or what brackets make of it."""
        weights = np.ones(self.length, np.float32)
        factors = [weight for text, weight in weighed(prompt) for _ in _TOKEN.findall(text.lower())]
        weights[1 : 1 + min(len(factors), self.places)] = factors[: self.places]
        return weights

    def read(self, prompt: str) -> Reading:
        """What is understood of a prompt, what is not, and what has no place."""
        read, end, places = list[str](), 0, self.places
        unknown, beyond = dict[str, None](), list[str]()
        for start, stop in _spans(unmarked(prompt)):
            word = prompt[start:stop].lower()
            tokens = _TOKEN.findall(word)
            if places <= 0 or len(tokens) > places:
                beyond.append(word)
            elif tokens != [word] or word not in self.ids:
                unknown[word] = None
            else:
                read += [prompt[end:start], prompt[start:stop]]
                end, places = stop, places - 1
                continue
            read += [prompt[end:start], GAP]
            end, places = stop, places - len(tokens)
        read.append(prompt[end:])
        text = _GAPS.sub(GAP, "".join(read)).strip() if unknown or beyond else prompt
        return Reading(text, tuple(unknown), tuple(beyond))


def _spans(prompt: str) -> Iterator[tuple[int, int]]:
    """Where words and signs are: runs of Latin letters and digits, of other letters, of emoji."""
    start, before = 0, ""
    for at, char in enumerate(f"{prompt} "):
        kind = _kind(char, before)
        if kind != before:
            if before:
                yield start, at
            start, before = at, kind


def _kind(char: str, before: str) -> str:
    """Latin, letter, sign or nothing; what sits on the character before it is of its kind."""
    category = unicodedata.category(char)
    if category[0] == "M" or char == "\u200d" or category == "Sk":
        return before
    if category[0] in "LN":
        latin = char.isascii() or unicodedata.name(char, "").startswith("LATIN")
        return "latin" if latin else "letter"
    return "sign" if category == "So" else ""
