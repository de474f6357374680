"""A mask painted over a picture in a real browser, and what becomes of the picture around it."""

import numpy as np
import pytest
from PIL import Image

from tests.serving import at_last, generated
from tests.sketching import INK, colour, places, result, saved, screen, still, stroke

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SIDE = 128


def press(tab, name):
    tab.get_by_label(name, exact=True).and_(tab.locator("button")).click()


@pytest.fixture
def photo(tmp_path):
    """No two pixels of it are alike, so that none can be mistaken for another."""
    noise = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def canvas_over(tab, address, file, query=""):
    """The mask's canvas over this start image."""
    tab.goto(f"{address}?view=Sketch&sketch_as=Inpaint&steps=2{query}")
    tab.get_by_text("There is no picture to paint a mask over.").wait_for()
    chooser = tab.locator("[data-testid=stSidebar] input[type=file]").first
    chooser.set_input_files(file)
    tab.locator(f"{INK}[aria-label=Mask]").wait_for()
    tab.locator("[data-test-script-state=notRunning]").wait_for()
    still(tab)
    return tab


def veiled(tab, down):
    """Whether the mask lies over this height of a white picture."""
    view = np.asarray(screen(tab), int)
    at, middle = int(down * view.shape[0]), view.shape[1] // 2
    return view[at - 8 : at + 8, middle - 20 : middle + 20, 1].mean() < 200


def pixels(image):
    return np.asarray(image.convert("RGB"), int)


def test_outside_the_painted_mask_every_pixel_is_the_originals(tab, address, photo):
    canvas_over(tab, address, photo)
    stroke(tab, (0.3, 0.3), (0.7, 0.3))
    mask = np.asarray(saved(tab).convert("L"))
    assert mask.shape == (SIDE, SIDE)
    assert (mask[int(0.3 * SIDE), SIDE // 2], mask[-8, 8]) == (255, 0)
    tab.get_by_role("slider", name="Mask blur").last.focus()
    tab.keyboard.press("Home")
    tab.get_by_role("button", name="Inpaint", exact=True).click()
    made, original = pixels(result(tab)), pixels(Image.open(photo))
    tab.get_by_text("Up to date").wait_for()
    assert np.array_equal(made[mask == 0], original[mask == 0])
    assert np.abs(made[mask == 255] - original[mask == 255]).mean() > 20


def test_a_mask_lies_over_its_picture_and_is_inverted_undone_and_cleared(tab, address, tmp_path):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    canvas_over(tab, address, tmp_path / "white.png")
    stroke(tab, (0.2, 0.5), (0.8, 0.5))
    assert veiled(tab, 0.5)
    assert not veiled(tab, 0.1)
    press(tab, "Invert")
    assert not veiled(tab, 0.5)
    assert veiled(tab, 0.1)
    assert colour(saved(tab), 0.5, 0.1) == (255, 255, 255)
    assert colour(saved(tab), 0.5, 0.5) == (0, 0, 0)
    press(tab, "Undo")
    press(tab, "Clear")
    assert not veiled(tab, 0.5)
    tab.get_by_role("button", name="Inpaint", exact=True).click()
    tab.get_by_text("Nothing is masked yet.").wait_for()


def test_a_mask_is_filled_as_far_as_a_painted_line(tab, address, photo):
    canvas_over(tab, address, photo)
    press(tab, "Line")
    stroke(tab, (0.0, 0.5), (1.0, 0.5))
    press(tab, "Fill")
    tab.mouse.click(*places(tab, (0.5, 0.8))[0])
    mask = saved(tab)
    assert colour(mask, 0.5, 0.8) == colour(mask, 0.1, 0.9) == (255, 255, 255)
    assert colour(mask, 0.5, 0.2) == (0, 0, 0)


def test_a_refusal_is_gone_once_a_mask_is_painted(tab, address, photo):
    canvas_over(tab, address, photo)
    tab.get_by_role("button", name="Inpaint", exact=True).click()
    refusal = tab.get_by_text("Nothing is masked yet.")
    refusal.wait_for()
    stroke(tab, (0.3, 0.3), (0.7, 0.3))
    refusal.wait_for(state="detached")


def test_a_softer_edge_asks_again_while_live(tab, address, photo):
    canvas_over(tab, address, photo, "&live=true")
    stroke(tab, (0.3, 0.3), (0.7, 0.3))
    before = pixels(result(tab))
    tab.get_by_role("slider", name="Mask blur").last.focus()
    tab.keyboard.press("End")
    assert at_last(lambda: np.array_equal(pixels(result(tab)), before), False) is False
    tab.get_by_text("Up to date").wait_for()
    press(tab, "Undo")
    tab.get_by_text("Made before your last change").wait_for()
    tab.get_by_text("Nothing is masked yet").wait_for(state="detached")


def test_result_drawer_and_chosen_picture_are_inpainted_with_one_click(tab, address):
    mask, tabs = tab.locator(f"{INK}[aria-label=Mask]"), tab.get_by_role("tab")
    tab.goto(f"{address}?steps=2&prompt=a fox&width=192&height=128")
    generated(tab)
    tab.locator(".st-key-result_more button").click()
    tab.locator(".st-key-inpaint_result button").first.click()
    mask.wait_for()
    box = mask.bounding_box()
    assert round(box["width"] / box["height"], 2) == 1.5
    tabs.filter(has_text="Library").click()
    tab.locator(".gallery .tiles button").first.click()
    tab.locator(".st-key-inpaint_details button").first.click()
    mask.wait_for()
    tab.get_by_role("dialog").wait_for(state="detached")
    tabs.filter(has_text="Library").click()
    tab.locator(".st-key-choosing label").click()
    tab.get_by_text("Click pictures to choose them.").wait_for()
    tab.locator(".gallery .tiles button").first.click()
    tab.locator(".st-key-inpaint_chosen button").first.click()
    mask.wait_for()


def test_a_start_image_of_another_shape_is_cropped_or_letterboxed_on_purpose(
    tab, address, tmp_path
):
    wide = Image.new("RGB", (200, 100), "red")
    wide.paste("blue", (50, 0, 150, 100))
    wide.save(tmp_path / "wide.png")
    canvas_over(tab, address, tmp_path / "wide.png")
    assert colour(screen(tab), 0.1, 0.5) == (0, 0, 255)
    tab.get_by_text("The start image is 200 × 100 and is cut at its edges.").wait_for()
    tab.get_by_role("button", name="Letterbox it").click()
    tab.get_by_text("100 and is shown whole, between bars.").wait_for()
    assert at_last(lambda: colour(screen(tab), 0.1, 0.5), (255, 0, 0)) == (255, 0, 0)
    assert colour(screen(tab), 0.5, 0.5) == (0, 0, 255)
    tab.get_by_role("button", name="Crop it").click()
    assert at_last(lambda: colour(screen(tab), 0.1, 0.5), (0, 0, 255)) == (0, 0, 255)
