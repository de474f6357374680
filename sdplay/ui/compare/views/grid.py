"""All pictures by their axes, with A and B below them."""

from sdplay.ui.compare import cells
from sdplay.ui.compare.views import Stage, glass


def show(stage: Stage) -> None:
    """The grid. A click makes a cell B, which is compared with A below."""
    cells.sheet(stage.studio, stage.sweep, stage.results, stage.tools)
    glass.show(stage)
