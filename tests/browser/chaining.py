"""A chain of two stages, opened out of its file on the page."""

import json

from tests.serving import SLOW

PLAN = {
    "stages": [
        {"stage": "base", "prompt": "a red apple", "seed": 7, "size": "128x128", "steps": 2},
        {"stage": "img2img", "strength": 0.5},
    ]
}


def followed(page):
    """From the tab Compare to the last picture of the chain."""
    page.locator(".st-key-open_file button:visible").first.click(timeout=SLOW)
    plan = {"name": "apple.json", "mimeType": "application/json"}
    plan["buffer"] = json.dumps(PLAN).encode()
    chooser = page.locator("[data-testid=stPopoverBody] input[type=file]")
    chooser.set_input_files(plan, timeout=SLOW)
    page.get_by_role("button", name="Follow the chain").click(timeout=SLOW)
    page.get_by_text("apple: all 2 stages are done").wait_for(timeout=SLOW)
    page.keyboard.press("Escape")  # out of Open
