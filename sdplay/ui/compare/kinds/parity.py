"""Two backends: the same settings on both, and whether their pictures agree."""

import streamlit as st

from sdplay.compare.axes import Typed
from sdplay.params import Params
from sdplay.ui import session
from sdplay.ui.session import Studio
from sdplay.ui.share import linked


def pick(studio: Studio, base: Params) -> list[tuple[str, Typed]]:
    """Asks for the other backend, beside that of the form."""
    labels = session.labels()
    others = [name for name in labels if name != studio.backend.name]
    if st.session_state.get("other_backend") not in (None, *others):
        del st.session_state["other_backend"]  # it is that of the form now
    other = st.segmented_control(
        f"{labels[studio.backend.name]} against",
        others,
        default=others[0],
        required=True,
        **linked.bound("other_backend"),
        format_func=labels.__getitem__,
    )
    st.caption(
        "The same prompt, seed and settings on both. Under *More axes* stands what else to try, "
        "like several seeds."
    )
    return [("backend", [studio.backend.name, str(other)])]
