"""A file in this folder with show(studio) is a tab, named like the file."""

import importlib
import pkgutil

from sdplay.ui.session import Studio

FIRST = ("Generate", "Compare", "Library", "Learn")
"""The order of the tabs.  A file that is not named here comes after them."""


def titles() -> list[str]:
    """Every panel's title.  Nothing is imported for it: the page opens without the panels that
    nobody looks at."""
    found = sorted(each.name.capitalize() for each in pkgutil.iter_modules(__path__))
    return sorted(found, key=lambda title: FIRST.index(title) if title in FIRST else len(FIRST))


def show(title: str, studio: Studio) -> None:
    """Draw one panel."""
    importlib.import_module(f"{__name__}.{title.lower()}").show(studio)
