"""The tabs: a folder beside this file whose panel.py has show(studio) is one, named like the
folder."""

import importlib
from pathlib import Path

from sdplay.ui.session import Studio

FIRST = ("Generate", "Compare", "Sketch", "Film", "Library", "Learn")
"""The order of the tabs.  A folder that is not named here comes after them."""


def titles() -> list[str]:
    """Every tab's title.  Nothing is imported for it: the page opens without the panels that
    nobody looks at."""
    panels = sorted(Path(__file__).parent.glob("*/panel.py"))
    names = [panel.parent.name.capitalize() for panel in panels]
    return sorted(names, key=lambda title: FIRST.index(title) if title in FIRST else len(FIRST))


def show(title: str, studio: Studio) -> None:
    """Draw one tab's panel."""
    importlib.import_module(f"sdplay.ui.{title.lower()}.panel").show(studio)
