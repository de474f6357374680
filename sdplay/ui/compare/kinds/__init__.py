"""The kinds of plan that Compare can draw up: one line each, and a file of this folder."""

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Kind:
    """One way to say what varies."""

    title: str
    """On the page and in a link."""
    file: str
    """In this folder.  `pick(studio, base)` draws its controls and returns its axes with their
    values; where it has rows of settings, `only(name, values)` locks all but one of these to the
    form."""
    row: str = ""
    """What a row of settings is called in sentences; elsewhere it is a preset."""

    @property
    def module(self) -> ModuleType:
        """Imported when it is first looked at."""
        return importlib.import_module(f"{__name__}.{self.file}")


KINDS = {
    kind.title: kind
    for kind in (
        Kind("Grid", "grid"),
        Kind("Variants", "variants", row="Variant"),
        Kind("Table", "table", row="Row of the table"),
        Kind("Word by word", "words"),
        Kind("Latency", "latency"),
        Kind("Two backends", "parity"),
    )
}
