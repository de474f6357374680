"""The built-in model's tokenizer in plain Python: lower case, runs of letters and digits, one token
a word."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Words:
    """A vocabulary file: one token a line, the line number is its id."""

    def __init__(self, file: Path, length: int) -> None:
        self.ids = {word: at for at, word in enumerate(file.read_text("utf-8").split("\n")) if word}
        self.length = length

    def tokens(self, prompt: str) -> NDArray[np.int64]:
        """Ids of start, words, end and padding; words beyond the length are cut off."""
        found = [self.ids.get(word, self.ids["<unknown>"]) for word in spoken(prompt)][
            : self.length - 2
        ]
        found = [self.ids["<start>"], *found, self.ids["<end>"]]
        padded = found + [self.ids["<pad>"]] * (self.length - len(found))
        return np.array([padded], np.int64)

    def unknown(self, prompt: str) -> list[str]:
        """Words of the prompt that the model has never met, each once."""
        return list(dict.fromkeys(word for word in spoken(prompt) if word not in self.ids))

    def cut_off(self, prompt: str) -> list[str]:
        """Words beyond the model's length."""
        return spoken(prompt)[self.length - 2 :]


def spoken(prompt: str) -> list[str]:
    """The words of a prompt."""
    return re.findall("[a-z0-9]+", prompt.lower())
