"""Styles: what is laid around a prompt, and what is then avoided; A1111's styles.csv is read as it
is."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdplay.prompting.lists import SHIPPED, own_folder, readable_text

SUBJECT = "{prompt}"
"""Where the person's own words go; without it they stand in front."""


@dataclass(frozen=True)
class Style:
    """One way to say how a picture shall look."""

    name: str
    prompt: str
    negative: str = ""

    def around(self, prompt: str) -> str:
        """The prompt in this style."""
        if SUBJECT in self.prompt:
            return self.prompt.replace(SUBJECT, prompt.strip())
        return joined(prompt, self.prompt)

    def avoiding(self, negative: str) -> str:
        """The negative prompt with what this style avoids."""
        return joined(negative, self.negative)


def styles() -> dict[str, Style]:
    """Every style by its name; one of the owner's takes the place of ours of that name."""
    folders = (SHIPPED, own_folder())
    return {style.name: style for folder in folders for style in _read(folder / "styles.csv")}


def joined(*texts: str) -> str:
    """Parts of a prompt with a comma between them; what is there already is not said again."""
    parts: dict[str, str] = {}
    for text in texts:
        if part := text.strip().strip(","):
            parts.setdefault(part.lower(), part)
    return ", ".join(parts.values())


def _read(file: Path) -> Iterator[Style]:
    for row in csv.DictReader(io.StringIO(readable_text(file))):
        name, prompt = (row.get("name") or "").strip(), (row.get("prompt") or "").strip()
        if name and prompt:
            yield Style(name, prompt, (row.get("negative_prompt") or "").strip())
