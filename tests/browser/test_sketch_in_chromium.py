"""Sketch in a real browser: drawn by mouse, pen, finger and keys, and a picture that follows."""

import base64
import io

import pytest
from PIL import Image

from tests.serving import SLOW

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def sketch(tab, address, query="steps=2"):
    tab.goto(f"{address}?view=Sketch&{query}")
    tab.get_by_label("Drawing", exact=True).wait_for()
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    tab.get_by_label("Pen", exact=True).and_(tab.locator("[aria-pressed]")).wait_for()
    return tab


def points(tab, *shares):
    tab.locator("canvas.ink").scroll_into_view_if_needed()
    box = tab.locator("canvas.ink").bounding_box()
    return [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in shares]


def stroke(tab, *shares):
    start, *way = points(tab, *shares)
    tab.mouse.move(*start)
    tab.mouse.down()
    for point in way:
        tab.mouse.move(*point, steps=6)
    tab.mouse.up()


def screen(tab):
    """The canvas as it stands on the screen."""
    tab.wait_for_timeout(60)
    text = tab.locator("canvas.ink").evaluate("ink => ink.toDataURL()")
    return Image.open(io.BytesIO(base64.b64decode(text.split(",")[1]))).convert("RGB")


def dark(image, x, y):
    return sum(image.getpixel((int(image.width * x), int(image.height * y)))) < 300


def saved(tab):
    """The PNG that Save as PNG gives."""
    with tab.expect_download() as download:
        tab.get_by_label("Save as PNG").click()
    return Image.open(download.value.path()).convert("RGB")


def test_a_stroke_becomes_a_picture_of_the_size_that_is_asked_for(tab, address):
    sketch(tab, address, "steps=2&width=192&height=128")
    stroke(tab, (0.2, 0.5), (0.8, 0.5))
    tab.get_by_role("button", name="Generate from sketch").click()
    result = tab.get_by_role("img", name="Result")
    result.wait_for()
    assert result.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [192, 128]
    picture = saved(tab)
    assert picture.size == (192, 128)
    assert dark(picture, 0.5, 0.5)
    assert not dark(picture, 0.5, 0.2)


def test_live_follows_every_stroke_and_tells_how_long_it_took(tab, address):
    sketch(tab, address, "steps=2&live=true")
    stroke(tab, (0.2, 0.2), (0.8, 0.2))
    tab.get_by_text("s from stroke to picture").wait_for(timeout=SLOW)
    first = tab.locator("figure img").get_attribute("src")
    stroke(tab, (0.2, 0.8), (0.8, 0.8))
    tab.wait_for_function(
        "([selector, before]) => [...document.querySelectorAll('*')].some(each => each.shadowRoot"
        "?.querySelector(selector) && each.shadowRoot.querySelector(selector).src !== before)",
        arg=["figure img", first],
    )


def test_erasing_and_undoing_bring_the_sheet_back(tab, address):
    sketch(tab, address)
    stroke(tab, (0.2, 0.5), (0.8, 0.5))
    assert dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Eraser", exact=True).click()
    stroke(tab, (0.5, 0.3), (0.5, 0.7))
    assert not dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Undo").click()
    assert dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Undo").click()
    assert not dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Redo").click()
    assert dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Clear").click()
    assert not dark(screen(tab), 0.5, 0.5)
    tab.get_by_label("Undo").click()
    assert dark(screen(tab), 0.5, 0.5)


def test_nothing_drawn_is_answered_with_a_sentence(tab, address):
    sketch(tab, address)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_text("Nothing is drawn yet.").wait_for()
