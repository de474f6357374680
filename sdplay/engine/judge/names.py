"""What the judge calls things, and what people call them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdplay.engine.emphasis import unmarked


@dataclass(frozen=True)
class ThingNames:
    """The things that the judge can name."""

    things: tuple[str, ...]
    known_as: Mapping[str, str]
    """By each name that people use, in lower case, the thing's own."""

    def prompted(self, prompt: str) -> tuple[str, ...]:
        """The things that a prompt names, each once; a name of several words before its parts."""
        words = re.findall("[a-z0-9]+", unmarked(prompt).lower())
        found: dict[str, None] = {}
        at = 0
        while at < len(words):
            length = next(
                (n for n in (3, 2, 1) if " ".join(words[at : at + n]) in self.known_as), 0
            )
            if length:
                found[self.known_as[" ".join(words[at : at + length])]] = None
            at += max(1, length)
        return tuple(found)
