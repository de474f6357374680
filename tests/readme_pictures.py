"""Makes README's two pictures anew, from the page as it is.

python -m tests.readme_pictures              (needs Chromium and the extra `dev`)
"""

import io
import tempfile

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.serving import CHROMIUM, FLAGS, ROOT, SLOW, opened, served

ASSETS = ROOT / "sdplay" / "ui" / "assets"
PIXELS = 1.5
"""Pixels of the file for each of the page, as sharp as a reader's screen shows them."""
PROMPTS = (
    "a house, flat style",
    "a green frog, 3d style",
    "a sunflower on a purple background",
    "a koala on a pink background",
    "a rocket on a blue background",
    "a fox on a yellow background",
    "a hamburger on a green background",
    "a mushroom on a blue background",
)
"""What a visitor made, the newest last."""


def generate(page, url):
    """Some pictures of a visitor, and the newest with its receipt."""
    for count, prompt in enumerate(PROMPTS, 1):
        opened(page, f"{url}?prompt={prompt.replace(' ', '+')}")
        page.locator(".st-key-go button").click()
        if count > 1:  # the strip below has all of them
            page.locator(".st-key-recent .tiles button").nth(count - 1).wait_for()
    page.get_by_text("Applied exactly as asked.").wait_for()


def compare(page, url):
    """Steps against schedulers, as the form offers it."""
    page.goto(f"{url}?view=Compare")
    page.locator(".st-key-run button").click()
    page.get_by_text("Take it away").wait_for()
    page.locator(".st-key-verdict strong").wait_for()


def saved(browser, url, picture, height):
    context = browser.new_context(
        viewport={"width": 1360, "height": height}, device_scale_factor=PIXELS
    )
    context.set_default_timeout(SLOW)
    page = context.new_page()
    picture(page, url)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_function("() => [...document.images].every(image => image.complete)")
    page.mouse.move(0, 0)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(ASSETS / f"{picture.__name__}.webp", quality=82, method=6)
    context.close()


def main():
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        process, url = served(home)
        saved(browser, url, generate, 860)
        saved(browser, url, compare, 1000)
        process.terminate()
        process.wait()
        browser.close()


if __name__ == "__main__":
    main()
