"""Our own components in a real browser: by mouse, by touch and by keyboard, and nothing asked from
elsewhere."""

from pathlib import Path

import pytest

from tests.serving import CHROMIUM, FLAGS, SLOW, served

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need playwright: pip install '.[dev]'"
)
pytestmark = [
    pytest.mark.skipif(
        not CHROMIUM, reason="the browser tests need Chromium, Debian's package chromium"
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    process, url = served(
        tmp_path_factory.mktemp("home"), Path(__file__).parent / "components_page.py"
    )
    yield url
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """A fresh browser profile; what failed to load or complained is an error at the end."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, has_touch=True)
    context.set_default_timeout(SLOW)
    page = context.new_page()
    trouble = []
    page.on("requestfailed", lambda request: trouble.append(request.url))
    page.on(
        "console", lambda message: trouble.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield page
    context.close()
    assert trouble == []


def looked(page, url, mode):
    """The viewer in one of its modes, both pictures drawn."""
    page.goto(f"{url}?mode={mode}")
    page.locator(f".viewer[data-mode='{mode}']").wait_for(timeout=SLOW)
    page.wait_for_function("""() => [...document.querySelectorAll("*")].some(each =>
        each.shadowRoot?.querySelector(".viewer")?.style.getPropertyValue("--ratio"))""")
    return page.locator(".viewer")


def at(page, share, down=0.5):
    """A point of the stage."""
    box = page.locator(".stage").bounding_box()
    return box["x"] + box["width"] * share, box["y"] + box["height"] * down


def line(page):
    """Where the slider's line stands."""
    return int(page.get_by_role("slider").get_attribute("aria-valuenow"))


def zoom(page):
    """What the viewer says about its zoom."""
    return page.locator(".whole").inner_text()


def test_the_line_follows_the_mouse(tab, address):
    looked(tab, address, "slider")
    tab.mouse.move(*at(tab, 0.5))
    tab.mouse.down()
    tab.mouse.move(*at(tab, 0.2), steps=5)
    tab.mouse.up()
    tab.mouse.move(*at(tab, 0.9))
    assert line(tab) == 20


def test_the_line_follows_the_keyboard(tab, address):
    looked(tab, address, "slider")
    tab.get_by_role("slider").focus()
    seen = []
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "Home", "End"):
        tab.keyboard.press(key)
        seen.append(line(tab))
    assert seen == [52, 50, 48, 0, 100]


def test_the_line_follows_a_finger(tab, address):
    looked(tab, address, "slider")
    tab.touchscreen.tap(*at(tab, 0.75))
    assert line(tab) == 75


def test_labels_are_text_never_markup(tab, address):
    shown = looked(tab, address, "slider")
    assert shown.locator(".labels .one").inner_text() == "Euler <b>20</b>"
    assert shown.locator(".labels b").count() == 0


@pytest.mark.parametrize("mode", ["slider", "side by side", "blink", "onion", "difference"])
def test_both_labels_are_seen_in_every_mode(tab, address, mode):
    shown = looked(tab, address, mode)
    assert shown.locator(".labels .one").is_visible()
    assert shown.locator(".labels .other").is_visible()


def test_blinking_stops_with_space_and_goes_on_with_a_click(tab, address):
    shown = looked(tab, address, "blink")
    shown.locator(".stage.second").wait_for()
    shown.locator(".stage").press(" ")
    before = shown.locator(".labels .shown").inner_text()
    tab.wait_for_timeout(1500)
    assert shown.locator(".labels .shown").inner_text() == before
    tab.mouse.click(*at(tab, 0.5))
    shown.locator(".stage:not(.second)").wait_for()


def test_arrows_choose_the_picture_while_blinking(tab, address):
    shown = looked(tab, address, "blink")
    shown.locator(".stage").press("ArrowRight")
    assert shown.locator(".labels .shown").inner_text() == "DDIM 20"
    shown.locator(".stage").press("ArrowLeft")
    assert shown.locator(".labels .shown").inner_text() == "Euler <b>20</b>"


def test_keys_and_buttons_zoom_and_a_double_click_resets(tab, address):
    shown = looked(tab, address, "side by side")
    shown.locator(".stage").press("+")
    tab.get_by_label("Zoom in").click()
    assert zoom(tab) == "225 %"
    assert shown.locator(".stage.pixels").count() == 1
    tab.get_by_label("Zoom out").click()
    assert shown.locator(".stage.pixels").count() == 0
    tab.mouse.dblclick(*at(tab, 0.25))
    assert zoom(tab) == "100 %"


def test_the_wheel_zooms_both_pictures_around_the_pointer(tab, address):
    shown = looked(tab, address, "side by side")
    tab.mouse.move(*at(tab, 0.2))
    tab.mouse.move(*at(tab, 0.0625, 0.125))
    tab.mouse.wheel(0, -100)
    shown.locator(".stage.zoomed").wait_for()
    places = shown.locator("img").evaluate_all(
        "all => all.slice(0, 2).map(one => getComputedStyle(one).transform)"
    )
    assert places[0] == places[1] != "none"


def test_the_wheel_scrolls_the_page_at_full_view(tab, address):
    looked(tab, address, "onion")
    tab.mouse.move(*at(tab, 0.4))
    tab.mouse.move(*at(tab, 0.5))
    tab.mouse.wheel(0, 100)
    tab.wait_for_timeout(200)
    assert zoom(tab) == "100 %"


def test_a_drag_moves_what_is_zoomed(tab, address):
    shown = looked(tab, address, "onion")
    shown.locator(".stage").press("+")
    before = shown.locator(".one img").bounding_box()
    tab.mouse.move(*at(tab, 0.5))
    tab.mouse.down()
    tab.mouse.move(*at(tab, 0.6), steps=4)
    tab.mouse.up()
    assert shown.locator(".one img").bounding_box()["x"] > before["x"] + 20


def test_zoom_stays_when_the_mode_changes(tab, address):
    shown = looked(tab, address, "slider")
    shown.get_by_role("slider").press("+")
    tab.get_by_role("radio", name="onion").click()
    tab.locator(".viewer[data-mode='onion']").wait_for(timeout=SLOW)
    assert zoom(tab) == "150 %"


def test_the_fade_of_the_onion_skin_is_a_slider(tab, address):
    shown = looked(tab, address, "onion")
    shown.get_by_label("Opacity of DDIM 20").press("End")
    assert shown.locator(".pane.other").evaluate("pane => getComputedStyle(pane).opacity") == "1"


@pytest.mark.parametrize("mode", ["slider", "side by side", "onion"])
def test_two_fingers_zoom(tab, address, mode):
    shown = looked(tab, address, mode)
    touch = tab.context.new_cdp_session(tab)
    for kind, apart in (("touchStart", 0.1), ("touchMove", 0.2), ("touchMove", 0.3)):
        fingers = [
            dict(zip("xy", at(tab, 0.5 + side * apart), strict=True), id=side + 1)
            for side in (-1, 1)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert shown.locator(".stage.pixels").count() == 1


def filmed(page, url):
    """The filmstrip, drawn."""
    page.goto(f"{url}?show=film")
    page.locator(".film .said").wait_for(timeout=SLOW)
    page.locator(".track img.current").first.wait_for(timeout=SLOW)
    return page.locator(".film")


def current(film):
    """Which frame of each run is marked in its row."""
    return film.locator(".track").evaluate_all(
        "rows => rows.map(row => [...row.children].findIndex(each => "
        "each.classList.contains('current')))"
    )


def test_the_filmstrip_opens_where_the_first_run_ends(tab, address):
    film = filmed(tab, address)
    assert current(film) == [4, 4]
    said = (
        "Step 5 of 9: noise 1.26. Euler <i>5</i> is finished here; Euler 9 still has "
        "noise 0.67: stopping early is not"
    )
    assert film.locator(".said").inner_text() == f"{said} the same."
    assert film.locator(".end").evaluate_all("all => all.map(each => !each.hidden)") == [
        True,
        False,
    ]


def test_arrow_keys_scrub_all_rows(tab, address):
    film = filmed(tab, address)
    seen = []
    for key in ("ArrowLeft", "Home", "ArrowRight", "End"):
        tab.get_by_label("Scrubber").press(key)
        seen.append(current(film))
    assert seen == [[3, 3], [0, 0], [1, 1], [4, 8]]


def test_big_frames_follow_the_scrubber(tab, address):
    film = filmed(tab, address)
    before = film.locator(".now img").nth(1).get_attribute("src")
    tab.get_by_label("Scrubber").press("End")
    assert film.locator(".now img").nth(1).get_attribute("src") != before
    assert (
        "step\N{NO-BREAK SPACE}9\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}9"
        in film.locator(".now").inner_text()
    )


def test_a_drag_over_the_rows_scrubs(tab, address):
    film = filmed(tab, address)
    box = film.locator(".tracks").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=4)
    tab.mouse.up()
    assert current(film) == [4, 8]


def test_runs_line_up_by_noise_and_by_seconds(tab, address):
    film = filmed(tab, address)
    tab.get_by_label("Scrubber").press("Home")
    tab.get_by_label("Scrubber").press("ArrowRight")
    tab.get_by_label("Scrubber").press("ArrowRight")
    tab.get_by_role("radio", name="Noise level").check()
    assert current(film) == [1, 2]
    tab.get_by_label("Seconds").check()
    assert (
        film.locator(".said").inner_text()
        == "After 0.30 s: Euler <i>5</i> at step 1 of 5 and Euler 9 at step 3 of 9."
    )
    assert current(film) == [0, 2]


def test_noisy_shows_what_the_model_was_given(tab, address):
    film = filmed(tab, address)
    clean = film.locator(".track img").first.get_attribute("src")
    tab.get_by_label("Noisy").check()
    assert film.locator(".track img").first.get_attribute("src") != clean


def test_play_runs_to_the_end_and_stops(tab, address):
    film = filmed(tab, address)
    tab.get_by_label("Play").click()
    tab.get_by_label("Pause").wait_for()
    tab.get_by_label("Play").wait_for()
    assert current(film) == [4, 8]


def test_the_drawing_marks_where_each_run_stands(tab, address):
    film = filmed(tab, address)
    tab.get_by_label("Scrubber").press("Home")
    first = film.locator(".dot").nth(1).get_attribute("cx")
    tab.get_by_label("Scrubber").press("End")
    assert float(film.locator(".dot").nth(1).get_attribute("cx")) > float(first)
    assert film.locator(".curve").count() == 2


@pytest.mark.parametrize(
    "query", ["show=film", "mode=slider", "mode=side by side", "mode=onion", "mode=blink"]
)
def test_no_component_is_wider_than_a_phone(browser, address, query):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{address}?{query}")
    page.locator(".film .said, .viewer .labels").first.wait_for(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
