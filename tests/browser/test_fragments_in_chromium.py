"""Clicks inside a part of the page that runs alone: their effect comes at once, never with a later
click."""

from itertools import zip_longest
from pathlib import Path

import pytest

from tests.serving import SLOW, generated, opened, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SEEN = """() => [
  ...[...document.querySelectorAll("input, textarea")].map(it => [it, it.value + it.checked]),
  ...[...document.querySelectorAll("[data-testid=stImage] img")].map(it => [it, it.alt]),
  ...[...document.querySelectorAll("[data-testid=stMarkdown]")].map(it => [it, it.innerText]),
].filter(([it]) => !it.closest("[role=dialog]")).map(([it, seen]) => seen)"""
"""What a person sees of the form and of the answers; a dialog ends with any run of the page."""
DRAWN = "() => !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')"
"""Nothing is left of an earlier run, and the script of every part is here."""
PRESSED = "[data-testid=stButton] button:not([disabled]):visible"


def quiet(tab):
    """Wait until nothing has run for a while, and no picture or film is at work that would still
    change what is seen."""
    for _ in range(3):
        tab.wait_for_timeout(300)
        for working in (".st-key-cancel", ".st-key-reel_cancel"):
            tab.locator(working).wait_for(state="detached", timeout=SLOW)
        tab.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)
        tab.wait_for_function(DRAWN, timeout=SLOW)


def late(tab):
    """What a run of the whole page changes in what is seen; nothing, if every effect has come."""
    quiet(tab)
    before = tab.evaluate(SEEN)
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("r")
    quiet(tab)
    after = tab.evaluate(SEEN)
    return [(was, now) for was, now in zip_longest(before, after) if was != now]


def test_vary_makes_the_next_seed_at_once(tab, address):
    generated(opened(tab, address + "?steps=2&seed=40"))
    tab.locator(".st-key-vary button").first.click()
    tab.get_by_role("cell", name="41").first.wait_for(timeout=SLOW)
    assert tab.locator(".st-key-seed input").input_value() == "41"
    assert late(tab) == []


def test_start_from_it_shows_the_start_image_at_once(tab, address):
    generated(opened(tab, address + "?steps=2&seed=50"))
    tab.locator(".st-key-result_more button").click()
    tab.locator(".st-key-start_result button").first.click()
    start = tab.get_by_alt_text("Start image")
    start.wait_for(state="attached", timeout=SLOW)
    assert late(tab) == []
    tab.reload()
    start.wait_for(state="attached", timeout=SLOW)
    quiet(tab)
    tab.go_back()
    start.wait_for(state="detached", timeout=SLOW)


def drawer(tab, address):
    generated(opened(tab, address + "?steps=2&seed=60"))
    tab.locator(".tiles button").first.click()
    dialog = tab.get_by_role("dialog")
    dialog.wait_for(timeout=SLOW)
    quiet(tab)
    return dialog


def more(tab, address):
    drawer(tab, address).get_by_role("button", name="More", exact=True).click()
    return tab.locator("[data-testid=stPopoverBody]")


@pytest.mark.parametrize("state", [drawer, more])
def test_every_button_has_its_whole_effect_at_once(tab, address, state):
    generated(opened(tab, address + "?steps=2&seed=59"))
    number, names, incomplete = 0, [], {}
    while True:
        buttons = state(tab, address).locator(PRESSED)
        quiet(tab)
        if number >= buttons.count():
            break
        names.append(buttons.nth(number).inner_text())
        buttons.nth(number).click()
        if changes := late(tab):
            incomplete[names[-1]] = changes
        number += 1
    assert names
    assert incomplete == {}


def test_what_a_part_shows_no_more_goes_though_another_part_runs_at_once(tab, tmp_path):
    process, url = served(tmp_path, Path(__file__).parent / "shrinking_page.py")
    tab.goto(url)
    tab.get_by_text("Line 3").wait_for(timeout=SLOW)
    tab.get_by_text("Fewer").click()
    tab.locator("[data-stale=true]").first.wait_for(state="attached", timeout=SLOW)
    tab.get_by_text("Line 3").wait_for(state="detached", timeout=SLOW)
    assert tab.get_by_text("Line 1").count() == 1
    # A page that runs by itself complains when its server goes first.
    tab.goto("about:blank")
    process.kill()
    process.wait()
