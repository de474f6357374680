"""Sketch in a real browser: drawn by mouse, pen, finger and keys, and a picture that follows."""

import io

import pytest
from PIL import Image, ImageChops, ImageOps

from sdplay.ui.sketch.closeness import shows_nothing
from tests.fakes import a1111
from tests.serving import SLOW, at_last, served
from tests.sketching import (
    INK,
    Unsteady,
    colour,
    dark,
    fingers,
    pen,
    places,
    result,
    saved,
    screen,
    sketch,
    still,
    stroke,
    thickness,
)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
ACROSS = ((0.2, 0.5), (0.8, 0.5))


def press(tab, name):
    tab.get_by_label(name, exact=True).and_(tab.locator("button")).click()


@pytest.fixture(scope="module")
def remote(browser, tmp_path_factory):
    """A page whose A1111 answers with the drawing's negative."""
    with a1111() as fake:
        process, url = served(tmp_path_factory.mktemp("remote"), SDPLAY_A1111_URL=fake.url)
        fake.page = url
        yield fake
        process.terminate()
        process.wait()


@pytest.fixture
def phone(browser, address):
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=3,
    )
    context.set_default_timeout(SLOW)
    yield context.new_page()
    context.close()


def test_a_stroke_becomes_a_picture_of_the_size_that_is_asked_for(tab, address):
    sketch(tab, address, "steps=2&width=192&height=128")
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    assert result(tab).size == (192, 128)
    picture = saved(tab)
    assert picture.size == (192, 128)
    assert dark(picture, 0.5, 0.5)
    assert not dark(picture, 0.5, 0.2)


def test_the_server_gets_the_drawing_in_exactly_the_size_asked_for(tab, remote):
    server = Unsteady().put_into(remote)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=520&height=264")
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    shown = result(tab)
    with Image.open(io.BytesIO(server.drawings[-1])) as sent:
        assert sent.size == (520, 264)
        assert dark(sent.convert("RGB"), 0.5, 0.5)
    assert not dark(shown, 0.5, 0.5)
    assert dark(shown, 0.5, 0.2)


def test_live_follows_every_stroke_and_tells_how_long_it_took(tab, address):
    sketch(tab, address, "steps=2&live=true")
    stroke(tab, (0.2, 0.2), (0.8, 0.2))
    tab.get_by_text("s from stroke to picture").wait_for()
    first = tab.locator("figure img").get_attribute("src")
    stroke(tab, (0.2, 0.8), (0.8, 0.8))
    assert at_last(lambda: tab.locator("figure img").get_attribute("src") != first, True)
    tab.get_by_role("button", name="Animation").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save it").click()
    with Image.open(download.value.path()) as film:
        assert (film.format, film.n_frames) == ("GIF", 2)


def test_live_draws_anew_in_a_new_size(tab, remote):
    server = Unsteady().put_into(remote)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=128&height=128&live=true")
    stroke(tab, *ACROSS)
    tab.get_by_text("Up to date").wait_for()
    tab.locator(".st-key-width input").fill("192")
    tab.keyboard.press("Enter")
    assert at_last(lambda: sizes(server.drawings)[-1], (192, 128)) == (192, 128)
    tab.get_by_text("Up to date").wait_for()
    assert sizes(server.drawings) == [(128, 128), (192, 128)]


def sizes(drawings):
    """Of the drawings that a server got, in their order."""
    return [Image.open(io.BytesIO(drawing)).size for drawing in drawings]


def test_off_means_off(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.wait_for_timeout(1500)
    tab.get_by_text("Your picture appears here.").wait_for()
    assert tab.locator("figure img[src]").count() == 0
    assert not tab.locator("figure .dot").is_visible()


def test_the_sheet_stands_high_up_and_a_prompt_does_not_move_it(tab, address):
    sketch(tab, address)
    sheet, picture = (tab.locator(part).bounding_box()["y"] for part in (INK, "figure .frame"))
    assert sheet < 240
    assert abs(sheet - picture) < 16
    tab.locator(".st-key-sketch_card textarea").first.click()
    still(tab)
    assert tab.locator(INK).bounding_box()["y"] == sheet


def test_a_picture_is_up_to_date_only_for_this_drawing_and_these_settings(tab, address):
    sketch(tab, address, "steps=2&live=true")
    now, old = tab.get_by_text("Up to date"), tab.get_by_text("Made before your last change")
    stroke(tab, *ACROSS)
    now.wait_for()
    press(tab, "Clear")
    old.wait_for()
    assert tab.get_by_text("Nothing is drawn yet").count() == 0
    press(tab, "Undo")
    now.wait_for()
    prompt = tab.locator(".st-key-sketch_card textarea").first
    prompt.fill("a red fox")
    prompt.press("Control+Enter")
    tab.get_by_alt_text("Result: a red fox").wait_for()  # live follows the prompt too
    now.wait_for()
    tab.get_by_text("Live", exact=True).click()
    stroke(tab, (0.2, 0.8), (0.8, 0.8))
    old.wait_for()
    tab.get_by_role("button", name="Generate from sketch").click()
    now.wait_for()
    prompt.fill("a blue fox")
    prompt.press("Control+Enter")
    old.wait_for()


def test_a_refusal_is_gone_with_the_next_stroke(tab, address):
    sketch(tab, address)
    tab.get_by_role("button", name="Generate from sketch").click()
    refusal = tab.get_by_text("Nothing is drawn yet")
    refusal.wait_for()
    stroke(tab, *ACROSS)
    refusal.wait_for(state="detached")


def test_turning_live_on_asks_for_what_is_drawn_already(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_text("Live", exact=True).click()
    assert result(tab).size == (128, 128)


def test_the_last_drawing_is_shown_whatever_the_server_does(tab, remote):
    server = Unsteady((0.05, 0.6), failing=0.2).put_into(remote)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=128&height=128&live=true")
    for at in range(30):
        stroke(tab, (0.1, 0.03 * at + 0.05), (0.6, 0.03 * at + 0.05))
        tab.wait_for_timeout(60)
    expected = ImageOps.invert(saved(tab)).tobytes()
    assert at_last(lambda: result(tab).tobytes() == expected, True)
    assert server.most_at_once == 1


def test_a_server_that_always_fails_leaves_the_page_alive(tab, remote):
    Unsteady(failing=1.0).put_into(remote)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=128&height=128&live=true")
    stroke(tab, *ACROSS)
    tab.get_by_text("out of memory").wait_for()
    Unsteady().put_into(remote)
    stroke(tab, (0.2, 0.8), (0.8, 0.8))
    assert dark(result(tab), 0.1, 0.1)


def test_a_slow_picture_tells_its_step_and_can_be_cancelled(tab, address):
    sketch(tab, address, "steps=400&width=256&height=256")
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.locator(".said").get_by_text("Step ").wait_for()
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_role("button", name="Cancel").wait_for(state="detached")
    assert tab.locator("figure img[src]").count() == 0


def test_a_pen_draws_wide_where_it_is_pressed(tab, address):
    sketch(tab, address)
    pen(tab, *((0.1 + at / 20, 0.5, 0.05 + at / 17) for at in range(17)))
    image = screen(tab)
    assert thickness(image, 0.8) > 1.6 * thickness(image, 0.15) > 0


def test_a_finger_draws_and_the_page_stands_still(phone, address):
    sketch(phone, address)
    phone.locator(INK).scroll_into_view_if_needed()
    top = phone.locator(INK).bounding_box()["y"]
    fingers(phone, *([(0.5, 0.2 + at / 20)] for at in range(12)))
    assert dark(screen(phone), 0.5, 0.5)
    assert phone.locator(INK).bounding_box()["y"] == top
    assert phone.locator(INK).evaluate("ink => ink.width") == pytest.approx(
        3 * phone.locator(INK).bounding_box()["width"], abs=2
    )


def test_two_fingers_zoom_and_draw_nothing(phone, address):
    sketch(phone, address)
    fingers(phone, *([(0.5 - at / 30, 0.5), (0.5 + at / 30, 0.5)] for at in range(2, 10)))
    phone.locator(".level").wait_for()
    assert int(phone.locator(".level").inner_text().split()[0]) > 200
    assert phone.get_by_label("Undo").is_disabled()


def test_a_text_stands_where_a_finger_tapped(phone, address):
    sketch(phone, address)
    press(phone, "Text")
    fingers(phone, [(0.3, 0.5)])
    phone.keyboard.type("HHH")
    phone.keyboard.press("Enter")
    box = ImageOps.invert(screen(phone)).getbbox()
    assert box[0] / screen(phone).width == pytest.approx(0.3, abs=0.03)


def test_a_phone_has_room_for_every_control(phone, address):
    sketch(phone, address)
    boxes = [each.bounding_box() for each in phone.locator(".pad button:visible").all()]
    assert len(boxes) > 20
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)


def test_erasing_and_undoing_bring_the_sheet_back(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    assert dark(screen(tab), 0.5, 0.5)
    press(tab, "Eraser")
    stroke(tab, (0.5, 0.3), (0.5, 0.7))
    assert not dark(screen(tab), 0.5, 0.5)
    for name, is_dark in (
        ("Undo", True),
        ("Undo", False),
        ("Redo", True),
        ("Clear", False),
        ("Undo", True),
    ):
        press(tab, name)
        assert dark(screen(tab), 0.5, 0.5) == is_dark


def test_undo_goes_back_through_a_hundred_strokes(tab, address):
    sketch(tab, address)
    press(tab, "Line")
    for at in range(100):
        stroke(tab, (0.1, at / 110 + 0.05), (0.15, at / 110 + 0.05))
    whole = screen(tab)
    for _ in range(100):
        tab.keyboard.press("Control+z")
    assert tab.get_by_label("Undo").is_disabled()
    assert screen(tab).getextrema() == ((255, 255),) * 3
    for _ in range(100):
        tab.keyboard.press("Control+Shift+Z")
    assert ImageChops.difference(screen(tab), whole).getbbox() is None


@pytest.mark.parametrize(
    ("tool", "filled", "hollow"),
    [("Rectangle", (0.5, 0.5), (0.5, 0.3)), ("Ellipse", (0.5, 0.5), (0.5, 0.3))],
)
def test_a_shape_follows_the_hand_filled_or_as_outline(tab, address, tool, filled, hollow):
    sketch(tab, address)
    press(tab, tool)
    start, end = places(tab, (0.3, 0.3), (0.7, 0.7))
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move(*end, steps=4)
    assert dark(screen(tab), *filled)
    tab.mouse.up()
    assert dark(screen(tab), *filled)
    press(tab, "Undo")
    press(tab, "Filled")
    stroke(tab, (0.3, 0.3), (0.7, 0.7))
    assert not dark(screen(tab), *filled)
    assert dark(screen(tab), *hollow)


def test_a_line_is_straight_and_fill_stops_at_it(tab, address):
    sketch(tab, address)
    press(tab, "Line")
    stroke(tab, (0.0, 0.5), (0.4, 0.9), (1.0, 0.5))
    image = screen(tab)
    assert all(dark(image, x / 10, 0.5) for x in range(1, 10))
    press(tab, "Red")
    press(tab, "Fill")
    tab.mouse.click(*places(tab, (0.5, 0.8))[0])
    image = screen(tab)
    assert colour(image, 0.1, 0.95) == (229, 72, 77)
    assert colour(image, 0.5, 0.2) == (255, 255, 255)


def test_text_stands_at_its_point_in_its_colour_and_size(tab, address):
    sketch(tab, address)
    press(tab, "Blue")
    press(tab, "Text")
    tab.mouse.click(*places(tab, (0.3, 0.5))[0])
    tab.get_by_label("Text to draw").fill("HHH")
    tab.keyboard.press("Enter")
    box = ImageOps.invert(screen(tab)).getbbox()
    width, height = screen(tab).size
    assert box[0] / width == pytest.approx(0.3, abs=0.03)
    assert box[3] / height == pytest.approx(0.5, abs=0.03)
    small = box[3] - box[1]
    press(tab, "Undo")
    tab.get_by_label("Text size").fill("120")
    tab.mouse.click(*places(tab, (0.3, 0.5))[0])
    tab.get_by_label("Text to draw").fill("HHH")
    tab.keyboard.press("Enter")
    image = screen(tab)
    large = ImageOps.invert(image).getbbox()
    assert large[3] - large[1] > 2 * small
    assert (59, 130, 246) in {pixel for _, pixel in image.getcolors(100_000)}


def test_a_click_elsewhere_ends_the_text_and_goes_where_it_was_meant(tab, address):
    sketch(tab, address)
    press(tab, "Text")
    tab.mouse.click(*places(tab, (0.3, 0.5))[0])
    tab.get_by_label("Text to draw").fill("HHH")
    prompt = tab.locator(".st-key-sketch_card textarea").first
    prompt.click()
    assert prompt.evaluate("field => field === document.activeElement")
    assert ImageOps.invert(screen(tab)).getbbox()


def test_a_second_text_begins_with_the_click_that_ends_the_first(tab, address):
    sketch(tab, address)
    press(tab, "Text")
    for height in (0.3, 0.8):
        tab.mouse.click(*places(tab, (0.3, height))[0])
        tab.keyboard.type("HHH")  # at once: no letter may choose a tool instead
    tab.keyboard.press("Enter")
    image = screen(tab)
    for top in (0, image.height // 2):
        half = image.crop((0, top, image.width, top + image.height // 2))
        assert ImageOps.invert(half).getbbox()


def test_a_colour_comes_from_palette_picker_or_drawing(tab, address):
    sketch(tab, address)
    press(tab, "Green")
    stroke(tab, (0.1, 0.2), (0.9, 0.2))
    tab.get_by_label("Any colour").fill("#aa00bb")
    stroke(tab, *ACROSS)
    press(tab, "Pipette")
    tab.mouse.click(*places(tab, (0.5, 0.2))[0])
    stroke(tab, (0.1, 0.8), (0.9, 0.8))
    image = screen(tab)
    assert colour(image, 0.5, 0.5) == (170, 0, 187)
    assert colour(image, 0.5, 0.8) == colour(image, 0.5, 0.2) == (47, 168, 79)


def test_width_follows_slider_keys_and_wheel(tab, address):
    sketch(tab, address)
    slider = tab.get_by_label("Width", exact=True).and_(tab.locator("input[type=range]"))
    slider.fill("60")
    stroke(tab, *ACROSS)
    assert thickness(screen(tab), 0.5) > 30
    slider.fill("1")
    tab.locator(INK).focus()
    tab.keyboard.press("]")
    assert slider.input_value() == "2"
    tab.mouse.move(*places(tab, (0.5, 0.5))[0])
    tab.keyboard.down("Shift")
    tab.mouse.wheel(0, -100)
    tab.keyboard.up("Shift")
    assert at_last(slider.input_value, "3") == "3"


def test_smoothing_can_be_switched_off(tab, address):
    sketch(tab, address)
    zigzag = [(0.1 + at / 25, 0.5 + 0.02 * (-1) ** at) for at in range(20)]
    heights = []
    for _ in range(2):
        stroke(tab, *zigzag)
        image = screen(tab)
        middle = image.crop((image.width // 4, 0, image.width // 2, image.height))
        box = ImageOps.invert(middle).getbbox()
        heights.append(box[3] - box[1])
        press(tab, "Clear")
        press(tab, "Smooth the line")
    assert heights[0] < heights[1]


def test_every_tool_has_a_key_and_arrows_draw(tab, address):
    sketch(tab, address)
    tab.locator(INK).focus()
    for button in tab.locator("[data-tool]").all():
        tab.keyboard.press(button.get_attribute("data-key").lower())
        assert button.get_attribute("aria-checked") == "true"
    tab.keyboard.press("b")
    tab.keyboard.press("Space")
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Space")
    tab.get_by_label("Undo").focus()
    image = screen(tab)
    assert dark(image, 0.55, 0.5)
    assert not dark(image, 0.45, 0.5)


def test_shapes_text_and_fill_are_drawn_by_keys_alone(tab, address):
    sketch(tab, address)
    tab.locator(INK).focus()
    for key in ("r", "Space", *["ArrowRight", "ArrowDown"] * 6, "Space"):
        tab.keyboard.press(key)
    assert dark(screen(tab), 0.6, 0.6)
    tab.keyboard.press("t")
    for key in (*["ArrowLeft"] * 12, "Enter"):
        tab.keyboard.press(key)
    tab.get_by_label("Text to draw").fill("HHH")
    tab.keyboard.press("Enter")
    left = screen(tab).crop((0, 0, screen(tab).width // 2, screen(tab).height))
    assert ImageOps.invert(left).getbbox()
    assert not dark(screen(tab), 0.1, 0.1)
    for key in ("f", *["ArrowUp"] * 12, "Enter"):
        tab.keyboard.press(key)
    assert dark(screen(tab), 0.1, 0.1)


def test_what_is_drawn_while_zoomed_lies_where_it_was_drawn(tab, address):
    sketch(tab, address)
    tab.mouse.move(*places(tab, (0.25, 0.25))[0])
    tab.keyboard.down("Control")
    for _ in range(3):
        tab.mouse.wheel(0, -100)
    tab.keyboard.up("Control")
    stroke(tab, (0.25, 0.25), (0.26, 0.25))
    press(tab, "Move the view")
    stroke(tab, (0.5, 0.5), (0.3, 0.3))
    tab.get_by_label("Show the whole drawing").click()
    image = screen(tab)
    assert dark(image, 0.25, 0.25)
    assert not dark(image, 0.5, 0.5)


def test_the_drawing_survives_other_tabs_and_a_reload(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_role("tab", name="Library").click()
    tab.locator(INK).wait_for(state="detached")
    tab.get_by_role("tab", name="Sketch").click()
    tab.locator("[data-tool=pen][aria-checked]").wait_for()
    assert at_last(lambda: dark(screen(tab), 0.5, 0.5), True)
    tab.reload()
    tab.locator("[data-tool=pen][aria-checked]").wait_for()
    assert at_last(lambda: dark(screen(tab), 0.5, 0.5), True)
    press(tab, "Undo")
    assert not dark(screen(tab), 0.5, 0.5)
    press(tab, "Redo")
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    tab.get_by_role("button", name="Generate from sketch").click()
    assert result(tab).size == (128, 128)


def test_a_restarted_server_is_told_of_the_drawing(browser, tmp_path):
    process, url = served(tmp_path)
    context = browser.new_context()
    context.set_default_timeout(SLOW)
    page = sketch(context.new_page(), url)
    up_to_date, go = page.get_by_text("Up to date"), page.locator(".st-key-sketch_go button")
    stroke(page, *ACROSS)
    go.click()
    up_to_date.wait_for()
    process.terminate()
    process.wait()
    process, _ = served(tmp_path, port=int(url.rsplit(":")[-1].strip("/")))
    up_to_date.wait_for(state="detached")  # the new server has drawn the page
    go.click()
    up_to_date.wait_for()
    context.close()
    process.terminate()
    process.wait(10)


def test_a_new_size_keeps_the_drawing(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_text("192×128").click()
    assert at_last(lambda: saved(tab).size, (192, 128)) == (192, 128)
    assert dark(saved(tab), 0.5, 0.5)


def test_nothing_drawn_is_answered_with_a_sentence(tab, address):
    sketch(tab, address)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_text("Nothing is drawn yet.").wait_for()


def test_the_eraser_brings_the_picture_under_the_drawing_back(tab, address, tmp_path):
    Image.new("RGB", (300, 200), "#3366cc").save(tmp_path / "blue.png")
    sketch(tab, address)
    tab.get_by_text("Choose a background").click()
    tab.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(
        tmp_path / "blue.png"
    )
    assert at_last(lambda: colour(screen(tab), 0.5, 0.5), (51, 102, 204)) == (51, 102, 204)
    tab.keyboard.press("Escape")
    stroke(tab, *ACROSS)
    assert dark(screen(tab), 0.5, 0.5)
    press(tab, "Eraser")
    stroke(tab, (0.4, 0.5), (0.6, 0.5))
    assert colour(screen(tab), 0.5, 0.5) == (51, 102, 204)
    press(tab, "Back to the original")
    stroke(tab, (0.4, 0.5), (0.6, 0.5))
    assert colour(screen(tab), 0.5, 0.5) == (255, 255, 255)
    press(tab, "Remove the background")
    assert colour(screen(tab), 0.1, 0.1) == (255, 255, 255)
    press(tab, "Undo")
    assert colour(screen(tab), 0.1, 0.1) == (51, 102, 204)


def test_a_background_survives_a_reload(tab, address, tmp_path):
    Image.new("RGB", (300, 200), "#3366cc").save(tmp_path / "blue.png")
    sketch(tab, address)
    tab.get_by_text("Choose a background").click()
    chooser = tab.locator("[data-testid=stPopoverBody] input[type=file]")
    chooser.set_input_files(tmp_path / "blue.png")
    assert at_last(lambda: colour(screen(tab), 0.5, 0.5), (51, 102, 204)) == (51, 102, 204)
    tab.keyboard.press("Escape")
    tab.reload()
    tab.locator("[data-tool=pen][aria-checked]").wait_for()
    assert at_last(lambda: colour(screen(tab), 0.5, 0.5), (51, 102, 204)) == (51, 102, 204)
    press(tab, "Undo")
    assert colour(screen(tab), 0.5, 0.5) == (255, 255, 255)


def test_an_unusable_background_is_answered_with_a_sentence(tab, address, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    sketch(tab, address)
    tab.get_by_text("Choose a background").click()
    chooser = tab.locator("[data-testid=stPopoverBody] input[type=file]")
    for name, sentence in (
        ("dot.png", "1 × 1 pixels, which shows nothing"),
        ("huge.png", "more than 40 megapixels are not opened"),
        ("clear.png", "Its transparent parts are white here."),
    ):
        chooser.set_input_files(tmp_path / name)
        tab.get_by_text(sentence).wait_for()


def test_strength_is_told_when_it_returns_or_forgets_the_drawing(tab, address):
    sketch(tab, address, "steps=8&sketch_strength=0.05")
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_text("The picture is nearly your drawing").wait_for()
    tab.get_by_role("slider", name="Strength").first.focus()
    tab.keyboard.press("End")
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_text("most of your drawing is forgotten").wait_for()


def test_the_last_result_and_the_library_can_lie_under_the_drawing(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    result(tab)
    press(tab, "Clear")
    tab.get_by_text("Choose a background").click()
    tab.get_by_role("button", name="The last result").click()
    assert at_last(lambda: colour(screen(tab), 0.5, 0.5) != (255, 255, 255), True)
    press(tab, "Undo")
    tab.get_by_text("Choose a background").click()
    tab.locator("[data-testid=stPopoverBody] [role=listitem] button").first.click()
    assert at_last(lambda: colour(screen(tab), 0.5, 0.5) != (255, 255, 255), True)


def test_layers_are_seen_and_sent_together_or_alone(tab, address, tmp_path):
    Image.new("RGB", (300, 200), "#3366cc").save(tmp_path / "blue.png")
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_text("Choose a background").click()
    tab.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(
        tmp_path / "blue.png"
    )
    tab.get_by_label("Show the background").wait_for()
    tab.keyboard.press("Escape")
    press(tab, "Show the background")
    assert colour(saved(tab), 0.1, 0.1) == (255, 255, 255)
    press(tab, "Show the background")
    press(tab, "Show the drawing")
    assert colour(saved(tab), 0.5, 0.5) == (51, 102, 204)


def test_what_the_browser_sends_stays_small(tab, address):
    sizes = []
    tab.on("websocket", lambda socket: socket.on("framesent", lambda data: sizes.append(len(data))))
    sketch(tab, address, "steps=2&width=256&height=256")
    for at in range(5):
        stroke(tab, (0.1, 0.1 + at / 8), (0.9, 0.2 + at / 8))
    tab.get_by_role("button", name="Generate from sketch").click()
    result(tab)  # the last drawing was sent before it
    assert 1000 < max(sizes) < 100_000


def test_a_drawing_that_is_too_large_for_a_message_goes_as_jpeg(tab, remote, tmp_path):
    server = Unsteady().put_into(remote)
    bands = [Image.effect_noise((2048, 2048), 120) for _ in range(3)]
    Image.merge("RGB", bands).save(tmp_path / "noise.jpg", quality=95, subsampling=0)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=2048&height=2048")
    tab.get_by_text("Choose a background").click()
    chooser = tab.locator("[data-testid=stPopoverBody] input[type=file]")
    chooser.set_input_files(tmp_path / "noise.jpg")
    tab.get_by_label("Show the background").wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Generate from sketch").click()
    assert at_last(lambda: len(server.drawings), 1) == 1
    with Image.open(io.BytesIO(server.drawings[-1])) as sent:
        assert (sent.format, sent.size) == ("JPEG", (2048, 2048))


def test_a_click_waits_for_a_drawing_that_is_still_written(tab, remote):
    server = Unsteady().put_into(remote)
    sketch(tab, remote.page, "backend=a1111&steps=2&width=1024&height=1024")
    tab.evaluate(
        """() => {
            const write = HTMLCanvasElement.prototype.toBlob;
            const go = new Promise(done => { window.letWrite = done; });
            HTMLCanvasElement.prototype.toBlob = function (...way) {
                go.then(() => write.apply(this, way));
            };
        }"""
    )
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_text("The drawing is on its way").wait_for()
    tab.evaluate("window.letWrite()")
    assert at_last(lambda: len(server.drawings), 1) == 1
    assert not shows_nothing(server.drawings[0])
    assert tab.get_by_text("Nothing is drawn yet").count() == 0


def test_the_picture_has_its_receipt(tab, address):
    sketch(tab, address)
    stroke(tab, *ACROSS)
    tab.get_by_role("button", name="Generate from sketch").click()
    tab.get_by_role("button", name="Details").click()
    tab.get_by_role("dialog").get_by_text("Receipt: asked, sent, applied").wait_for()


def test_an_address_that_is_not_on_the_open_internet_is_not_fetched(tab, address):
    sketch(tab, address)
    tab.get_by_text("Choose a background").click()
    box = tab.locator("[data-testid=stPopoverBody]")
    box.get_by_label("Or its address", exact=True).fill("http://127.0.0.1:9/a.png")
    tab.keyboard.press("Enter")
    tab.get_by_text("which is not on the open internet").wait_for()
