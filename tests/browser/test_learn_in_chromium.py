"""A lesson in a real browser: by mouse, by keys and by touch; what is remembered, and what is
loaded."""

import itertools
import re

import pytest

from sdplay.compare.axes import axis
from sdplay.lessons import shelf
from sdplay.lessons.worksheet import worksheet
from tests.fakes import png
from tests.serving import SLOW, at_last

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
WHOLE = "document.documentElement.scrollWidth"


def opened(tab, address, lesson):
    tab.goto(f"{address}?view=Learn&lesson={lesson}")
    tab.locator(".st-key-lesson_run").wait_for(timeout=SLOW)
    tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)
    return tab


def answered(tab):
    tab.locator(".st-key-lesson_next").wait_for(timeout=SLOW)
    tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)


def run(tab, lesson, choice=1):
    tab.locator(f".st-key-predict_{lesson} label").nth(choice + 1).click()
    tab.locator(".st-key-lesson_run button:not([disabled])").click()
    answered(tab)


def test_predict_run_look_and_explain_by_mouse(tab, address):
    opened(tab, address, "cfg")
    run(tab, "cfg")
    assert at_last(tab.locator(".piece img").count, 5) == 5
    assert tab.locator(".mark b").all_inner_texts() == ["1", "2", "3"]
    tab.locator(".piece").nth(1).click()
    large = tab.locator("dialog[open]")
    assert large.locator(".name").inner_text() == "CFG 2.5"
    large.locator(".next").click()
    assert large.locator(".name").inner_text() == "CFG 5"
    large.locator(".close").click()
    assert tab.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_what_comes_after_a_lesson_stands_in_one_row(tab, address, width):
    tab.set_viewport_size({"width": width, "height": 900})
    opened(tab, address, "seed")
    run(tab, "seed")
    keys = ("lesson_next", "lesson_compare", "lesson_again")

    def is_one_row():
        boxes = [tab.locator(f".st-key-{key} button:visible").first.bounding_box() for key in keys]
        middles = [box["y"] + box["height"] / 2 for box in boxes if box]
        return len(middles) == 3 and max(middles) - min(middles) < 4

    assert at_last(is_one_row, True)


@pytest.mark.parametrize(
    ("scheme", "grey"), [("light", "118, 123, 134"), ("dark", "138, 143, 156")]
)
def test_a_choice_that_is_not_taken_has_a_ring_that_is_seen(tab, address, scheme, grey):
    tab.emulate_media(color_scheme=scheme)
    opened(tab, address, "cfg")
    rings = (
        tab.get_by_test_id("stRadioOption").locator("> div > div").and_(tab.locator(":first-child"))
    )
    shadows = "rings => rings.map(ring => getComputedStyle(ring).boxShadow)"

    def greys():
        return {f"rgb({grey})" in shadow for shadow in rings.evaluate_all(shadows)}

    assert at_last(greys, {True}) == {True}


def test_predictions_stay_in_the_browser_and_come_back_after_a_reload(tab, address):
    opened(tab, address, "cfg")
    tab.locator(".st-key-reason_cfg input").fill("it shouts")
    run(tab, "cfg")
    kept = "localStorage.getItem('sdplay_lessons')"
    tab.wait_for_function(f"() => ({kept} || '').includes('it shouts')", timeout=SLOW)
    tab.evaluate("document.cookie = 'sdplay_owner=;max-age=0;path=/'")
    opened(tab, address, "seed")
    tab.get_by_text("1 of 10 done").wait_for(timeout=SLOW)
    tab.locator(".st-key-lesson_tools button", has_text="My progress").click()
    with tab.expect_download() as download:
        tab.locator(".st-key-progress_csv button").click()
    assert "it shouts" in download.value.path().read_text()
    tab.locator(".st-key-progress_forget button").click()
    tab.wait_for_function(f"() => !({kept} || '').includes('it shouts')", timeout=SLOW)
    tab.get_by_text("0 of 10 done").wait_for(timeout=SLOW)


def test_the_five_questions_close_when_they_are_answered_and_stay_closed(tab, address):
    opened(tab, address, "seed")
    tab.locator(".st-key-lesson_quiz button").click()
    questions = tab.locator("[class*=st-key-quiz_before_]")
    assert at_last(questions.count, 5) == 5
    for question in questions.all():
        question.get_by_test_id("stRadioOption").first.click()
    tab.locator(".st-key-quiz_done button:not([disabled])").click()
    tab.locator(".st-key-quiz_done").wait_for(state="detached")
    tab.get_by_role("button", name="Five questions after the lessons").wait_for()
    tab.locator(".st-key-lesson_arrow_forward button").click()
    tab.get_by_text("Lesson 6 of 10").wait_for()
    assert at_last(questions.count, 0) == 0


def test_two_windows_of_a_browser_keep_what_was_predicted_in_either(tab, address):
    other = opened(tab.context.new_page(), address, "seed")
    run(opened(tab, address, "cfg"), "cfg")
    run(other, "seed")
    both = "() => ['cfg', 'seed'].every(name => localStorage.sdplay_lessons?.includes(name))"
    other.wait_for_function(both, timeout=SLOW)


def test_a_lesson_goes_by_keys_alone(tab, address):
    opened(tab, address, "seed")
    tab.locator(".st-key-predict_seed input").first.focus()
    tab.keyboard.press("Space")
    tab.locator(".st-key-lesson_run button:not([disabled])").focus()
    tab.keyboard.press("Enter")
    answered(tab)
    assert at_last(tab.locator(".piece img").count, 6) == 6
    tab.locator(".piece").first.focus()
    tab.keyboard.press("Enter")
    name = tab.locator("dialog[open] .name")
    assert name.inner_text() == "seed 7"
    tab.keyboard.press("ArrowRight")
    assert name.inner_text() == "seed 8"
    tab.keyboard.press("Escape")
    assert tab.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_lesson_goes_by_touch_on_a_phone(browser, address, scheme):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme
    )
    context.set_default_timeout(SLOW)
    phone = opened(context.new_page(), address, "negative")
    assert phone.locator(".st-key-predict_negative").bounding_box()["y"] < 844 / 2
    phone.locator(".st-key-predict_negative label").nth(1).tap()
    phone.locator(".st-key-lesson_run button:not([disabled])").tap()
    answered(phone)
    assert at_last(phone.locator(".piece img").count, 6) == 6
    assert phone.evaluate(WHOLE) == 390
    wall, answer = (
        phone.locator(place).first.bounding_box()["y"] for place in (".wall", ".st-key-lesson_next")
    )
    assert wall < answer
    phone.locator(".piece").first.tap()
    phone.locator("dialog[open] .close").tap()
    assert phone.locator("dialog[open]").count() == 0
    context.close()


def test_what_the_long_run_guessed_stands_below_each_short_one(tab, address):
    opened(tab, address, "trajectory")
    run(tab, "trajectory")
    assert at_last(tab.locator(".piece img").count, 8) == 8
    assert tab.locator(".piece .text").nth(5).inner_text() == "after 8 of 32 steps"


@pytest.mark.parametrize("lesson", shelf.course(), ids=lambda lesson: lesson.id)
def test_a_worksheet_is_printed_on_one_page(tab, lesson):
    columns, rows = ([*map(len, plan_shape(lesson)), 1])[:2]
    square = png((256, 256))
    pictures = dict.fromkeys(itertools.product(*map(range, (columns, rows))), square)
    pictures |= {(at,): square for at in range(columns)}
    tab.set_content(worksheet([lesson], {lesson.id: pictures}, "https://example.org/?lesson=x"))
    assert len(re.findall(rb"/Type\s*/Page\b", tab.pdf(prefer_css_page_size=True))) == 1


def plan_shape(lesson):
    return [axis(name).marks(typed) for name, typed in lesson.plan.axes]


def test_the_start_image_stands_before_what_came_of_it(tab, address):
    opened(tab, address, "strength")
    tab.locator(".st-key-lesson_empty img").wait_for(timeout=SLOW)
    run(tab, "strength")
    assert at_last(tab.locator(".piece img").count, 6) == 6
    assert tab.locator(".piece .text").first.inner_text() == "start image"


BY = {
    "mouse": lambda element: element.click(),
    "keys": lambda element: element.press("Enter"),
    "touch": lambda element: element.tap(),
}


@pytest.mark.parametrize("by", BY)
def test_a_value_in_a_strip_of_the_lens_sets_its_control(browser, address, by):
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, has_touch=by == "touch", color_scheme="dark"
    )
    context.set_default_timeout(SLOW)
    tab = context.new_page()
    tab.goto(f"{address}?steps=2&seed=91")
    tab.locator(".st-key-go button").wait_for()
    tab.locator(".st-key-lens label").click()
    tiles = tab.locator(".st-key-lens_cfg .tiles button")
    assert at_last(tiles.count, 5) == 5
    BY[by](tiles.nth(3))
    tab.wait_for_url("**cfg=8**")
    context.close()


def test_a_worksheet_is_a_page_with_the_pictures_that_were_made(tab, address):
    opened(tab, address, "seed")
    run(tab, "seed")
    tab.locator(".st-key-lesson_tools button", has_text="For a class").click()
    with tab.expect_download() as download:
        tab.locator(".st-key-worksheet button").first.click()
    assert download.value.path().read_text().count("data:image/jpeg") == 6
