"""The comparison lab in a real browser: click to finished sheet, pause and resume, the slider, the
files."""

import io
import re

import pytest
from PIL import Image

from tests.serving import SLOW, at_last

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def opened(tab, address, **settings):
    tab.goto(
        f"{address}?{'&'.join(f'{name}={value}' for name, value in settings.items())}&view=Compare"
    )
    tab.locator(".st-key-run button").wait_for(timeout=SLOW)
    return tab


def finished(tab):
    """The sweep has ended, and what it looked like before is gone."""
    tab.get_by_text("Take it away").wait_for(timeout=SLOW)
    tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)


def cell(tab, label):
    return tab.locator(f'table[role=grid] button[aria-label^="{label}"]')


def test_a_sweep_of_twelve_from_click_to_sheet(tab, address):
    opened(tab, address, x_values="2,3,4,5").locator(".st-key-run button").click()
    finished(tab)
    assert at_last(tab.locator("table[role=grid] button").count, 12) == 12
    assert at_last(tab.locator("table[role=grid] img[src]").count, 12) == 12
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Sheet").click()
    assert Image.open(io.BytesIO(saved.value.path().read_bytes())).width > 500


def test_variants_side_by_side_from_a_copied_column_to_the_pictures(tab, address):
    opened(
        tab,
        address,
        lab="Variants",
        steps=4,
        seed=900,
        variants='[{"scheduler":"euler","steps":3}]',
    )
    columns = tab.get_by_label("Steps", exact=True).and_(
        tab.locator("[class*=st-key-variant_] input")
    )
    tab.get_by_role("button", name="Copy", exact=True).click()
    columns.nth(1).fill("2")
    columns.nth(1).press("Enter")
    tab.get_by_text("Run 3 pictures").wait_for(timeout=SLOW)
    tab.locator(".st-key-run button").click()
    finished(tab)
    for label in ("Baseline", "Euler · 3 steps", "Euler · 2 steps"):
        cell(tab, label).locator("img[src]").wait_for(timeout=SLOW)


@pytest.mark.parametrize(("values", "least"), [("2,3", 380), ("1,2,3,4,5,6", 110)])
def test_the_grid_takes_the_room_there_is_and_stands_in_the_upper_part(tab, address, values, least):
    opened(tab, address, x_values=values, y_axis="scheduler").locator(".st-key-run button").click()
    finished(tab)
    frame = tab.locator(".frame:has(table[role=grid])")
    frame.locator("img[src]").first.wait_for(timeout=SLOW)
    picture, last = frame.locator(".picture").first, frame.locator("img").last

    def fits():
        wide, room, high, tall = frame.evaluate(
            "each => [each.scrollWidth, each.clientWidth, each.scrollHeight, each.clientHeight]"
        )
        return (wide, high if high < 700 else tall) == (room, tall)

    def unused():
        """Pixels between the last column and the frame's own end."""
        ends = [box["x"] + box["width"] for box in (last.bounding_box(), frame.bounding_box())]
        return abs(ends[0] - ends[1])

    assert at_last(fits, True)
    assert at_last(lambda: frame.bounding_box()["y"] < 300, True)
    assert at_last(lambda: picture.bounding_box()["width"] >= least, True)
    assert at_last(lambda: unused() < 16, True)


def test_a_plan_that_was_run_is_one_line_until_it_is_edited(tab, address):
    opened(tab, address, x_values="2,3,4,5", y_axis="scheduler").locator(
        ".st-key-run button"
    ).click()
    finished(tab)
    line = tab.locator(".st-key-plan_line")
    assert at_last(lambda: line.bounding_box()["height"] < 50, True)
    tab.locator(".st-key-run button").wait_for(state="hidden", timeout=SLOW)
    tab.locator(".st-key-sweep_edit").get_by_role("button", name="Edit").last.click()
    tab.locator(".st-key-run button").wait_for(timeout=SLOW)
    tab.locator(".st-key-plan_new").get_by_role("button", name="Close").last.click()
    tab.locator(".st-key-run button").wait_for(state="hidden", timeout=SLOW)


def test_the_prompt_of_a_plan_is_read_whole_while_it_runs(tab, address):
    prompt = "a red fox in the snow under a full moon by a dark, dark hill"
    steps = {"x_values": "400,410,420", "y_axis": "scheduler"}
    opened(tab, address, prompt=prompt.replace(" ", "+"), **steps).locator(
        ".st-key-run button"
    ).click()
    tab.locator(".st-key-sweep_pause button").click()
    tab.locator(".st-key-sweep_resume").wait_for()
    words = tab.locator(".st-key-plan_words").get_by_text(prompt, exact=True)
    is_whole = "each => each.scrollWidth <= each.clientWidth + 1"
    assert at_last(lambda: words.evaluate(is_whole), True)
    line = tab.locator(".st-key-plan_line")
    assert at_last(lambda: line.bounding_box()["height"] < 50, True)
    tab.locator(".st-key-sweep_cancel button").click()
    tab.locator(".st-key-sweep_again").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_prompt_among_several_sweeps_takes_a_line_and_is_whole_at_a_key(tab, address, width):
    tab.set_viewport_size({"width": width, "height": 900})
    prompt = ", ".join(["a red fox in the snow under a full moon"] * 9)
    opened(tab, address, x_values="2", prompt=prompt.replace(" ", "+"))
    tab.locator(".st-key-run button").click()
    finished(tab)
    tab.locator(".st-key-sweep_again").get_by_role("button", name="Run again").last.click()
    tab.locator(".st-key-verdict").get_by_text("Reproduced").wait_for()
    finished(tab)
    line = tab.locator(".st-key-plan_prompt summary")
    assert at_last(lambda: line.bounding_box()["height"] < 45, True)
    line.press("Enter")
    whole = tab.locator(".st-key-plan_prompt").get_by_test_id("stCaptionContainer")
    whole.get_by_text(prompt, exact=True).wait_for()


def test_run_again_says_above_the_grid_that_it_was_reproduced(tab, address):
    opened(tab, address, x_values="2,3").locator(".st-key-run button").click()
    finished(tab)
    tab.locator(".st-key-sweep_again").get_by_role("button", name="Run again").last.click()
    verdict = tab.locator(".st-key-verdict").get_by_text("Reproduced: all 6 pictures are the same")
    verdict.wait_for(timeout=SLOW)
    grid = tab.locator(".frame:has(table[role=grid])")
    assert at_last(lambda: verdict.bounding_box()["y"] < grid.bounding_box()["y"], True)


def test_on_a_phone_a_plan_takes_few_lines_before_and_after_its_run(browser, address):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(SLOW)
    tab = opened(context.new_page(), address, x_values="2,3", prompt="a+red+fox+" * 9)
    prompt = tab.locator(".st-key-lab_card .st-key-prompt textarea")
    assert at_last(lambda: prompt.bounding_box()["height"] < 45, True)
    assert at_last(lambda: tab.locator(".st-key-x_axis input").bounding_box()["y"] < 400, True)
    prompt.tap()
    assert at_last(lambda: prompt.bounding_box()["height"] > 55, True)
    tab.locator(".st-key-run button").tap()
    finished(tab)
    tab.locator("[data-testid=stMain]").evaluate("each => each.scrollTo(0, 0)")
    line, sheet = tab.locator(".st-key-plan_line"), tab.locator(".st-key-sheet_tools")
    assert at_last(lambda: line.bounding_box()["height"] < 90, True)
    for name in ("share_Compare", "open_file", "plan_new"):
        box = tab.locator(f".st-key-plan_line .st-key-{name} button").last.bounding_box()
        assert box["x"] + box["width"] <= 390
        assert box["width"] >= 28
    assert at_last(lambda: sheet.bounding_box()["height"] < 100, True)
    tab.locator(".st-key-tinting button:visible").tap()
    tab.get_by_test_id("stPopoverBody").get_by_text("Difference", exact=True).tap()
    tab.locator("table[role=grid] .tone").first.wait_for()
    context.close()


def test_on_a_phone_columns_are_swiped_with_their_headers(browser, address):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(SLOW)
    page = context.new_page()
    opened(page, address, x_values="2,3,4,5", y_axis="scheduler").locator(
        ".st-key-run button"
    ).tap()
    finished(page)
    frame = page.locator(".frame:has(table[role=grid])")
    frame.locator("img[src]").first.wait_for()
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.context.new_cdp_session(page).send(
        "Input.synthesizeScrollGesture",
        {"x": 300, "y": box["y"] + 120, "xDistance": -170, "yDistance": 0, "speed": 400},
    )
    assert at_last(lambda: frame.evaluate("each => each.scrollLeft > 100"), True)
    head = page.locator("table[role=grid] thead th", has_text="3 steps").bounding_box()
    picture = cell(page, "3 steps · Euler").bounding_box()
    assert abs(head["x"] - picture["x"]) < 3
    row = page.locator("table[role=grid] tbody th").first.bounding_box()
    assert 0 <= row["x"] < 40
    context.close()


def test_headers_never_break_inside_a_word(tab, address):
    opened(tab, address, x_values="2,3,4,5", y_axis="scheduler").locator(
        ".st-key-run button"
    ).click()
    finished(tab)
    tab.set_viewport_size({"width": 390, "height": 844})
    heads = tab.locator("table[role=grid] th span")
    heads.first.wait_for()
    for text, height in heads.evaluate_all("all => all.map(e => [e.textContent, e.offsetHeight])"):
        assert height <= 20 * max(1, len(text.split()))


def test_pause_in_the_middle_and_resume(tab, address):
    opened(tab, address, x_values="40,45,50", y_axis="seed", y_values="1-4").locator(
        ".st-key-run button"
    ).click()
    tab.locator(".st-key-sweep_pause button").click(timeout=SLOW)
    tab.locator(".st-key-sweep_resume button").click(timeout=SLOW)
    finished(tab)
    tab.get_by_text("12 of 12").wait_for(timeout=SLOW)


def test_a_click_and_the_arrow_keys_walk_the_grid(tab, address):
    opened(tab, address, x_values="2,3,4,5").locator(".st-key-run button").click()
    finished(tab)
    cell(tab, "3 steps · Euler").click()
    tab.get_by_text("B: 3 steps · Euler").wait_for(timeout=SLOW)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    tab.get_by_text("B: 4 steps · Euler").wait_for(timeout=SLOW)


def test_the_slider_moves_by_mouse_and_keyboard(tab, address):
    opened(tab, address, x_values="2,3,4,5").locator(".st-key-run button").click()
    finished(tab)
    handle = tab.locator("[role=slider].handle")
    handle.focus()
    before = float(handle.get_attribute("aria-valuenow"))
    tab.keyboard.press("ArrowLeft")
    assert float(handle.get_attribute("aria-valuenow")) < before
    stage = tab.locator(".stage").bounding_box()
    tab.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 80)
    handle.hover()
    tab.mouse.down()
    tab.mouse.move(stage["x"] + stage["width"] * 0.9, stage["y"] + 80)
    tab.mouse.up()
    assert float(handle.get_attribute("aria-valuenow")) > 80


def test_the_link_brings_the_axes_back(tab, address):
    opened(tab, address, x_axis="CFG scale", x_values="1,5,9")
    tab.locator(".st-key-lab_card").get_by_text(
        re.compile("9 pictures|already made")
    ).first.wait_for()
    values = tab.locator(".st-key-x_values input")
    assert at_last(values.input_value, "1,5,9") == "1,5,9"


def test_the_prompt_stays_when_the_tab_changes(tab, address):
    opened(tab, address, prompt="two+green+frogs")
    tab.get_by_role("tab", name="Generate").click()
    tab.locator(".st-key-go button").wait_for(timeout=SLOW)
    assert (
        at_last(tab.get_by_label("Prompt", exact=True).first.input_value, "two green frogs")
        == "two green frogs"
    )


def test_a_click_on_a_chart_shows_that_picture_and_puts_it_beside_a(tab, address):
    opened(tab, address, x_values="2,3,4,20").locator(".st-key-run button").click()
    finished(tab)
    seen = tab.locator(".st-key-seen_curves")
    seen.locator("img").wait_for(timeout=SLOW)
    chart = tab.locator("[data-testid=stVegaLiteChart]").first
    chart.click(position={"x": 70, "y": 20})
    seen.get_by_text(re.compile("^2 steps")).wait_for(timeout=SLOW)
    seen.get_by_role("button", name="Beside A").click()
    tab.get_by_text(re.compile("^B: 2 steps")).wait_for(timeout=SLOW)


def test_a_chart_shows_pictures_under_the_pointer_and_is_a_table_and_a_file_too(tab, address):
    opened(tab, address, x_values="2,3,4,20").locator(".st-key-run button").click()
    finished(tab)
    tab.locator("[data-testid=stVegaLiteChart]").first.hover(position={"x": 300, "y": 100})
    tab.locator("#vg-tooltip-element img[src^='data:image/jpeg']").wait_for(timeout=SLOW)
    with tab.expect_download() as saved:
        tab.locator(".st-key-csv_curves").get_by_role("button", name="CSV").last.click()
    assert saved.value.path().read_text().startswith("Curve,Picture,Steps,Colour distance")
    tab.locator(".st-key-as_curves").get_by_role("radio", name="Table").click()
    tab.get_by_test_id("stDataFrame").wait_for(timeout=SLOW)


def test_a_batch_from_a_table_flows_in_lines(tab, address):
    opened(
        tab, address, lab="Table", prompt="a+{thing}", steps=2, table="thing,pictures%0Afox,10%0A"
    )
    tab.locator(".st-key-run button").click()
    finished(tab)
    tops = {round(each.bounding_box()["y"]) for each in tab.locator("table.flow button").all()}
    assert 1 < len(tops) < 10
    cell(tab, "fox 2").focus()
    tab.keyboard.press("ArrowDown")
    assert tab.evaluate(
        "() => document.activeElement.shadowRoot.activeElement.ariaLabel"
    ).startswith("fox ")
