"""The ways to look at a sweep's pictures: one line each, and a file of this folder."""

import importlib
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from sdplay.sweeps import Sweep
from sdplay.ui.compare.cells import Results
from sdplay.ui.session import Studio


@dataclass(frozen=True)
class Stage:
    """What a view gets to draw with."""

    studio: Studio
    sweep: Sweep
    results: Results
    tools: DeltaGenerator
    """The line above the pictures: what a view asks for stands there, to the right."""


@dataclass(frozen=True)
class View:
    """One way to look."""

    title: str
    """On the page and in a link."""
    file: str
    """In this folder; its `show(stage)` draws the view."""

    def show(self, stage: Stage) -> None:
        """Draw it; its file is imported when it is first looked at."""
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
