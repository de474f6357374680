"""Generate in a real browser: the first screen, larger pictures, colours, and a phone's reach."""

import re
import time

import pytest

from tests.serving import SLOW, at_last, generated, opened

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def phone(browser):
    context = browser.new_context(**PHONE)
    context.set_default_timeout(SLOW)
    yield context.new_page()
    context.close()


def resting(page):
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)


def listening(page):
    """The script that enlarges pictures hears clicks: it may come after all that is drawn."""
    page.wait_for_function("() => window.sdplayEnlarge", timeout=SLOW)


def background(page):
    return page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")


def larger(page):
    return page.locator(".larger")


def grown_by(page, act):
    """Act until a picture has grown, and where it stands: a run that comes in between draws the
    strip anew."""
    until = time.monotonic() + SLOW / 1000
    while time.monotonic() < until:
        act()
        page.wait_for_timeout(500)
        if larger(page).is_visible() and (box := larger(page).bounding_box()):
            return box
    raise AssertionError("no picture grew")


def strip(page, address, seeds=(1, 2)):
    """A strip of recent pictures."""
    for seed in seeds:
        opened(page, f"{address}?steps=2&seed={seed}")
        generated(page)
    return page.locator(".st-key-recent .tiles button")


def in_one_row(page, keys):
    """Whether these buttons are there and stand at one height."""
    boxes = [page.locator(f".st-key-{key} button:visible").first.bounding_box() for key in keys]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    return len(middles) == len(keys) and max(middles) - min(middles) < 4


def test_a_newcomer_sees_a_finished_picture_and_what_to_try(tab, address):
    opened(tab, address)
    tab.get_by_text("the same one is made here, pixel by pixel").wait_for()
    box = tab.locator(".st-key-stage [data-testid=stImage] img").bounding_box()
    assert box["y"] < 450
    assert box["width"] > 400


@pytest.mark.parametrize(("width", "most"), [(1440, 275), (1280, 310)])
def test_the_picture_begins_below_two_rows_of_the_prompt(tab, address, width, most):
    tab.set_viewport_size({"width": width, "height": 900})
    opened(tab, address)
    tab.get_by_text("1 picture, 40 model evaluations").wait_for()
    picture = tab.locator(".st-key-stage [data-testid=stImage] img")
    assert at_last(lambda: picture.bounding_box()["y"] < most, True)
    assert at_last(lambda: in_one_row(tab, ("ideas", "surprise", "go")), True)


def test_pictures_of_one_prompt_and_the_dice_have_names_of_their_own(tab, address):
    tiles = strip(tab, address, (71, 72))
    tiles.nth(1).wait_for(timeout=SLOW)
    names = tiles.evaluate_all("all => all.map(each => each.ariaLabel)")
    assert len(set(names)) == len(names)
    assert tab.get_by_role("button", name="New random seed", exact=True).is_visible()


def test_the_price_of_one_picture_follows_the_form(tab, address):
    opened(tab, address)
    tab.get_by_text("1 picture, 40 model evaluations").wait_for()
    tab.locator(".st-key-steps [data-testid=stSlider] input, .st-key-steps [role=slider]").focus()
    tab.keyboard.press("ArrowRight")
    tab.get_by_text("1 picture, 42 model evaluations").wait_for(timeout=SLOW)


def test_a_button_changes_the_colours_and_the_choice_and_the_form_stay(tab, address):
    opened(tab, address)
    light = background(tab)
    tab.get_by_label("Prompt", exact=True).fill("two owls")
    tab.get_by_role("button", name="Dark colours").click()
    tab.get_by_role("button", name="Light colours").wait_for(timeout=SLOW)
    assert background(tab) != light
    resting(tab)
    prompt = tab.get_by_label("Prompt", exact=True)
    assert at_last(prompt.input_value, "two owls") == "two owls"
    tab.reload()
    tab.get_by_role("button", name="Light colours").press("Enter")
    tab.get_by_role("button", name="Dark colours").wait_for(timeout=SLOW)
    assert at_last(lambda: background(tab), light) == light


def test_a_picture_grows_under_the_pointer_and_under_the_keyboard(tab, address):
    tiles = strip(tab, address)
    resting(tab)
    grown = grown_by(tab, lambda: (tab.mouse.move(5, 5), tiles.nth(1).hover()))
    assert grown["width"] > 2 * tiles.nth(1).bounding_box()["width"]
    tab.mouse.move(5, 5)
    larger(tab).wait_for(state="hidden", timeout=SLOW)
    grown_by(tab, lambda: (tiles.first.focus(), tab.keyboard.press("Tab")))
    tab.keyboard.press("Escape")
    larger(tab).wait_for(state="hidden", timeout=SLOW)


@pytest.mark.parametrize(("width", "size"), [(1440, ""), (1440, "width=192"), (390, "")])
def test_what_can_be_done_with_a_picture_stands_in_one_row(tab, address, width, size):
    tab.set_viewport_size({"width": width, "height": 900})
    generated(opened(tab, f"{address}?steps=2&seed=81&{size}"))
    keys = ("png_result", "vary", "result_more")
    assert at_last(lambda: in_one_row(tab, keys), True)


def test_an_upright_picture_is_seen_whole(tab, address):
    generated(opened(tab, f"{address}?steps=2&seed=82&width=128&height=192"))
    picture = tab.locator(".st-key-stage [data-testid=stImage] img").last

    def end():
        box = picture.bounding_box() or {"y": 0, "height": 0}
        return box["y"] + box["height"]

    assert at_last(lambda: 500 < end() <= 900, True)


def test_a_click_on_the_large_picture_fills_the_window_until_the_next(tab, address):
    listening(opened(tab, address))
    tab.locator(".st-key-stage [data-testid=stImage] img").click()
    whole = tab.get_by_role("dialog", name="Picture, enlarged")
    whole.wait_for(timeout=SLOW)
    assert at_last(lambda: whole.locator("img").bounding_box()["height"] > 800, True)
    tab.keyboard.press("Escape")
    whole.wait_for(state="hidden", timeout=SLOW)


def test_on_a_phone_a_tap_enlarges_and_another_closes(phone, address):
    listening(opened(phone, address))
    phone.locator(".st-key-stage [data-testid=stImage] img").tap()
    whole = phone.get_by_role("dialog", name="Picture, enlarged")
    whole.wait_for(timeout=SLOW)
    whole.get_by_role("button", name="Close").tap()
    whole.wait_for(state="hidden", timeout=SLOW)


def test_on_a_phone_settings_and_cancel_are_within_reach(phone, address):
    opened(phone, f"{address}?steps=500&width=256&height=256&seed=31")
    phone.get_by_label("Negative prompt", exact=True).tap()
    phone.locator(".st-key-go button").tap()
    cancel = phone.locator(".st-key-cancel button")
    cancel.wait_for(timeout=SLOW)
    assert at_last(lambda: cancel.bounding_box()["y"] < 800, True)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    cancel.tap()
    phone.get_by_text("Cancelled").first.wait_for(timeout=SLOW)
    phone.get_by_test_id("stExpandSidebarButton").tap()
    phone.locator(
        ".st-key-steps [data-testid=stSlider] input, .st-key-steps [role=slider]"
    ).wait_for(timeout=SLOW)


def test_on_a_phone_the_tools_of_the_prompt_stand_in_one_row_above_the_picture(phone, address):
    opened(phone, address)
    picture = phone.locator(".st-key-stage [data-testid=stImage] img")
    picture.wait_for(timeout=SLOW)
    assert at_last(lambda: picture.bounding_box()["y"] < 530, True)
    assert at_last(lambda: in_one_row(phone, ("surprise", "request", "share_Generate")), True)


def test_one_setting_of_a_picture_goes_into_the_form_alone(tab, address):
    opened(tab, f"{address}?steps=3&cfg=4&seed=21")
    generated(tab)
    tab.locator(".st-key-seed input").fill("5")
    tab.locator(".st-key-seed input").press("Tab")
    tab.wait_for_url("**seed=5**", timeout=SLOW)
    resting(tab)
    tab.locator(".st-key-result_more button").click()
    tab.get_by_role("radio", name=re.compile("Seed: 21")).or_(
        tab.get_by_role("button", name=re.compile("Seed: 21"))
    ).first.click()
    seed = tab.locator(".st-key-seed input")
    assert at_last(seed.input_value, "21") == "21"


def test_ideas_write_into_the_prompt_by_keyboard(tab, address):
    opened(tab, f"{address}?prompt=a")
    tab.get_by_role("button", name="Ideas").focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="things").or_(
        tab.get_by_role("radio", name="things")
    ).first.focus()
    tab.keyboard.press("Enter")
    prompt = tab.get_by_label("Prompt", exact=True)
    assert at_last(prompt.input_value, "a, __things__") == "a, __things__"
    tab.get_by_text("Sent: a, ").wait_for(timeout=SLOW)
