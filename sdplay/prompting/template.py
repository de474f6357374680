"""Templates: `__animals__` in a prompt is a word of that list, `[fog]` what shall not be there."""

import hashlib
import heapq
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdplay.prompting.lists import IDEAS, WordList
from sdplay.prompting.styles import joined

_PLACEHOLDER = re.compile(r"__(?:(?P<count>\d{1,2}) )?(?P<name>\w[\w-]*?)__")
_BRACKETS = re.compile(r"(?<!\\)\[(?P<words>[^\[\]]*)\]")
MOST_AT_ONCE = 9
"""Words of one list that a single placeholder may draw."""
DEEPEST = 4
"""So often a drawn word may hold a placeholder itself."""


@dataclass(frozen=True)
class Written:
    """The two prompts as a person wrote them."""

    prompt: str
    negative: str = ""

    def sent(self, seed: int, lists: Mapping[str, WordList], brackets: bool) -> "Written":
        """What goes to the backend for this seed: words drawn, brackets moved where they are
        switched on.  The same seed and lists draw the same words."""
        prompt, negative = (_drawn(text, seed, lists) for text in (self.prompt, self.negative))
        if not brackets:
            return Written(prompt, negative)
        rest, avoided = _split(prompt)
        return Written(rest, joined(negative, *avoided)) if avoided else Written(prompt, negative)

    def unknown(self, lists: Mapping[str, WordList]) -> list[str]:
        """The placeholders that name no list; they are sent as they stand."""
        matches = _PLACEHOLDER.finditer(f"{self.prompt} {self.negative}")
        return [match[0] for match in matches if match["name"].lower() not in lists]


def placeholder(name: str, count: int = 1) -> str:
    """How a template says so many words of a list."""
    return f"__{name}__" if count == 1 else f"__{min(count, MOST_AT_ONCE)} {name}__"


def is_template(text: str) -> bool:
    """Whether something in it is drawn anew for each seed."""
    return _PLACEHOLDER.search(text) is not None


def ideas(lists: Mapping[str, WordList], how_many: int = 1) -> list[str]:
    """Whole prompts by chance, made of the lists."""
    if IDEAS not in lists:
        return []
    templates = random.sample(lists[IDEAS].words, min(how_many, len(lists[IDEAS].words)))
    return [_drawn(text, random.getrandbits(32), lists) for text in templates]


def _drawn(text: str, seed: int, lists: Mapping[str, WordList], depth: int = DEEPEST) -> str:
    """The text with every placeholder filled; each one draws for itself."""
    place = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal place
        place += 1
        entry = lists.get(match["name"].lower())
        if entry is None:
            return match[0]
        count = min(int(match["count"] or 1), MOST_AT_ONCE)
        words = _pick(entry.words, count, f"{seed} {depth} {place} {entry.name}")
        return _drawn(_listed(words), seed + place, lists, depth - 1) if depth else _listed(words)

    return _PLACEHOLDER.sub(fill, text)


def _pick(words: Sequence[str], count: int, chance: str) -> list[str]:
    """So many different words, the same for the same chance on every machine."""

    def rank(word: str) -> bytes:
        return hashlib.sha256(f"{chance} {word}".encode()).digest()

    return heapq.nsmallest(count, dict.fromkeys(words), key=rank)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _split(prompt: str) -> tuple[str, list[str]]:
    """The prompt without its brackets, and what stood in them."""
    avoided = [match["words"].strip() for match in _BRACKETS.finditer(prompt)]
    rest = re.sub(r"\s{2,}", " ", _BRACKETS.sub(" ", prompt))
    rest = re.sub(r"\s*,(\s*,)+", ",", re.sub(r"\s+,", ",", rest))
    return rest.strip(" ,"), [words for words in avoided if words]
