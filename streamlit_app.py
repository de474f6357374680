"""The page.  Wiring only: theme, sidebar form, tabs."""

import streamlit as st

from sdplay import settings
from sdplay.backends import connect
from sdplay.ui import form, links, local_card, look, session

st.set_page_config("sdplay · Stable Diffusion playground", look.ICON, "wide", initial_sidebar_state=320)
look.logo()
settings.load(session.secrets())
links.follow()

with st.sidebar:
    name = form.pick_backend()
    capabilities = session.probed(name)
    form.health(name, capabilities)
    local_card.menu(name)
    form.settings(capabilities)
    owner = session.owner()
    look.font()

local_card.show(name, capabilities)

from sdplay.ui import details, panels  # noqa: E402  The browser draws the form while these are read.

jobs = session.jobs()
studio = session.Studio(connect(name), capabilities, jobs, jobs.library, owner)
details.undo(studio)
titles = panels.titles()
for title, tab in zip(titles, st.tabs(titles, key="view", on_change="rerun", bind="query-params"), strict=True):
    if tab.open:
        with tab:
            panels.show(title, studio)
links.settle(capabilities)
details.linked(studio)
