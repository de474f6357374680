"""Every lesson is a sweep that can run."""

import pytest

from sdplay.ui.learn.panel import LESSONS
from tests.paging import sentences


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.icon)
def test_a_lesson_opens_the_lab_with_one_difference_along_every_axis(page, lesson):
    page.query_params.update(view="Learn", steps="2")
    page.run()
    page.button(key=f"start_{lesson.icon}").click().run()
    assert not page.exception
    assert any(button.key == "run" for button in page.button)
    assert sentences(page).count("1 thing differs") == len(lesson.axes)
    assert any(button.key in ("sweep_pause", "take_sheet.png") for button in page.button)
    page.button(key="sweep_cancel").click().run()


def test_the_prompt_survives_a_visit_to_a_tab_that_does_not_show_it(page):
    page.run()
    page.text_area(key="prompt").set_value("two green frogs").run()
    for view in ("Learn", "Learn", "Generate"):
        page.session_state["view"] = view
        page.run()
    assert page.text_area(key="prompt").value == "two green frogs"
