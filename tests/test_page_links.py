"""Links without a browser: what a short id brings back, and what it keeps to itself."""

import re
from urllib.parse import parse_qs, urlsplit

from streamlit.testing.v1 import AppTest

from sdplay.ui import session
from tests.fakes import png
from tests.paging import ENTRY, sentences, settled
from tests.test_page_compare import finished

LONG = "a very long story about a fox, " * 20


def shared(page, view="Generate"):
    """The link that the Share button shows."""
    page.session_state[f"share_{view}"] = True
    page.run()
    return next(code.value for code in page.code if code.value.startswith(("http", "?")))


def elsewhere(link):
    """The link in another browser."""
    other = AppTest.from_file(ENTRY, default_timeout=60)
    for name, values in parse_qs(urlsplit(link).query).items():
        other.query_params[name] = values
    return other.run()


def test_a_short_form_is_a_plain_link(page):
    page.query_params.update(steps="9", cfg="3.5", prompt="a fox")
    link = shared(page.run())
    assert "steps=9" in link
    assert elsewhere(link).slider(key="cfg").value == 3.5


def test_a_long_form_travels_by_a_short_id(page):
    page.query_params.update(steps="9", scheduler="DDIM", prompt=LONG)
    link = shared(page.run())
    assert re.search(r"\?link=[a-z2-7]{8}$", link)
    other = elsewhere(link)
    assert (other.text_area(key="prompt").value, other.slider(key="steps").value) == (LONG, 9)
    assert other.selectbox(key="scheduler").value == "ddim"


def test_what_a_short_link_brought_stands_in_the_address(page):
    page.query_params.update(steps="9", prompt=LONG)
    other = elsewhere(shared(page.run()))
    assert "link" not in other.query_params
    assert (other.query_params["steps"], other.query_params["prompt"]) == ("9", LONG)


def test_the_start_image_travels_with_the_link(page):
    page.session_state["init_held"] = png()
    other = elsewhere(shared(page.run().run()))
    assert other.session_state["init_bytes"] == png()


def test_a_picture_opens_from_its_link_for_its_owner_alone(page):
    settled(page.run().button(key="go").click().run())
    kept = session.jobs().library.recent(page.session_state["owner"])[0]
    page.query_params["picture"] = kept.id
    assert any(button.key == "use" for button in page.run().button)
    assert "its owner keeps it private" in sentences(elsewhere(f"?picture={kept.id}"))


def test_a_shared_picture_opens_from_its_link_for_everybody(page):
    settled(page.run().button(key="go").click().run())
    kept = session.jobs().library.recent(page.session_state["owner"])[0]
    session.jobs().library.share(kept, kept.owner)
    other = elsewhere(f"?picture={kept.id}")
    assert "Somebody on this page shared it." in sentences(other)
    assert not any(button.key == "delete_yes" for button in other.button)


def test_a_deleted_picture_comes_back_with_undo(page):
    settled(page.run().button(key="go").click().run())
    library, owner = session.jobs().library, page.session_state["owner"]
    page.query_params["picture"] = library.recent(owner)[0].id
    page.run().button(key="delete_yes").click().run()
    assert library.recent(owner) == []
    page.button(key="undo").click().run()
    assert len(library.recent(owner)) == 1


def swept(page):
    """A finished sweep of two cells, and whether its pictures go with the link."""
    page.query_params.update(view="Compare", steps="2", x_values="2, 3", y_axis="seed", y_values="5")
    page.run().button(key="run").click().run()
    return finished(page)


def test_a_sweep_travels_with_its_pictures_when_its_owner_says_so(page):
    page = swept(page)
    page.session_state["share_Compare"] = True
    page.run().toggle(key=f"share_{page.session_state['sweep_shown']}").set_value(True).run()
    other = elsewhere(shared(page, "Compare"))
    assert "2 of 2" in str(other.get("progress")[0].proto)
    assert "1 thing differs: steps." in sentences(other)


def test_the_pictures_of_a_sweep_stay_private_without_a_word(page):
    page = swept(page)
    other = elsewhere(shared(page, "Compare"))
    assert other.text_input(key="x_values").value == "2, 3"
    assert not other.get("progress")


def test_a_link_that_nobody_made_is_said(page):
    page.query_params["link"] = "aaaaaaaa"
    assert "This link is not known here." in sentences(page.run())
