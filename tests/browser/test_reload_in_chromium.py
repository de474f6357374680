"""Pictures that were uploaded stand in the form again after a reload, for whoever gave them."""

import base64
import io

import pytest
from PIL import Image

from tests.fakes import a1111, png
from tests.serving import SLOW, generated, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """The page with a server that takes start images, masks and guide pictures."""
    with a1111(extras=("controlnet",)) as webui:
        process, url = served(tmp_path_factory.mktemp("up"), SDPLAY_A1111_URL=webui.url)
        yield f"{url}?backend=a1111&steps=2", webui
        process.terminate()
        process.wait()


def quiet(tab):
    for _ in range(2):
        tab.wait_for_timeout(300)
        tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)


def opened(tab, url, fold):
    tab.goto(url)
    tab.locator(".st-key-go button").wait_for(timeout=SLOW)
    quiet(tab)
    unfold(tab, fold)


def unfold(tab, fold):
    tab.locator(f".st-key-{fold} summary").click(timeout=SLOW)


def upload(tab, fold, alt, colour, label):
    """Give a picture to the uploader of that name, and wait until it is shown."""
    boxes = tab.locator(f".st-key-{fold} [data-testid=stFileUploader]")
    data = png((64, 64), colour)
    box = boxes.filter(has_text=label).locator("input[type=file]")
    box.set_input_files({"name": f"{colour}.png", "mimeType": "image/png", "buffer": data})
    if alt:
        tab.get_by_alt_text(alt).wait_for(timeout=SLOW)
    quiet(tab)
    return data


def colour(encoded):
    """Of the middle of a picture as a request has it."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as sent:
        return sent.convert("RGB").getpixel((sent.width // 2, sent.height // 2))


def test_a_start_image_and_its_mask_are_sent_again_after_a_reload(tab, site, browser):
    url, webui = site
    opened(tab, url, "fold_start")
    upload(tab, "fold_start", "Start image", "red", "Start image")
    upload(tab, "fold_start", "", "white", "Mask")
    tab.wait_for_function("() => location.search.includes('start_mask=')", timeout=SLOW)
    tab.reload()
    tab.locator(".st-key-go button").wait_for(timeout=SLOW)
    quiet(tab)
    generated(tab)
    body = webui.requests()[-1]
    assert (colour(body["init_images"][0]), colour(body["mask"])) == ((255, 0, 0), (255, 255, 255))
    other = browser.new_context().new_page()
    other.goto(tab.url)
    other.get_by_text("The start image of this link is gone").wait_for(timeout=SLOW)
    assert other.get_by_alt_text("Start image").count() == 0
    other.context.close()


def test_a_start_image_that_was_removed_does_not_come_back(tab, site):
    url, _ = site
    opened(tab, url, "fold_start")
    upload(tab, "fold_start", "Start image", "green", "Start image")
    tab.wait_for_function("() => location.search.includes('start=')", timeout=SLOW)
    tab.locator(".st-key-init_remove button").click()
    tab.wait_for_function("() => !location.search.includes('start=')", timeout=SLOW)
    tab.reload()
    quiet(tab)
    unfold(tab, "fold_start")
    quiet(tab)
    assert tab.get_by_alt_text("Start image").count() == 0


def test_a_guide_picture_comes_back_with_its_settings(tab, site):
    url, webui = site
    opened(tab, url, "fold_control")
    guide = upload(tab, "fold_control", "Guide picture 1", "blue", "Guide picture 1")
    before = tab.url
    tab.get_by_role("slider", name="Weight").press("ArrowLeft")
    tab.wait_for_function("before => location.href !== before", arg=before, timeout=SLOW)
    tab.reload()
    tab.locator(".st-key-go button").wait_for(timeout=SLOW)
    quiet(tab)
    generated(tab)
    (unit,) = webui.requests()[-1]["alwayson_scripts"]["controlnet"]["args"]
    assert base64.b64decode(unit["image"]) == guide
    assert unit["weight"] == 0.95
