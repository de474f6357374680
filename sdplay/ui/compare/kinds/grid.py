"""A grid: one axis across, one down."""

from dataclasses import replace

from sdplay.compare.axes import Typed
from sdplay.params import Params
from sdplay.ui.compare import axes, sweeping
from sdplay.ui.session import Studio
from sdplay.ui.share import linked


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """Both axes, as they stand in the form."""
    offer = replace(sweeping.bench(False).offer(studio.backend.name), prompt=base.prompt)
    return axes.pick_both(axes.GRID, offer, linked.axis_names(studio.capabilities))
