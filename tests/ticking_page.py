"""A page with a part that runs by itself, and a button that closes what the browser has open."""

import time

import streamlit as st

from sdplay.ui import waiting

waiting.lose_nothing()


def close():
    st.session_state["open"] = False


st.button("Close", key="close", on_click=close)
st.checkbox("Open", key="open")


@st.fragment(run_every=3600)
def part():
    st.checkbox("Chosen", key="chosen")
    time.sleep(0.5)
    st.text("open" if st.session_state["open"] else "closed")
    st.text("chosen" if st.session_state["chosen"] else "not chosen")


part()
