"""Room for a large picture, and for what is said about it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def columns(width: int, height: int) -> tuple[DeltaGenerator, DeltaGenerator]:
    """A wide picture gets more of the room, a tall one less."""
    ratio = width / max(1, height)
    share = 2.1 if ratio > 1.2 else 1.25 if ratio > 0.85 else 0.9
    picture, side = st.columns([share, 1], gap="medium")
    return picture, side
