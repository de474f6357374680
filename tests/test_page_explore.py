"""Compare's further questions on the page, without a browser: word by word, latency, two backends,
coarse to fine, and what is left when pictures were rejected."""

import json

import pytest

from sdplay.compare.exports import line_ends
from sdplay.compare.planfile import plan_of
from sdplay.ui.compare import rejecting
from sdplay.ui.compare.answers import shapes
from tests.fakes import a1111
from tests.paging import sentences
from tests.test_page_compare import finished, newest, opened


def ran(page, **settings):
    return finished(opened(page, **settings).button(key="run").click().run())


def test_the_words_of_the_prompt_are_ranked_under_the_pictures(page):
    page = ran(page, lab="Word by word", prompt="a red fox")
    assert [cell.name for cell in newest().plan.cells] == [
        "whole prompt",
        "without a",
        "without red",
        "without fox",
    ]
    assert "Which words matter?" in sentences(page)
    assert "changes the picture most" in sentences(page)


def test_parts_and_seeds_of_word_by_word_stand_in_the_address(page):
    opened(page, lab="Word by word", prompt="a fox, in snow", leave_out="each part", word_seeds="2")
    assert not page.exception
    assert "6 pictures" in sentences(page)


def test_a_latency_is_made_anew_and_told_with_its_spread(page):
    settings = {"lab": "Latency", "runs": "5", "prompt": "a fox"}
    ran(page, **settings)
    page = finished(page.button(key="run").click().run())
    assert newest().counts() == {"made": 5}
    assert sentences(page).count("over 4 repeats") == 2  # as the verdict, and in its place
    assert "nothing here changes them" not in sentences(page)
    assert "Every repeat gave the same picture, pixel for pixel." in sentences(page)


def test_the_runs_of_several_pictures_have_their_names_beside_them(page):
    axes = {"z_axis": "Steps", "z_values": "2, 3"}
    page = ran(page, lab="Latency", runs="2", prompt="a fox", **axes)
    (chart,) = (
        chart for chart in page.get("vega_lite_chart") if "Seconds of each run" in chart.proto.spec
    )
    assert '"legend": null' in chart.proto.spec
    assert {dataset.name for dataset in chart.proto.datasets} == {"rows", "ends"}


def test_long_names_of_runs_stand_uncut_under_them():
    shape = shapes.runs(shapes.Legend.of({"a word that is far too long for a line, " * 3, "b"}))
    legend = json.loads(shape)["layer"][0]["encoding"]["color"]["legend"]
    assert (legend["orient"], legend["columns"], legend["labelLimit"]) == ("bottom", 1, 0)


def test_names_stand_apart_though_one_of_the_lines_begins_far_above_the_others():
    rows = [
        {"colour": colour, "x": x, "distance": distance}
        for colour in ("a", "b")
        for x, heights in ((4, (0.1, 0.1, 0.8)), (8, (0.0, 0.0, 0.0)))
        for distance in heights
    ]
    chart = shapes.filled(shapes.runs(shapes.Legend.of({"a", "b"})), rows)
    low, high = sorted(end["distance"] for end in chart["datasets"]["ends"])
    assert (high - low) / 0.8 * shapes.HIGH == pytest.approx(line_ends.LINE)


def test_two_backends_are_laid_against_each_other(page, monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page = ran(page, lab="Two backends", other_backend="a1111", scheduler="euler")
        assert "Built-in model and Automatic1111, Forge and the like " in sentences(page)


def test_coarse_to_fine_spares_pictures_and_makes_them_on_request(page):
    opened(page, x_values="1-17", y_axis="", scheduler="euler", cfg="1")
    page.toggle(key="lab_refine").set_value(True).run()
    assert page.button(key="run").label == "Run up to 17 pictures"
    page = finished(page.button(key="run").click().run())
    counts = newest().counts()
    assert counts.get("made", 0) + counts.get("spared", 0) == 17
    if "spared" in counts:
        assert "Coarse to fine: " in sentences(page)
        finished(page.button(key="sweep_fill").click().run())
        assert newest().counts() == {"made": 17}


@pytest.mark.parametrize("view", ["Flipbook", "Sort"])
def test_what_stays_can_be_saved_as_a_plan(page, view):
    page = ran(page)
    page.session_state["pictures_as"] = view
    page.session_state[f"rejected_{newest().group}"] = frozenset({(0, 0), (0, 1), (0, 2)})
    page.run()
    assert not page.exception
    (button,) = [each for each in page.get("download_button") if each.key == "take_rest"]
    assert button.label == "Plan of the other 3 pictures"


def test_the_saved_plan_has_only_what_stays(page):
    ran(page)
    text = rejecting.plan_of_rest(newest(), frozenset({(0, 0), (0, 1), (0, 2)}))
    assert plan_of(json.loads(text)).axes == (
        ("steps", [3]),
        ("scheduler", ["euler", "ddim", "dpmpp_2m_karras"]),
    )


def test_coarse_to_fine_comes_back_with_the_plan(page):
    opened(page, x_values="1-9", y_axis="", scheduler="euler", cfg="1")
    page.toggle(key="lab_refine").set_value(True).run()
    page = finished(page.button(key="run").click().run())
    page.toggle(key="lab_refine").set_value(False).run()
    page.button(key="sweep_edit").click().run()
    assert page.toggle(key="lab_refine").value is True


def test_a_picture_is_not_laid_against_itself_where_the_other_backend_failed(page, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://127.0.0.1:9")
    page = ran(page, lab="Two backends", prompt="a fox")
    assert "1 failed" in sentences(page)
    assert "pixel for pixel" not in sentences(page)


def test_fewer_seeds_are_offered_only_where_they_are_typed(page):
    opened(page, lab="Word by word", prompt="a red fox", word_seeds="8")
    assert not any(button.key == "cheaper" for button in page.button)
    page.segmented_control(key="lab").set_value("Grid").run()
    page.text_input(key="x_values").set_value("1, 2, 3, 4, 5, 6, 7, 8").run()
    page.button(key="cheaper").click().run()
    assert page.text_input(key="x_values").value == "1, 2, 3, 5, 8"
