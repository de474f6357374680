"""The tab Film in Chromium: a film is made, stopped, gone on with and played; a morph takes one
click."""

import pytest

from tests.fakes import a1111
from tests.serving import at_last, generated, opened, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def server():
    """It makes three pictures, and works at the fourth until it may make more."""
    with a1111(most=3) as fake:
        yield fake
        fake.most = 99


@pytest.fixture
def slow(browser, tmp_path, server):
    """A page whose films are still at work when somebody stops them, on any machine."""
    process, url = served(tmp_path, SDPLAY_A1111_URL=server.url, SDPLAY_BACKEND="a1111")
    yield f"{url}?view=Film&prompt=a+red+apple&steps=2&width=64&height=64"
    process.kill()
    process.wait()


def name_of_what_is_saved(tab):
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save it").click()
    return download.value.suggested_filename


def href(tab):
    return tab.evaluate("location.href")


def test_a_film_is_made_stopped_and_gone_on_with(slow, server, tab):
    tab.goto(slow)
    tab.get_by_label("Frames", exact=True).fill("6")
    tab.get_by_role("button", name="Make the film").click()
    tab.get_by_text("3 of 6 frames").wait_for()
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_text("3 of 6 frames", exact=True).wait_for()
    server.most = 99
    tab.get_by_role("button", name="Go on").click()
    tab.get_by_text("6 of 6 frames", exact=True).wait_for()
    tab.get_by_role("radio", name="GIF").click()
    # Until the page has heard of the choice, the button has the file of the one before.
    assert at_last(lambda: name_of_what_is_saved(tab), "sdplay-film.gif") == "sdplay-film.gif"


def test_a_strength_morph_takes_one_click_at_a_picture(tab, address):
    pytest.importorskip("imageio_ffmpeg", reason="needs its encoder: pip install '.[video]'")
    generated(opened(tab, f"{address}?steps=2&seed=7"))
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".tiles button").first.click()
    tab.get_by_role("dialog").get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Strength morph").click()
    tab.get_by_text("24 of 24 frames", exact=True).wait_for()
    tab.locator("video").wait_for()
    tab.get_by_role("tab", name="Film", selected=True).wait_for()


def test_what_was_set_outlasts_a_reload(tab, address):
    tab.goto(f"{address}?view=Film")
    count, zoom = tab.get_by_label("Frames", exact=True), tab.get_by_role("slider", name="Zoom")
    count.fill("60")
    count.press("Enter")
    zoom.focus()
    tab.keyboard.press("End")
    assert at_last(lambda: "reel_zoom=1.25" in href(tab), True)
    tab.get_by_role("radio", name="Two prompts").click()
    last = tab.get_by_role("textbox", name="Prompt of the last frame")
    last.fill("a blue owl")
    last.press("Enter")
    assert at_last(lambda: "reel_prompt=a+blue+owl" in href(tab), True)
    tab.reload()
    assert at_last(last.input_value, "a blue owl") == "a blue owl"
    assert at_last(count.input_value, "60") == "60"
    tab.get_by_role("radio", name="Frame to frame").click()
    assert at_last(zoom.input_value, "1.25") == "1.25"


@pytest.mark.parametrize("height", [128, 192])
def test_a_film_is_seen_whole_in_a_window_of_a_laptop(tab, address, height):
    tab.goto(f"{address}?view=Film&prompt=a+red+apple&steps=2&width=128&height={height}")
    tab.get_by_label("Frames", exact=True).fill("2")
    tab.get_by_role("button", name="Make the film").click()
    tab.get_by_text("2 of 2 frames", exact=True).wait_for()
    film = tab.locator(".st-key-reel_picture").locator("img, video").first

    def end():
        box = film.bounding_box() or {"y": 0, "height": 0}
        return box["y"] + box["height"] if box["height"] > 300 else 0

    assert at_last(lambda: 500 < end() <= 900, True)
