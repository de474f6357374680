"""The page.  Wiring only: theme, sidebar form, tabs."""

import streamlit as st

from sdplay import settings
from sdplay.ui import address, look, notes, session, tabs, waiting, whole
from sdplay.ui.form import connect, form, local_card, visit
from sdplay.ui.picture import deleting
from sdplay.ui.problems import explained
from sdplay.ui.share import linked, links

st.set_page_config("sdplay · Stable Diffusion playground", layout="wide", initial_sidebar_state=320)
settings.load(session.secrets())
visit.hold_to_bounds()
waiting.lose_nothing()
with explained():
    links.follow()
whole.begun()
address.put_again()

titles = tabs.titles()
links.name_backend(session.labels())
with st.sidebar:
    name = form.pick_backend()
    backend, capabilities = session.reached(name)
    links.fit(capabilities)
    form.health(name, capabilities)
    connect.menu(name)
    local_card.menu(name)
    form.settings(capabilities)
    owner = session.owner()
    look.font()

local_card.show(name, capabilities)

studio = session.Studio(backend, capabilities, owner)
notes.show()
with explained():
    deleting.undo(studio)
    for title, tab in zip(
        titles, st.tabs(titles, **linked.bound("view"), on_change="rerun"), strict=True
    ):
        if tab.open:
            with tab:
                tabs.show(title, studio)
    if pictures := session.wanted_again():
        from sdplay.ui.generate import batch

        # Another tab was opened in the moment of the click.
        batch.submit(studio, pictures)
    look.signs()
    look.floating()

    # Not above: the form is on screen before this reads the library.
    from sdplay.ui.picture import details

    details.linked(studio)
links.keep(str(st.session_state.get("view", titles[0])))
backend.warm_up()  # Last: nothing of the page waits for it.
session.settle()
