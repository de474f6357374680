"""The library and the lessons in a real browser."""

import pytest

from tests.serving import SLOW, generated, opened

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def made(tab, address, *seeds):
    for seed in seeds:
        generated(opened(tab, f"{address}?steps=2&seed={seed}"))
    tab.get_by_role("tab", name="Library").click()
    tab.get_by_text("Compare two").wait_for(timeout=SLOW)
    return tab


def test_a_click_opens_the_drawer_and_brings_the_settings_back(tab, address):
    made(tab, address, 101, 102)
    tab.locator(".tiles button").last.click()
    tab.get_by_role("button", name="Use these settings").click(timeout=SLOW)
    tab.wait_for_url("**seed=101**", timeout=SLOW)
    seed = "document.querySelector('.st-key-seed input').value"
    tab.wait_for_function(f"() => {seed} === '101'", timeout=SLOW)


def test_a_star_and_the_search_find_a_picture_again(tab, address):
    made(tab, address, 103, 104)
    tab.locator(".tiles button").first.click()
    tab.locator("[data-testid=stFeedback] button").nth(3).click(timeout=SLOW)
    tab.keyboard.press("Escape")
    tab.get_by_label("Search", exact=True).fill("stars>=4")
    tab.get_by_label("Search", exact=True).press("Enter")
    tab.get_by_text("1 picture ·").wait_for(timeout=SLOW)


def test_a_lesson_runs_at_one_click(tab, address):
    tab.goto(f"{address}?view=Learn&steps=2")
    tab.locator(".st-key-start_tune button").click(timeout=SLOW)
    tab.get_by_text("Take it away").wait_for(timeout=SLOW)
    assert tab.locator("table[role=grid] img[src]").count() == 6
