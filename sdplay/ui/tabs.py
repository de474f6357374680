"""The tabs: each folder beside this file whose panel.py has show(studio) is one, with the folder's
name."""

import importlib
from pathlib import Path

from sdplay.ui.session import Studio

FIRST = ("Generate", "Compare", "Sketch", "Film", "Library", "Learn")
"""The order of the tabs. Folders that are not named here come after them."""


def titles() -> list[str]:
    """The titles of all tabs. No panel is imported for them, so the page opens quickly."""
    panels = sorted(Path(__file__).parent.glob("*/panel.py"))
    names = [panel.parent.name.capitalize() for panel in panels]
    return sorted(names, key=lambda title: FIRST.index(title) if title in FIRST else len(FIRST))


def show(title: str, studio: Studio) -> None:
    """Draws the panel of one tab."""
    importlib.import_module(f"sdplay.ui.{title.lower()}.panel").show(studio)
