"""The tab Film in Chromium: a film is made, stopped, gone on with and played; a morph takes one
click."""

import pytest

from tests.serving import at_last, generated, opened

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_film_is_made_stopped_and_gone_on_with(tab, address):
    tab.goto(f"{address}?view=Film&prompt=a+red+apple&steps=2")
    tab.get_by_label("Frames", exact=True).fill("60")
    tab.get_by_role("button", name="Make the film").click()
    # While a slow page is drawn anew, what stood there stands beside what comes.
    tab.get_by_role("button", name="Cancel").first.click()
    tab.get_by_role("button", name="Go on").first.click()
    tab.get_by_text("60 of 60 frames", exact=True).first.wait_for()
    tab.get_by_role("radio", name="GIF").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save it").click()
    assert download.value.suggested_filename == "sdplay-film.gif"


def test_a_strength_morph_takes_one_click_at_a_picture(tab, address):
    pytest.importorskip("imageio_ffmpeg", reason="needs its encoder: pip install '.[video]'")
    generated(opened(tab, f"{address}?steps=2&seed=7"))
    tab.get_by_role("tab", name="Library").click()
    tab.locator(".tiles button").first.click()
    tab.get_by_role("dialog").get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Strength morph").click()
    tab.get_by_text("24 of 24 frames", exact=True).first.wait_for()
    tab.locator("video").first.wait_for()
    assert tab.get_by_role("tab", name="Film").get_attribute("aria-selected") == "true"


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
