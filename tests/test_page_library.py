"""The library's logic on the page, without a browser."""

import io
import sqlite3
from contextlib import closing

import pytest
from PIL import Image, PngImagePlugin

from sdplay.ui import session
from tests.fakes import png
from tests.making import finished
from tests.paging import sentences, settled

SMALL = {"prompt": "a red apple, 3d style", "width": 128, "height": 128, "cfg": 5.0}
INFOTEXT = (
    "a fox\nNegative prompt: dark\nSteps: 21, Sampler: Euler a, CFG scale: 6.5, "
    "Seed: 12, Size: 128x128"
)


@pytest.fixture
def stocked(page):
    """A page whose owner has three pictures."""
    owner = page.run().session_state["owner"]
    for seed in (1, 2, 3):
        session.jobs().library.save(finished(steps=1, seed=seed, **SMALL), owner)
    page.session_state["view"] = "Library"
    return page.run()


def mine(page):
    return session.jobs().library.recent(page.session_state["owner"])


def foreign(text):
    kept, told = io.BytesIO(), PngImagePlugin.PngInfo()
    told.add_text("parameters", text)
    Image.new("RGB", (64, 64), "red").save(kept, "PNG", pnginfo=told)
    return kept.getvalue()


def test_everything_made_is_there_with_its_total(page):
    page.run().slider(key="steps").set_value(1)
    for seed in (1, 2, 3):
        page.number_input(key="seed").set_value(seed)
        settled(page.button(key="go").click().run())
    page.session_state["view"] = "Library"
    assert not page.run().exception
    assert "3 pictures ·" in sentences(page)


def test_a_picture_whose_record_is_damaged_is_told_to_its_owner(stocked):
    library, lost = session.jobs().library, mine(stocked)[0]
    library.files.place("records", lost.id).write_bytes(b"{")
    with closing(sqlite3.connect(library.home / "library.db")) as database, database:
        database.execute("UPDATE records SET record = '{' WHERE at = ?", (lost.at,))

    stocked.run()

    assert not stocked.exception
    assert "1 picture cannot be listed: the record is damaged." in sentences(stocked)
    assert len(mine(stocked)) == 2


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("seed=2", "1 picture ·"),
        ("seed=2..3", "2 pictures ·"),
        ("zebra", "Nothing fits"),
        ("bogus=1", "no setting called"),
    ],
)
def test_the_search_reads_words_and_settings(stocked, asked, told):
    stocked.text_input(key="find").set_value(asked).run()
    assert told in sentences(stocked)


def test_the_bin_gives_back(stocked):
    kept = mine(stocked)[0]
    session.jobs().library.delete(kept, kept.owner)
    stocked.session_state["whose"] = "bin"
    assert "1 picture ·" in sentences(stocked.run())
    session.jobs().library.restore(kept, kept.owner)
    assert "The bin is empty" in sentences(stocked.run())


def test_two_picked_pictures_are_compared_fairly(stocked):
    stocked.session_state["picked"] = [kept.id for kept in mine(stocked)[:2]]
    stocked.toggle(key="choosing").set_value(True).run()
    assert "1 thing differs: seed." in sentences(stocked)


def test_one_click_brings_the_fair_counterpart_into_the_form(stocked):
    one = mine(stocked)[0]
    other = session.jobs().library.save(finished(steps=9, seed=8, **SMALL), one.owner)
    stocked.session_state["picked"] = [one.id, other.id]
    stocked.toggle(key="choosing").set_value(True).run()
    stocked.button(key="two_lock_steps").click().run()
    assert (stocked.slider(key="steps").value, stocked.number_input(key="seed").value) == (
        9,
        one.params.seed,
    )


def test_chosen_pictures_are_deleted_at_once_and_come_back(stocked):
    stocked.session_state["picked"] = [kept.id for kept in mine(stocked)[:2]]
    stocked.toggle(key="choosing").set_value(True).run()
    stocked.button(key="chosen_delete").click().run()
    assert len(mine(stocked)) == 1
    stocked.button(key="undo").click().run()
    assert len(mine(stocked)) == 3


def test_a_filter_writes_the_search(stocked):
    stocked.session_state["filter"] = True
    stocked.run().selectbox(key="filter_name").select("seed")
    stocked.session_state["filter"] = True
    stocked.run().button_group(key="filter_value").set_value(2)
    stocked.session_state["filter"] = True
    stocked.run()
    assert stocked.text_input(key="find").value == "seed=2"
    assert "1 picture ·" in sentences(stocked)


def test_a_picture_from_elsewhere_fills_the_form(page):
    page.query_params.update(view="Library")
    page.run()
    page.file_uploader(key="foreign").set_value(("fox.png", foreign(INFOTEXT), "image/png")).run()
    page.button(key="foreign_use").click().run()
    assert (page.slider(key="steps").value, page.number_input(key="seed").value) == (21, 12)
    assert page.selectbox(key="scheduler").value == "euler_a"


def test_a_picture_from_elsewhere_can_be_kept(page):
    page.query_params.update(view="Library")
    page.run()
    page.file_uploader(key="foreign").set_value(("fox.png", foreign(INFOTEXT), "image/png")).run()
    page.button(key="foreign_keep").click().run()
    assert [kept.params.prompt for kept in mine(page)] == ["a fox"]


def test_a_stranger_sees_nothing_until_it_is_shared(stocked):
    library = session.jobs().library
    kept = mine(stocked)[0]
    assert library.total("", "stranger").count == 0
    library.share(kept, kept.owner)
    stocked.session_state["whose"] = "shared"
    assert "1 picture ·" in sentences(stocked.run())


def test_all_that_differ_in_one_thing_are_a_click_away_and_a_link(page):
    library, owner = session.jobs().library, page.run().session_state["owner"]
    base = library.save(finished(steps=1, seed=5, **SMALL), owner)
    for steps in range(2, 16):
        library.save(finished(steps=steps, seed=5, **SMALL), owner)
    page.query_params["picture"] = base.id
    page.run().button(key="near_all").click().run()
    assert "Each differs in exactly one thing from this one: 14 pictures ·" in sentences(page)


def test_a_picture_and_what_was_painted_over_it_lead_to_each_other(page):
    library, owner = session.jobs().library, page.run().session_state["owner"]
    source = library.save(finished(steps=1, seed=5, **SMALL), owner)
    over = finished(steps=1, seed=6, init=library.data(source), **SMALL)
    painted = library.save(over, owner)
    page.query_params["picture"] = source.id
    assert "Made from it:" in sentences(page.run())
    page.query_params["picture"] = painted.id
    text = sentences(page.run())
    assert "Made from:" in text
    assert "Made from it:" not in text


def test_a_link_to_what_differs_from_a_private_picture_says_so(page):
    page.query_params.update(view="Library", find="near=0123456789abcdef")
    assert "its owner keeps it private" in sentences(page.run())


def test_a_foreign_pictures_settings_are_used_and_what_does_not_fit_is_said(page):
    text = (
        "a hill\nSteps: 7, Sampler: Euler, CFG scale: 6, Seed: 5, Size: 832x1216, "
        "Model: gone, Clip skip: 2, Version: v1.10.1"
    )
    page.query_params["view"] = "Library"
    page.run().session_state["read_picture_0"] = True
    page.run().file_uploader(key="foreign").set_value(
        ("theirs.png", png((832, 1216), text=text), "image/png")
    ).run()
    page.button(key="foreign_use").click().run()
    assert page.toast[0].value == "Its settings are in the form."
    assert page.session_state["read_picture_1"] is False
    assert (page.session_state["steps"], page.session_state["scheduler"]) == (7, "euler")
    told = sentences(page)
    assert "instead of 832 × 1216" in told
    assert "no such setting: Model gone; Clip skip 2." in told
    assert page.query_params["prompt"] == "a hill"


def test_one_setting_of_a_picture_goes_into_the_form_alone(stocked):
    picture = mine(stocked)[0]
    stocked.query_params["picture"] = picture.id
    stocked.run()
    stocked.pills(key=f"recall_{picture.id}").set_value("cfg").run()
    assert "picture" not in stocked.query_params
    form = {name: stocked.session_state[name] for name in ("cfg", "prompt", "steps", "seed")}
    assert form == {
        "cfg": 5.0,
        "prompt": "a frog on a blue background",
        "steps": 20,
        "seed": 7,
    }


def test_a_recalled_size_that_the_model_cannot_make_is_told(stocked):
    owner = stocked.session_state["owner"]
    large = session.jobs().library.save(finished(prompt="x", width=512, height=256), owner)
    stocked.query_params["picture"] = large.id
    stocked.run()
    stocked.pills(key=f"recall_{large.id}").set_value("size").run()
    assert "A value of the picture does not fit here" in sentences(stocked)
    size = (stocked.session_state["width"], stocked.session_state["height"])
    assert size[0] == 2 * size[1]
