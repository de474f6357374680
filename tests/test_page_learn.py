"""Learn without a browser: predict, run, see the answer, and go on."""

import re

import pytest

from sdplay.lessons import shelf
from sdplay.ui import session
from tests.fakes import sends, site
from tests.paging import pause_for_pictures, sentences, settled
from tests.suites import in_full

COURSE = shelf.course()


def opened(page, lesson):
    page.query_params.update(view="Learn", lesson=lesson)
    return page.run()


def finished(page):
    """Run again until the lesson's pictures are there."""
    for _ in range(1200):
        if not any(button.key == "lesson_cancel" for button in page.button):
            return page
        pause_for_pictures()
        page.run()
    raise AssertionError("the lesson never ended")


def predicted(page, lesson, choice):
    page.radio(key=f"predict_{lesson.id}").set_value(choice).run()
    page.button(key="lesson_run").click().run()
    assert not page.exception
    return finished(page)


@pytest.mark.parametrize("lesson", in_full(COURSE, COURSE[::3]), ids=lambda lesson: lesson.id)
def test_a_lesson_asks_for_a_prediction_before_it_runs(page, lesson):
    opened(page, lesson.id)
    assert lesson.question in sentences(page)
    assert lesson.answer not in sentences(page)
    assert page.button(key="lesson_run").disabled
    page.radio(key=f"predict_{lesson.id}").set_value(0).run()
    assert not page.button(key="lesson_run").disabled
    assert not page.exception


def test_a_lesson_that_opened_by_itself_says_what_was_predicted_and_how_often_it_held(page):
    lesson = COURSE[0]
    page.query_params.update(view="Learn")
    page.run()
    predicted(page, lesson, 1)
    said = sentences(page)
    assert f"You predicted: {lesson.choices[1]}. It is: **{lesson.choices[0]}**" in said
    assert all(part in said for part in (lesson.answer, *(look.text for look in lesson.look)))
    assert lesson.measured.sentence in said
    assert "1 of 10 done" in said


def test_a_right_prediction_is_told_and_the_next_lesson_opens(page):
    lesson = COURSE[5]
    opened(page, lesson.id)
    predicted(page, lesson, lesson.right)
    assert "You predicted it" in sentences(page)
    page.text_input(key=f"sentence_{lesson.id}").set_value("More noise.").run()
    page.button(key="lesson_next").click().run()
    assert COURSE[6].question in sentences(page)
    record = page.session_state["lesson_record"].predictions[lesson.id]
    assert (record.choice, record.sentence) == (lesson.right, "More noise.")


def test_open_in_compare_has_every_picture_already(page):
    lesson = COURSE[5]
    opened(page, lesson.id)
    predicted(page, lesson, 0)
    page.button(key="lesson_compare").click().run()
    assert not page.exception
    assert "Fair: one thing differs" in sentences(page)
    assert page.session_state["view"] == "Compare"


def test_a_stranger_in_the_link_is_named_and_the_lessons_are_there(page):
    opened(page, "alchemy")
    assert "There is no lesson called alchemy." in sentences(page)
    assert COURSE[0].question in sentences(page)


def test_a_lesson_behind_this_network_is_refused_in_a_sentence(page):
    opened(page, "http://127.0.0.1:9/x.toml")
    assert "No lesson came from" in sentences(page)
    assert not page.exception


def test_a_linked_lesson_that_was_mended_comes_with_another_try(page, monkeypatch):
    monkeypatch.setenv("SDPLAY_ALLOW_PRIVATE_URLS", "1")
    text = (shelf.COURSE / "05-seed.toml").read_text()
    with site({"GET /x.toml": sends(b"title = 1")}) as served:
        opened(page, f"{served.url}/x.toml")
        assert "cannot be used" in sentences(page)
        served.routes["GET /x.toml"] = sends(text.encode())
        page.button(key="lesson_retry").click().run()
        assert COURSE[4].question in sentences(page)
    assert not any(button.key == "lesson_retry" for button in page.button)


def test_a_teachers_lesson_shows_its_text_and_none_of_its_markup(page, monkeypatch, tmp_path):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    (tmp_path / "lessons").mkdir()
    text = (shelf.COURSE / "01-steps.toml").read_text()
    text = text.replace("How many steps?", "![x](http://a.b/c.png) **loud**")
    text = re.sub('text = "', 'text = "https://a.b/look ', text)
    text = text.replace("2, 4, 8, 16, 32, 64", "2, 3, 4, 5, 6, 7")
    (tmp_path / "lessons" / "mine.toml").write_text(text)
    opened(page, "mine")
    assert not page.exception
    assert page.subheader[0].value.startswith("\\!\\[x\\]\\(http")
    predicted(page, shelf.read_file(tmp_path / "lessons" / "mine.toml"), 0)
    assert "//a.b/look" in sentences(page)
    assert "://a.b/look" not in sentences(page)


def test_five_questions_before_and_after_tell_the_gain(page):
    opened(page, "steps")
    for when in ("before", "after"):
        page.button(key="lesson_quiz").click().run()
        for number in range(5):
            page.radio(key=f"quiz_{when}_{number}").set_value(0)
        page.run()
        page.button(key="quiz_done").click().run()
    assert "Right before the lessons:" in sentences(page)
    assert not any(button.key == "lesson_quiz" for button in page.button)


def step(page, number):
    page.query_params.update(view="Learn")
    page.session_state["view"] = "Learn"
    page.run()
    page.button(key=f"path_{number}").click().run()
    assert not page.exception
    return page.session_state["view"]


def test_the_path_leads_from_eight_seeds_to_a_larger_picture(page):
    page.query_params.update(steps="2", seed="5")
    page.run()
    assert step(page, 0) == "Generate"
    settled(page)
    from sdplay.ui import session

    library, owner = session.jobs().library, page.session_state["owner"]
    assert library.total(owner=owner).count == 8
    assert step(page, 1) == "Library"
    assert step(page, 2) == "Compare"
    assert "one thing differs" in sentences(page)
    while any(button.key == "sweep_cancel" for button in page.button):
        pause_for_pictures()
        page.run()
    assert step(page, 3) == "Generate"
    settled(page)
    newest = library.recent(owner, 1)[0].params
    assert (newest.width, newest.height, newest.strength) == (192, 192, 0.4)
    assert newest.init


def test_a_step_that_this_backend_cannot_take_says_so(page):
    opened(page, "steps")
    assert page.button(key="path_4").disabled
    assert "This backend cannot; another one can." in sentences(page)


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [("a red fox", "Your prompt: a red fox"), ("", "the lesson's own is used")],
)
def test_a_lesson_says_with_whose_prompt_it_runs(page, prompt, sentence):
    page.query_params.update(prompt=prompt)
    opened(page, "cfg")
    page.toggle(key="lesson_own").set_value(True).run()
    assert sentence in sentences(page)


def test_the_prompt_survives_a_visit_to_a_tab_that_does_not_show_it(page):
    page.run()
    page.text_area(key="prompt").set_value("two green frogs").run()
    for view in ("Learn", "Learn", "Generate"):
        page.session_state["view"] = view
        page.run()
    assert page.text_area(key="prompt").value == "two green frogs"


def test_the_way_to_a_picture_begins_anew_where_the_library_was_emptied(page):
    page.session_state["lesson_path_step"] = 3
    opened(page, COURSE[0].id)
    button = {number: page.button(key=f"path_{number}") for number in range(5)}
    assert [number for number in button if not button[number].disabled] == [0, 2]
    assert "**1 Explore**" in sentences(page)


def test_a_picture_that_was_deleted_since_the_page_was_drawn_is_told(page):
    page.query_params.update(steps="2")
    opened(page, COURSE[0].id)
    settled(page.button(key="path_0").click().run())
    page.query_params.update(view="Learn")
    page.session_state["view"] = "Learn"
    page.run()
    library, owner = session.jobs().library, page.session_state["owner"]
    for picture in library.recent(owner, 50):
        library.delete(picture, owner)
    page.button(key="path_3").click().run()
    assert not page.exception
    assert "Your library is empty now" in sentences(page)
