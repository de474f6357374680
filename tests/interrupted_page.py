"""A page with a button whose callback waits until the browser asks for another run."""

import time

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from sdplay.ui import waiting

waiting.lose_nothing()


def act():
    """What a click does; it takes until somebody has stopped the run."""
    requests = get_script_run_ctx().script_requests
    until = time.monotonic() + 60
    while requests._state is not ScriptRequestType.STOP and time.monotonic() < until:
        time.sleep(0.01)
    st.session_state["acted"] = True
    st.toast("It is done.")
    st.session_state["ended"] = True


st.button("Act", key="act", on_click=act)
st.text("acted" if "acted" in st.session_state else "nothing yet")
st.text("ended" if "ended" in st.session_state else "not ended")
