"""All pictures by their axes, and A and B under them."""

from sdplay.ui.compare import cells
from sdplay.ui.compare.views import Stage, glass


def show(stage: Stage) -> None:
    """The grid; a click makes a cell B, which lies under the glass below."""
    cells.sheet(stage.studio, stage.sweep, stage.results, stage.tools)
    glass.show(stage)
