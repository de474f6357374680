"""A page with one fault of each kind, for the crawl to find."""

import streamlit as st

st.set_page_config(layout="wide")
state = st.session_state


@st.fragment
def late():
    """Its button changes what stands outside of it."""
    st.button("Comes late", on_click=state.update, kwargs={"late": "It came."})


st.button("Does nothing")
st.button("Works", on_click=state.update, kwargs={"works": "It works."})
st.write(state.get("works", "Nothing yet."))
late()
st.write(state.get("late", "Nothing came."))
if st.button("Breaks"):
    raise ZeroDivisionError("broken")
st.html('<div style="width:3000px">A wide line</div>')
st.html('<div style="width:60px;overflow:hidden;white-space:nowrap">A line that is cut</div>')
st.html('<img alt="lost" src="/media/nowhere.png">')
