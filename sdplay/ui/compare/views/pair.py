"""A and B alone, as large as there is room."""

import streamlit as st

from sdplay.ui.compare.views import Stage, glass


def show(stage: Stage) -> None:
    """Both under the glass, or why they are not there yet."""
    if sum(bool(result.picture) for result in stage.results.values()) < 2:
        st.caption("Two pictures are needed. They appear here as soon as they are made.")
    glass.show(stage)
