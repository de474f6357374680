"""The whole queue on the page: one's own pictures marked and cancelled, others' without a name."""

import re

import pytest

from tests.fakes import a1111
from tests.serving import SLOW, at_last, opened, served

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SECRET_PROMPT = "the plans of the other one"


@pytest.fixture
def page(browser, tmp_path):
    """A page whose backend takes long for each picture."""
    with a1111(step_seconds=1) as server:
        process, url = served(tmp_path, SDPLAY_A1111_URL=server.url, SDPLAY_BACKEND="a1111")
        yield f"{url}?steps=150"
        process.kill()
        process.wait()


@pytest.fixture
def stranger(browser, page):
    """Somebody else, whose picture is at work."""
    context = browser.new_context()
    context.set_default_timeout(SLOW)
    other = context.new_page()
    opened(other, f"{page}&prompt={SECRET_PROMPT}")
    other.locator(".st-key-go button").click()
    other.get_by_text(re.compile("Step [0-9]+ of 150")).wait_for()
    yield other
    context.close()


def rows(tab):
    return tab.locator(".st-key-queue [data-testid=stMarkdownContainer] p")


def test_the_queue_tells_whose_what_and_when_and_own_ones_leave_it(page, stranger, tab):
    opened(tab, f"{page}&prompt=mine")
    tab.get_by_text("1 picture in the queue").wait_for()
    tab.locator(".st-key-go button").click()
    mine = rows(tab).filter(has_text="Yours: 1 picture")
    mine.filter(has_text="“mine”").filter(has_text="next").wait_for()
    others = rows(tab).filter(has_text="Somebody else's: 1 picture")
    others.filter(has_text="at work").wait_for()
    assert SECRET_PROMPT not in tab.content()
    rows(stranger).filter(has_text="Somebody else's").filter(has_text="next").wait_for()
    tab.locator(".st-key-cancel button").click()
    tab.get_by_text("Cancelled.").wait_for()
    rows(stranger).first.wait_for(state="detached")


def test_of_several_own_ones_each_has_its_button_and_nothing_stays_of_those_that_left(
    page, stranger, tab
):
    opened(tab, f"{page}&prompt=mine")
    for mine in (1, 2, 3):
        tab.locator(".st-key-seed input").fill(str(mine))
        tab.locator(".st-key-go button").click()
        rows(stranger).filter(has_text="Somebody else's").nth(mine - 1).wait_for()
    buttons = tab.locator(".st-key-queue button")
    assert at_last(buttons.count, 3) == 3
    buttons.first.click()
    tab.get_by_text("1 more of yours in the queue").wait_for()
    assert at_last(buttons.count, 2) == 2
    assert at_last(rows(tab).filter(has_text="Yours: 1 picture").count, 2) == 2
    buttons.first.click()
    assert at_last(buttons.count, 0) == 0
    assert at_last(rows(tab).filter(has_text="Yours: 1 picture").count, 1) == 1
    assert at_last(tab.get_by_role("button", name="Cancel all").count, 0) == 0


def test_the_queue_of_others_can_be_looked_at_before_a_click(page, stranger, tab):
    opened(tab, page)
    tab.get_by_text("1 picture in the queue").click()
    tab.get_by_text("Somebody else's: 1 picture").wait_for()
    stranger.locator(".st-key-cancel button").click()
    tab.get_by_text("The queue is empty now.").wait_for()
