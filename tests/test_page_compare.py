"""The comparison lab's logic, without a browser."""

import time

import pytest

from sdplay.compare.experiment import write_experiment
from sdplay.ui import sweeping
from tests.paging import sentences


def finished(page):
    """Run again until the sweep has ended."""
    for _ in range(300):
        if any(button.key == "take_sheet.png" for button in page.get("download_button")):
            return page
        time.sleep(0.1)
        page.run()
    raise AssertionError("the sweep never ended")


def opened(page, **settings):
    page.query_params.update({"view": "Compare", "steps": "2", "x_values": "2, 3", **settings})
    page.run()
    return page


def test_the_price_and_the_guard_stand_above_the_button(page):
    opened(page)
    assert "6 pictures" in sentences(page)
    assert "Along Steps, 1 thing differs" in sentences(page)


def test_a_sweep_runs_and_answers(page):
    page = finished(opened(page).button(key="run").click().run())
    assert "2 things differ: scheduler and steps" in sentences(page)
    assert "step counts are too few to say" in sentences(page)


def test_running_it_again_makes_nothing(page):
    finished(opened(page).button(key="run").click().run())
    assert "0 pictures, 0 model evaluations; 6 already in the library" in sentences(page.run())


def test_one_click_leaves_a_single_difference(page):
    page = finished(opened(page).button(key="run").click().run())
    page.button(key="lock_0").click().run()
    assert "1 thing differs: steps." in sentences(page)


def test_values_that_cannot_be_read_are_answered_beside_the_field(page):
    opened(page, x_values="5-")
    assert not page.exception
    assert "For example" in sentences(page) or "like" in sentences(page)


def test_variants_differ_in_what_was_chosen_only(page):
    opened(page, lab="Variants")
    assert "4 pictures" in sentences(page)
    assert "2 things differ: scheduler and steps" in sentences(page)
    page.session_state["varying"] = ["scheduler"]
    assert "1 thing differs: scheduler" in sentences(page.run())


def test_an_opened_experiment_says_whether_it_was_reproduced(page):
    page = finished(opened(page).button(key="run").click().run())
    sweep = next(iter(sweeping._everyones().values()))[-1]
    text = write_experiment(sweep.plan, sweep.results()).encode()
    page.file_uploader(key="open_plan").set_value(("experiment.json", text, "application/json")).run()
    page.button(key="open_take").click().run()
    page = finished(page.button(key="run").click().run())
    assert "Reproduced: all 6 pictures are the same" in sentences(page)


@pytest.mark.parametrize("name", ["plan.json", "plan.toml", "plan.csv"])
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(page, name):
    opened(page)
    page.file_uploader(key="open_plan").set_value((name, b"{[", "text/plain")).run()
    page.button(key="open_take").click().run()
    assert not page.exception
    assert len(page.warning) == 1
