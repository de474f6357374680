"""A grid with one axis across and one down."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from sdplay.compare.axes import Typed
from sdplay.compare.grammar import Value, written
from sdplay.params import Params
from sdplay.ui import address
from sdplay.ui.compare import axes, sweeping
from sdplay.ui.session import Studio
from sdplay.ui.share import linked


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """Both axes, as the form has them."""
    offer = replace(sweeping.bench(False).offer(studio.backend.name), prompt=base.prompt)
    return axes.pick_both(axes.GRID, offer, linked.axis_names(studio.capabilities))


def only(name: str, values: Sequence[Any]) -> None:
    """Replaces the presets by an axis of this setting alone. Call it from a callback."""
    for position in linked.PLACES:
        if st.session_state.get(f"{position}_axis") == "preset":
            address.put(
                {
                    f"{position}_axis": name,
                    f"{position}_{name}": [str(value) for value in values],
                    f"{position}_values": written([Value(str(value)) for value in values]),
                }
            )
