"""The page.  Wiring only: theme, sidebar form, tabs."""

import streamlit as st

from sdplay import settings
from sdplay.backends import connect
from sdplay.ui import form, panels, session

ASSETS = "sdplay/ui/assets"

st.set_page_config(page_title="sdplay · Stable Diffusion playground", page_icon=f"{ASSETS}/favicon.png", layout="wide")
dark = st.context.theme.type == "dark"
st.logo(f"{ASSETS}/logo-{'dark' if dark else 'light'}.svg", size="large", icon_image=f"{ASSETS}/favicon.png")
settings.load(session.secrets())

with st.sidebar:
    name = form.pick_backend()
    capabilities = session.probed(name)
    form.health(capabilities)
    form.settings(capabilities)

jobs = session.jobs()
studio = session.Studio(connect(name), capabilities, jobs, jobs.library, session.owner())
found = panels.found()
tabs = st.tabs(list(found), key="view", on_change="rerun", bind="query-params")
for tab, panel in zip(tabs, found.values(), strict=True):
    if tab.open:
        with tab:
            panel.show(studio)
