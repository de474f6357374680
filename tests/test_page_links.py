"""Links without a browser: what a short id brings back, and what it keeps to itself."""

import hashlib
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from sdplay.params import KNOBS
from sdplay.ui import session
from tests.fakes import a1111, png
from tests.paging import new_page, sentences, settled
from tests.suites import crossed
from tests.test_page_compare import finished

LONG = "a very long story about a fox, " * 20


def shared(page, view="Generate"):
    """The link that the Share button shows."""
    page.session_state[f"share_{view}"] = True
    page.run()
    return next(code.value for code in page.code if code.value.startswith(("http", "?")))


def elsewhere(link):
    """The link in another browser."""
    other = new_page()
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
    page.session_state["start_held"] = png()
    other = elsewhere(shared(page.run().run()))
    assert other.session_state["init_bytes"] == png()


def test_a_picture_opens_from_its_link_for_its_owner_alone(page):
    page.query_params["steps"] = "2"
    settled(page.run().button(key="go").click().run())
    kept = session.jobs().library.recent(page.session_state["owner"])[0]
    page.query_params["picture"] = kept.id
    assert any(button.key == "use" for button in page.run().button)
    assert "its owner keeps it private" in sentences(elsewhere(f"?picture={kept.id}"))


def test_a_shared_picture_opens_from_its_link_for_everybody(page):
    page.query_params["steps"] = "2"
    settled(page.run().button(key="go").click().run())
    kept = session.jobs().library.recent(page.session_state["owner"])[0]
    session.jobs().library.share(kept, kept.owner)
    other = elsewhere(f"?picture={kept.id}")
    assert "Somebody on this page shared it." in sentences(other)
    assert not any(button.key == "delete_yes" for button in other.button)


def test_a_deleted_picture_comes_back_with_undo(page):
    page.query_params["steps"] = "2"
    settled(page.run().button(key="go").click().run())
    library, owner = session.jobs().library, page.session_state["owner"]
    page.query_params["picture"] = library.recent(owner)[0].id
    page.run().button(key="delete_yes").click().run()
    assert library.recent(owner) == []
    page.button(key="undo").click().run()
    assert len(library.recent(owner)) == 1


def swept(page):
    """A finished sweep of two cells, and whether its pictures go with the link."""
    page.query_params.update(
        view="Compare", steps="2", x_values="2, 3", y_axis="seed", y_values="5"
    )
    page.run().button(key="run").click().run()
    return finished(page)


def test_a_sweep_travels_with_its_pictures_when_its_owner_says_so(page):
    page = swept(page)
    page.session_state["share_Compare"] = True
    page.run().toggle(key=f"share_{page.session_state['sweep_shown']}").set_value(True).run()
    other = elsewhere(shared(page, "Compare"))
    assert "2 of 2 pictures" in sentences(other)
    assert "1 thing differs: steps." in sentences(other)


def test_the_pictures_of_a_sweep_stay_private_without_a_word(page):
    page = swept(page)
    other = elsewhere(shared(page, "Compare"))
    assert other.text_input(key="x_values").value == "2, 3"
    assert "of 2 pictures" not in sentences(other)


def test_the_rows_of_the_variants_travel_with_the_link(page):
    rows = [{"name": "few", "steps": 3}, {"name": "many", "steps": 30}]
    page.query_params.update(view="Compare", lab="Variants", with_baseline="false", varying="Steps")
    page.query_params["variants"] = json.dumps(rows)
    other = elsewhere(shared(page.run(), "Compare"))
    assert other.session_state["variants_rows"] == rows
    assert "2 pictures" in sentences(other)
    assert "Fair: one thing differs" in sentences(other)


def test_a_table_travels_with_the_link(page):
    page.query_params.update(view="Compare", lab="Table", table="steps\n3\n4\n5\n")
    other = elsewhere(shared(page.run(), "Compare"))
    assert other.text_area(key="table").value == "steps\n3\n4\n5\n"
    assert "3 pictures" in sentences(other)


def test_an_axis_that_was_emptied_stays_empty_under_the_link(page):
    page.query_params.update(view="Compare", x_values="2, 3")
    page.run().selectbox(key="y_axis").select("").run()
    other = elsewhere(shared(page, "Compare"))
    assert other.selectbox(key="y_axis").value == ""
    assert "2 pictures" in sentences(other)


def test_the_mask_travels_with_the_start_image(page, monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page.query_params["backend"] = "a1111"
        page.session_state["start_held"], page.session_state["start_mask_held"] = (
            png(),
            png(colour="white"),
        )
        other = elsewhere(shared(page.run().run()))
    assert (other.session_state["init_bytes"], other.session_state["mask_bytes"]) == (
        png(),
        png(colour="white"),
    )


def test_a_mask_that_is_no_picture_is_never_silently_left_out(page, monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page.query_params["backend"] = "a1111"
        page.session_state["start_held"], page.session_state["start_mask_held"] = (
            png(),
            b"hello, not a picture",
        )
        page.run().button(key="go").click().run()
    assert "The mask is no picture" in sentences(page)
    assert "The mask cannot be used" in sentences(page)


def test_a_start_image_that_is_gone_is_said_and_the_rest_of_the_link_is_there(page):
    page.query_params.update(steps="9")
    page.session_state["start_held"] = png()
    link = shared(page.run().run())
    session.jobs().library.files.remove("inputs", hashlib.sha256(png()).hexdigest())
    other = elsewhere(link)
    assert "start image, mask or control image of this link is gone" in sentences(other)
    assert (other.session_state["init_bytes"], other.slider(key="steps").value) == (b"", 9)


def test_a_link_that_nobody_made_is_said(page):
    page.query_params["link"] = "aaaaaaaa"
    assert "This link is not known here." in sentences(page.run())


HOSTILE = ("1e400", "inf", "nan", "9" * 5000, "", "\x00", "../../etc", "[" * 3000, "-1", "<b>x</b>")
NAMES = (
    *(name for name, knob in KNOBS.items() if knob.is_plain),
    *("style_names", "init_url", "start", "picture", "link", "picked", "find", "whose", "look"),
    *("lab", "varying", "variants", "table", "x_axis", "x_values", "y_scheduler", "own_x"),
)


@pytest.mark.parametrize(
    ("value", "view"),
    crossed(HOSTILE, ("Generate", "Compare", "Sketch", "Library")),
    ids=lambda part: part if part.isalpha() else str(HOSTILE.index(part)),
)
def test_no_link_takes_the_page_away(page, value, view):
    page.query_params.update(dict.fromkeys(NAMES, value) | {"view": view})
    for _ in range(2):
        assert not page.run().exception
    assert page.number_input(key="seed").value >= 0
