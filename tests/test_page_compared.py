"""What the page shows of a finished comparison: one page, which all these tests look at."""

import pytest

from sdplay.ui.compare.views import VIEWS
from tests.paging import sentences
from tests.test_page_compare import finished, opened


@pytest.fixture(scope="module")
def page(lasting_page):
    """Six pictures of a prompt that the model can read."""
    return finished(opened(lasting_page, prompt="a fox").button(key="run").click().run())


def viewed(page, title):
    page.session_state["pictures_as"] = title
    return page.run()


@pytest.mark.parametrize("title", VIEWS)
def test_every_view_shows_it(page, title):
    viewed(page, title)
    assert page.session_state["pictures_as"] == title
    assert not page.exception


def test_it_is_answered(page):
    assert "step counts are too few to say" in sentences(page)


def test_the_first_two_pictures_under_the_glass_differ_in_one_thing(page):
    assert "1 thing differs: steps." in sentences(viewed(page, "Grid"))


def test_running_it_again_makes_nothing(page):
    assert "0 pictures, 0 model evaluations; 6 already made" in sentences(page.run())


def test_a_prompt_that_was_read_whole_is_not_spoken_of(page):
    assert "read no word" not in sentences(page)
    assert "did not read" not in sentences(page)


def test_the_judge_says_whether_the_prompted_thing_is_there(page):
    assert "The judge names the prompted thing in" in sentences(page)
    assert "It knows that model's world only." in sentences(page)
