"""A and B alone, as large as possible."""

import streamlit as st

from sdplay.ui.compare.views import Stage, glass


def show(stage: Stage) -> None:
    """Compares both, or says why they are not there yet."""
    if sum(bool(result.picture) for result in stage.results.values()) < 2:
        st.caption("Two pictures are needed. They appear here as soon as they are made.")
    glass.show(stage)
