"""Takes a prompt apart into its words, or the parts between its commas, so that each can be left
out once."""

import re

EVERY_WORD, EVERY_PART = "each word", "each part"
MOST_PARTS = 60
_WORD = re.compile(r"<[^<>]*>|[^\W_]+(?:['’_-][^\W_]+)*")
_BRACKETS = re.compile(r"\(\s*(?::\s*[\d.]*\s*)?\)|\[\s*(?::\s*[\d.]*\s*)?\]")


def words(prompt: str) -> list[str]:
    """Every word once, in order; text in angle brackets is one word."""
    return list(dict.fromkeys(_WORD.findall(_unweighted(prompt))))


def parts(prompt: str) -> list[str]:
    """Every text between commas, once."""
    return list(dict.fromkeys(part for text in prompt.split(",") if (part := text.strip())))


def without(prompt: str, part: str) -> str:
    """The prompt without this part, wherever it stands, with the gap closed."""
    left = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", "", prompt)
    left = _BRACKETS.sub("", left)
    left = re.sub(r"\s*,(?:\s*,)+", ",", left)
    left = re.sub(r"\s+(?=[,.;])|(?<=\s)\s+", "", left)
    return left.strip(" ,")


def has(prompt: str, part: str) -> bool:
    """Whether the prompt contains it as a whole word."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", prompt) is not None


def _unweighted(prompt: str) -> str:
    """The prompt without the numbers of `(fox:1.3)`, which are no words."""
    return re.sub(r":\s*[\d.]+\s*(?=[)\]])", "", prompt)
