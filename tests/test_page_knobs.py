"""Settings that can be left to the backend, and those of yes or no, in the form and in links."""

import pytest
from fakes import a1111
from paging import sentences, settled
from test_page_links import elsewhere, shared

OWN = {"clip_skip": "own", "tiling": "true", "scheduler": "euler_a", "eta": "0.5", "steps": "2"}


@pytest.fixture
def server(monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake


@pytest.fixture
def opened(page, server):
    def at(**query):
        page.query_params.update({"backend": "a1111", **query})
        return page.run()

    return at


def form(page):
    names = ("clip_skip", "vae", "eta", "tiling")
    return {name: page.session_state[name] for name in names}


def test_the_form_begins_with_what_is_usual(opened):
    page = opened()
    assert not page.exception
    assert form(page) == {"clip_skip": "1", "vae": "", "eta": None, "tiling": False}


def test_a_link_sets_them(opened):
    page = opened(clip_skip="2", vae="fine.vae.pt", eta="0", tiling="true")
    assert form(page) == {"clip_skip": "2", "vae": "fine.vae.pt", "eta": 0.0, "tiling": True}


@pytest.mark.parametrize("word", ["own", "The server's own"])
def test_a_link_can_leave_them_to_the_server(opened, word):
    page = opened(clip_skip=word)
    assert page.selectbox(key="clip_skip").value == "own"


def test_what_is_left_to_the_server_is_shown_as_such(opened):
    page = opened()
    assert page.selectbox(key="clip_skip").options[:2] == ["The server's own", "1"]
    assert page.selectbox(key="vae").options[0] == "The server's own"
    assert page.number_input(key="eta").placeholder == "The sampler's own"


def test_what_the_form_says_goes_out(opened, server):
    page = settled(opened(**OWN).button(key="go").click().run())
    body = server.requests()[0]
    assert (body["tiling"], body["eta"], "override_settings" in body) == (True, 0.5, False)
    assert not page.exception


def test_what_was_left_to_the_server_is_said_in_the_receipt(opened):
    page = settled(opened(**OWN).button(key="go").click().run())
    table = page.table[0].value if page.table else None
    assert "The server's own" in (sentences(page) if table is None else table.to_string())


def test_a_link_to_the_page_brings_them_all_back(opened):
    link = shared(opened(**OWN))
    assert "clip_skip=own" in link
    assert form(elsewhere(link)) == form(opened(**OWN))
