"""Flipbook and sorting in a real browser: by mouse, wheel, keys and finger, and what Python hears
of it."""

import json
from pathlib import Path

import pytest

from tests.browser.test_axe_in_chromium import violations
from tests.serving import SLOW, at_last, served

HAND = 60
"""Milliseconds between two places of a swipe: after one without any, which no hand makes, Chromium
swallows the next tap as the end of a fling."""
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def components(browser, tmp_path_factory):
    script = Path(__file__).parent / "components_page.py"
    process, url = served(tmp_path_factory.mktemp("home"), script)
    yield url
    process.terminate()
    process.wait()


@pytest.fixture
def phone(browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    context.set_default_timeout(SLOW)
    yield context.new_page()
    context.close()


def book(tab, url):
    tab.goto(f"{url}?show=flip")
    tab.locator(".flipbook img[src]").wait_for()
    return tab.locator(".flipbook")


def name(tab):
    return tab.locator(".flipbook .name").inner_text()


def middle(tab):
    box = tab.locator(".flipbook .stage").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_arrow_keys_turn_along_both_axes(tab, components):
    book(tab, components)
    tab.locator(".flipbook .stage").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        tab.keyboard.press(key)
    assert name(tab) == "2 steps · CFG 1"
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowRight")
    assert name(tab) == "4 steps · CFG 1"


def test_the_sliders_say_their_value_and_move_by_keys(tab, components):
    book(tab, components)
    slider = tab.get_by_role("slider", name="CFG")
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert (name(tab), slider.get_attribute("aria-valuetext")) == ("1 steps · CFG 1", "1")


def test_the_wheel_turns_pages_and_at_the_end_scrolls_on(tab, components):
    book(tab, components)
    x, y = middle(tab)
    tab.mouse.move(x - 5, y)
    tab.mouse.move(x, y)
    tab.mouse.wheel(0, 80)
    assert at_last(lambda: name(tab), "3 steps · CFG 0") == "3 steps · CFG 0"
    tab.mouse.wheel(0, -400)
    assert at_last(lambda: name(tab), "1 steps · CFG 0") == "1 steps · CFG 0"


def test_a_drag_leafs_through(tab, components):
    book(tab, components)
    x, y = middle(tab)
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 130, y, steps=6)
    tab.mouse.up()
    assert name(tab) == "3 steps · CFG 0"


def test_a_finger_leafs_through_and_taps_the_buttons(phone, components):
    book(phone, components)
    x, y = middle(phone)
    touch = phone.context.new_cdp_session(phone)
    for kind, across in (("Start", 0), ("Move", 30), ("Move", 70), ("Move", 125), ("End", None)):
        points = [] if across is None else [{"x": x + across, "y": y}]
        phone.wait_for_timeout(HAND)
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    assert at_last(lambda: name(phone), "3 steps · CFG 0") == "3 steps · CFG 0"
    phone.locator(".flipbook .reject").tap()
    phone.get_by_text("Rejected: [(2, 0)]").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_plays_along_an_axis_until_it_is_stopped(tab, components):
    book(tab, components)
    tab.get_by_role("button", name="Play along Steps").click()
    assert at_last(lambda: name(tab), "3 steps · CFG 0") == "3 steps · CFG 0"
    tab.get_by_role("button", name="Stop along Steps").click()
    assert tab.get_by_role("button", name="Play along Steps").count() == 1


def test_to_reject_a_picture_stops_the_play(tab, components):
    book(tab, components)
    tab.get_by_role("button", name="Play along Steps").click()
    assert at_last(lambda: name(tab), "3 steps · CFG 0") == "3 steps · CFG 0"
    tab.locator(".flipbook .reject").click()
    tab.get_by_role("button", name="Play along Steps").wait_for()
    assert tab.locator(".flipbook.rejected").count() == 1


def test_the_large_picture_takes_the_thumbnails_place_and_neighbours_come_with_it(tab, components):
    book(tab, components)
    wide = "() => [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)"
    image = f"{wide}.map(s => s.querySelector('.flipbook img')).find(Boolean).naturalWidth"
    assert at_last(lambda: tab.evaluate(image), 512) == 512
    assert at_last(lambda: tab.evaluate("window.sdplayPictures.size"), 4) == 4
    tab.locator(".flipbook .stage").focus()
    tab.keyboard.press("ArrowRight")
    assert at_last(lambda: tab.evaluate(image), 512) == 512


def test_x_rejects_and_takes_back(tab, components):
    book(tab, components)
    tab.locator(".flipbook .stage").focus()
    tab.keyboard.press("x")
    tab.get_by_text("Rejected: [(0, 0)]").wait_for()
    assert tab.locator(".flipbook.rejected .reject").inner_text() == "Take back"
    tab.keyboard.press("x")
    tab.get_by_text("Rejected: [].").wait_for()


def test_the_buttons_name_the_picture_that_is_open(tab, components):
    book(tab, components)
    tab.get_by_role("slider", name="Steps").press("End")
    tab.get_by_role("button", name="Beside A").click()
    tab.get_by_text("beside (3, 0)").wait_for()


def sieve(tab, url):
    tab.goto(f"{url}?show=sift")
    tab.locator(".sift .tile img[src]").first.wait_for()
    return tab.locator(".sift")


def order(tab):
    return tab.locator(".sift .tiles:not(.rejected) .name").all_inner_texts()


def test_pictures_are_sorted_and_kept_within_bounds(tab, components):
    sieve(tab, components)
    tab.get_by_label("Sort by").select_option(label="Seconds")
    assert order(tab) == [f"picture {at}" for at in (1, 3, 0, 2)]
    tab.get_by_role("button", name="Smallest first").click()
    assert order(tab) == [f"picture {at}" for at in (0, 3, 1, 2)]
    tab.get_by_label("Keep", exact=True).select_option(label="Seconds")
    tab.get_by_label("from").fill("0.15")
    assert order(tab) == ["picture 0", "picture 3"]
    tab.get_by_role("button", name="Reject the other 2").click()
    tab.get_by_text("Rejected: [(1,), (2,)]").wait_for()
    tab.get_by_text("2 rejected").click()
    tab.get_by_role("button", name="Take back picture 1").click()
    tab.get_by_text("Rejected: [(2,)]").wait_for()


def test_a_picture_is_rejected_by_key_and_the_next_one_has_the_focus(tab, components):
    sieve(tab, components)
    tab.locator(".sift .tile .look").nth(1).focus()
    tab.keyboard.press("Delete")
    tab.get_by_text("Rejected: [(1,)]").wait_for()
    tab.keyboard.press("x")
    tab.get_by_text("Rejected: [(1,), (2,)]").wait_for()


def test_a_number_that_takes_a_while_is_asked_for_once_it_is_needed(tab, components):
    sieve(tab, components)
    tab.get_by_label("Sort by").select_option(label="Stars")
    tab.get_by_text("wanted stars").wait_for()


def test_a_finger_rejects_and_nothing_overflows_on_a_phone(phone, components):
    sieve(phone, components)
    phone.get_by_role("button", name="Reject picture 1").tap()
    phone.get_by_text("Rejected: [(1,)]").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_sweep_is_leafed_through_and_the_rest_saved_as_a_plan(tab, address):
    tab.goto(f"{address}?view=Compare&steps=2&x_values=1,2,3,4&y_axis=&scheduler=euler")
    tab.locator(".st-key-run button").click()
    tab.get_by_text("Take it away").wait_for()
    tab.locator("button", has_text="Flipbook").first.click()
    tab.locator(".flipbook img[src]").wait_for()
    tab.locator(".flipbook .stage").focus()
    tab.keyboard.press("ArrowRight")
    assert name(tab) == "2 steps"
    tab.keyboard.press("x")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Plan of the other 3 pictures").click()
    plan = json.loads(saved.value.path().read_text())["plan"]
    assert plan["axes"] == [{"axis": "steps", "values": [1, 3, 4]}]
    tab.locator(".flipbook .details").click()
    tab.get_by_role("button", name="Use these settings").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("show", [book, sieve])
def test_nothing_keeps_anybody_out(browser, components, show, scheme):
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    show(page, components)
    page.locator(".flipbook .reject, .sift .tile .out").first.click()
    page.get_by_text("Rejected: [(0").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert violations(page) == []
    context.close()
