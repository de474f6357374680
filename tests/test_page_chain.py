"""A chain on the page: its file is opened, its stages are followed, its pictures are linked."""

import json

import pytest

from sdplay.ui import session
from sdplay.ui.compare.chains import chains
from tests.local_process import until
from tests.paging import sentences

BASE = {"stage": "base", "prompt": "an apple", "seed": 7, "size": "128x128", "steps": 2}
REPAINT = {"stage": "img2img", "strength": 0.5}


@pytest.fixture
def compare(page):
    page.session_state["view"] = "Compare"
    yield page.run()
    if following := chain_of(page):
        following.cancel()
        following.wait(120)
        chains().forget(page.session_state["owner"])


def chain_of(page):
    return chains().of(page.session_state["owner"])


def followed(page, *stages, **fields):
    """Open the chain and press its button."""
    text = json.dumps({"name": "apple", "stages": stages, **fields}).encode()
    page.file_uploader(key="open_plan").set_value(("apple.json", text, "application/json")).run()
    assert page.button(key="open_take").label == "Follow the chain"
    return page.button(key="open_take").click().run()


def ended(page):
    assert chain_of(page).wait(240)
    return page.run()


def test_an_opened_chain_is_followed_and_all_its_pictures_are_kept(compare):
    ended(followed(compare, BASE, REPAINT))
    assert not compare.exception
    assert [bar.text for bar in compare.get("progress")] == ["apple: all 2 stages are done"]
    base, repainted = chain_of(compare).pictures
    library, owner = session.jobs().library, compare.session_state["owner"]
    assert library.source(repainted.saved, owner).id == base.saved.id
    assert {"chain-apple"} == {*base.saved.tags, *repainted.saved.tags}


def test_the_drawer_of_a_stage_leads_to_the_others(compare):
    ended(followed(compare, BASE, REPAINT))
    for link, source in zip(
        chain_of(compare).pictures, ("Made from it:", "Made from:"), strict=True
    ):
        compare.query_params["picture"] = link.saved.id
        text = sentences(compare.run())
        assert source in text
        assert "Of the chain apple:" in text


def test_it_is_there_again_after_a_reload_and_can_be_closed(compare):
    ended(followed(compare, BASE))
    compare.query_params["view"] = "Compare"
    compare.run().button(key="chain_close").click().run()
    assert not compare.get("progress")
    assert chain_of(compare) is None


def test_a_cancelled_chain_goes_on_where_it_stopped(compare):
    followed(compare, BASE, {**REPAINT, "steps": 500, "strength": 1.0})
    until(lambda: len(chain_of(compare).pictures) == 1)
    compare.run().button(key="chain_cancel").click().run()
    ended(compare)
    assert not compare.warning
    first = chain_of(compare).pictures[0].saved.id
    compare.button(key="chain_on").click().run()
    until(lambda: len(chain_of(compare).pictures) == 1)
    assert chain_of(compare).pictures[0].saved.id == first


def test_what_the_backend_cannot_do_is_said_before_the_first_picture(compare):
    followed(compare, BASE, {"stage": "upscale", "upscaler": "4x"})
    assert "cannot do the stage upscale" in sentences(compare)
    assert chain_of(compare) is None


def test_a_chain_for_another_backend_says_which(compare):
    followed(compare, BASE, backend="local")
    assert "This chain is made for Local process" in sentences(compare)
    assert chain_of(compare) is None


def test_one_chain_at_a_time(compare):
    followed(compare, {**BASE, "steps": 500})
    followed(compare, BASE)
    assert "A chain of yours is at work already" in sentences(compare)


def test_the_form_can_be_saved_as_a_chain_to_begin_with(compare):
    assert compare.download_button(key="open_draft").label == "Save the form as a chain"
