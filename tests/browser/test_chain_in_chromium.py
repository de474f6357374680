"""A chain in a real browser: opened, followed, there again after a reload, its pictures linked."""

import pytest

from tests.browser.chaining import followed

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_a_chain_is_followed_and_its_pictures_lead_to_each_other(tab, address):
    tab.goto(f"{address}?view=Compare")
    followed(tab)
    tab.reload()
    tab.get_by_text("apple: all 2 stages are done").wait_for()
    tab.locator(".st-key-chain_card .tiles button").nth(1).click()
    drawer = tab.get_by_role("dialog")
    drawer.get_by_text("Made from:", exact=True).wait_for()
    drawer.locator(".tiles button").first.click()
    drawer.get_by_text("Made from it:", exact=True).wait_for()
    drawer.get_by_text("Of the chain apple:", exact=True).wait_for()
