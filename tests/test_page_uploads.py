"""Pictures given to the form: another one in the place of the first, as a browser does it, which
takes the first one away before it sends the next."""

import base64

import pytest

from tests.fakes import a1111, png
from tests.paging import settled
from tests.serving import forked
from tests.visiting import Visitor


@pytest.fixture
def webui(monkeypatch):
    with a1111(extras=("controlnet",)) as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        monkeypatch.setenv("SDPLAY_BACKEND", "a1111")
        yield server


def uploader(page, label):
    return next(each for each in page.file_uploader if each.label == label)


def give(page, label, colour):
    uploader(page, label).set_value((f"{colour}.png", png((64, 64), colour), "image/png"))
    return page.run()


def exchange(page, label, colour):
    uploader(page, label).set_value(None)
    return give(page.run(), label, colour)


def body(page, webui):
    """What the server is asked for now."""
    settled(page.button(key="go").click().run())
    return webui.requests()[-1]


def encoded(colour):
    return base64.b64encode(png((64, 64), colour)).decode()


def test_another_start_image_keeps_the_mask(page, webui):
    give(give(page.run(), "Start image", "red"), "Mask", "white")
    body_before = body(page, webui)
    assert "mask" in body_before
    exchange(page, "Start image", "green")
    now = body(page, webui)
    assert now["mask"] == body_before["mask"]
    assert now["init_images"] != body_before["init_images"]


def test_the_mask_goes_with_its_start_image_where_that_is_removed(page, webui):
    give(give(page.run(), "Start image", "red"), "Mask", "white")
    page.button(key="init_remove").click().run()
    give(page, "Start image", "green")
    assert not body(page, webui).get("mask")


def test_another_guide_picture_keeps_its_settings_and_the_guides_after_it(page, webui):
    give(give(page.run(), "Guide picture 1", "red"), "Guide picture 2", "blue")
    next(each for each in page.slider if each.label == "Weight").set_value(0.6).run()
    exchange(page, "Guide picture 1", "green")
    units = body(page, webui)["alwayson_scripts"]["controlnet"]["args"]
    assert [(unit["image"], unit["weight"]) for unit in units] == [
        (encoded("green"), 0.6),
        (encoded("blue"), 1.0),
    ]


def test_a_guide_picture_of_before_a_reload_can_be_removed(page, webui):
    give(give(page.run(), "Guide picture 1", "red"), "Guide picture 2", "blue")
    page.session_state["control_held"] = page.session_state["control_units"]
    page.session_state["control_round"] = 1
    page.run()
    page.button(key="control_1_1_remove").click().run()
    (unit,) = body(page, webui)["alwayson_scripts"]["controlnet"]["args"]
    assert unit["image"] == encoded("blue")


def test_the_address_names_the_same_picture_given_again_though_the_browser_is_late(tmp_path):
    process, url = forked(tmp_path)
    try:
        with Visitor(url) as visitor:
            assert visitor.upload(png((64, 64), "red"), "init_file_0") == 204
            address = visitor.run().said
            visitor.take_back("init_file_0")
            assert "start=" not in visitor.run().said
            visitor.upload(png((64, 64), "red"), "init_file_0")
            assert visitor.run(address).said == address
            assert "start=" in address
    finally:
        process.terminate()
        process.wait()
