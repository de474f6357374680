"""The ways to look at a sweep's pictures: one entry for each, and a file of this folder."""

import importlib
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from sdplay.sweeps import Sweep
from sdplay.ui.compare.cells import Results
from sdplay.ui.session import Studio


@dataclass(frozen=True)
class Stage:
    """What a view needs to draw."""

    studio: Studio
    sweep: Sweep
    results: Results
    tools: DeltaGenerator
    """The line above the pictures, which has the controls of the view at its right."""


@dataclass(frozen=True)
class View:
    """One way to look at the pictures."""

    title: str
    """The name on the page and in a link."""
    file: str
    """The file in this folder, whose `show(stage)` draws the view."""

    def show(self, stage: Stage) -> None:
        """Draws the view. Its file is imported when it is first used."""
        importlib.import_module(f"{__name__}.{self.file}").show(stage)


VIEWS = {
    view.title: view
    for view in (
        View("Grid", "grid"),
        View("A / B", "pair"),
        View("Flipbook", "flipbook"),
        View("Sort", "sift"),
    )
}
