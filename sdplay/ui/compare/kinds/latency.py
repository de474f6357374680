"""Latency: makes the same picture again and again without the library."""

import streamlit as st

from sdplay.compare.axes import Typed
from sdplay.params import Params
from sdplay.ui.session import Studio
from sdplay.ui.share import linked


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """Asks how often. Further axes say for which settings."""
    runs = st.segmented_control(
        "Runs of each picture",
        linked.RUNS,
        default=linked.RUNS[1],
        required=True,
        **linked.bound("runs"),
        help="The first, cold, stands apart. Of the others it says the median, and what nine in "
        "ten stay within.",
    )
    st.caption(
        "One after the other, none out of the library. Under *More axes* stands what else to "
        "compare, like schedulers or backends."
    )
    return [("repeat", f"1-{runs}")]
