"""Divides the room between a large picture and the text about it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def columns(width: int, height: int) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Gives a wide picture more of the room than a tall one."""
    ratio = width / max(1, height)
    share = 2.1 if ratio > 1.2 else 1.25 if ratio > 0.85 else 0.9
    picture, side = st.columns([share, 1], gap="medium")
    return picture, side
