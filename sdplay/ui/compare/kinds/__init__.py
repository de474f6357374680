"""The kinds of plan that Compare can make: one entry for each, and a file of this folder."""

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Kind:
    """One way to say what varies."""

    title: str
    """The name on the page and in a link."""
    file: str
    """The file in this folder. `pick(studio, base)` draws its controls and returns its axes with
    their values. If it has rows of settings, `only(name, values)` sets all but one of these to the
    form's value."""
    row: str = ""
    """The word for a row of settings in sentences. If it is empty, the word is preset."""

    @property
    def module(self) -> ModuleType:
        """The module, imported when it is first used."""
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
