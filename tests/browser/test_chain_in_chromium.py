"""A chain in a real browser: opened, followed, there again after a reload, its pictures linked."""

import json

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
PLAN = {
    "stages": [
        {"stage": "base", "prompt": "a red apple", "seed": 7, "size": "128x128", "steps": 2},
        {"stage": "img2img", "strength": 0.5},
    ]
}


def test_a_chain_is_followed_and_its_pictures_lead_to_each_other(tab, address):
    tab.goto(f"{address}?view=Compare")
    tab.locator(".st-key-open_file button").click()
    plan = {"name": "apple.json", "mimeType": "application/json"}
    plan["buffer"] = json.dumps(PLAN).encode()
    tab.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(plan)
    tab.get_by_role("button", name="Follow the chain").click()
    tab.get_by_text("apple: all 2 stages are done").wait_for()
    tab.reload()
    tab.get_by_text("apple: all 2 stages are done").wait_for()
    tab.locator(".st-key-chain_card .tiles button").nth(1).click()
    drawer = tab.get_by_role("dialog")
    drawer.get_by_text("Made from:", exact=True).wait_for()
    drawer.locator(".tiles button").first.click()
    drawer.get_by_text("Made from it:", exact=True).wait_for()
    drawer.get_by_text("Of the chain apple:", exact=True).wait_for()
