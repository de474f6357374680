"""The tab Film without a browser: from the button to the file, and what cannot be."""

import pytest

from sdplay.film import MOST_FRAMES
from sdplay.ui.film.kinds import KINDS
from sdplay.ui.share import linked
from tests.paging import pause_for_pictures, sentences

SMALL = {"width": "128", "height": "128", "steps": "2"}


@pytest.fixture
def film_tab(page):
    page.query_params.update(view="Film", prompt="a red apple", **SMALL)
    assert not page.run().exception
    return page


def made(page):
    """Run again until no frame is at work."""
    for _ in range(600):
        if not any(button.key == "reel_cancel" for button in page.button):
            return page
        pause_for_pictures()
        assert not page.run().exception
    raise AssertionError("the film never ended")


def test_a_film_is_made_frame_by_frame_and_can_be_saved(film_tab):
    film_tab.number_input(key="reel_frames").set_value(3)
    made(film_tab.button(key="reel_go").click().run())
    assert "3 of 3 frames" in sentences(film_tab)
    assert film_tab.download_button(key="reel_save").label == "Save it"


def test_every_kind_can_stand_in_a_link():
    assert tuple(KINDS) == linked.FILMS


def test_a_link_may_ask_for_as_many_frames_as_a_film_may_have():
    assert linked.NAMES["reel_frames"].within == (1, MOST_FRAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_in_a_sentence_what_it_does(film_tab, kind):
    film_tab.segmented_control(key="moves").set_value(kind).run()
    assert KINDS[kind][0] in [caption.value for caption in film_tab.caption]


def test_two_prompts_become_one_film(film_tab):
    film_tab.segmented_control(key="moves").set_value("Two prompts").run()
    film_tab.number_input(key="reel_frames").set_value(3)
    film_tab.text_input(key="reel_prompt").set_value("a blue apple")
    made(film_tab.button(key="reel_go").click().run())
    assert "3 of 3 frames" in sentences(film_tab)


@pytest.mark.parametrize(
    ("moves", "sentence"),
    [
        ("Two prompts", "The last frame has no prompt yet."),
        ("Strength", "Strength moves only from a start image."),
    ],
)
def test_a_film_that_cannot_be_made_is_told(film_tab, moves, sentence):
    film_tab.segmented_control(key="moves").set_value(moves).run()
    film_tab.button(key="reel_go").click().run()
    assert sentence in sentences(film_tab)


def test_cancel_keeps_the_frames_and_going_on_makes_the_rest(film_tab):
    film_tab.number_input(key="reel_frames").set_value(1000)
    film_tab.button(key="reel_go").click().run()
    film_tab.button(key="reel_cancel").click().run()
    made(film_tab)
    film_tab.run()
    assert " of 1,000 frames" in sentences(film_tab)
    film_tab.button(key="reel_on").click().run()
    assert any(button.key == "reel_cancel" for button in film_tab.button)
    film_tab.button(key="reel_cancel").click().run()
    made(film_tab)


def test_what_was_set_outlasts_another_tab(film_tab):
    film_tab.number_input(key="reel_frames").set_value(60).run()
    film_tab.slider(key="reel_zoom").set_value(1.1).run()
    for view in ("Library", "Film"):
        film_tab.query_params["view"] = view
        assert not film_tab.run().exception
    assert film_tab.number_input(key="reel_frames").value == 60
    assert film_tab.slider(key="reel_zoom").value == 1.1
