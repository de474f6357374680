"""A page with a part that shows fewer lines after a click, and another part that runs by itself
meanwhile."""

import time

import streamlit as st

from sdplay.ui import waiting

waiting.lose_nothing()


@st.fragment
def lines():
    shown = 1 if st.checkbox("Fewer", key="fewer") else 3
    time.sleep(0.5)
    for number in range(shown):
        st.text(f"Line {number + 1}")


@st.fragment(run_every=0.1)
def clock():
    st.text("It runs by itself.")


lines()
clock()
