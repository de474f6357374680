"""The comparison lab's logic, without a browser."""

import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from sdplay.compare.experiment import write_experiment
from sdplay.library import Library
from sdplay.params import KNOBS
from sdplay.picture import png_bytes
from sdplay.ui.compare import cells, experiments, sweeping
from sdplay.ui.compare.answers.shapes import WRAPPED
from sdplay.ui.compare.kinds import KINDS
from sdplay.ui.share import linked
from tests import making
from tests.fakes import a1111, png
from tests.paging import new_page, sentences
from tests.suites import in_full


def finished(page):
    """Run again once the sweep has ended: more runs would only slow it down."""
    for _ in range(240):
        if any(button.key == "take_sheet.png" for button in page.get("download_button")):
            return page
        newest().wait(5)
        page.run()
    raise AssertionError("the sweep never ended")


def newest():
    """The sweep that was started last."""
    return sweeping.board()._sweeps[-1]


def picked(page, place):
    """As if the cell had been clicked."""
    page.session_state[f"second_{newest().group}"] = place
    return page.run()


SMALL = {"view": "Compare", "steps": "2", "x_values": "2, 3", "width": "96", "height": "96"}


def opened(page, **settings):
    page.query_params.update({**SMALL, **settings})
    page.run()
    return page


def test_the_price_and_the_guard_stand_above_the_button(page):
    opened(page)
    assert "6 pictures" in sentences(page)
    assert "Fair: one thing differs per axis" in sentences(page)


def test_the_pill_says_what_is_the_same_in_all_pictures(page):
    opened(page)
    helps = " ".join(each.proto.help for each in page.markdown)
    assert re.search(r"The same in all.*seed 7, 96 × 96", helps)


def test_a_sweep_with_cells_that_keep_the_start_image_runs_and_answers(page):
    page = opened(page, x_axis="Strength", x_values="0, 0.2, 0.9", y_axis="Nothing")
    page.file_uploader(key="init_file_0").set_value(("teal.png", png((96, 96)), "image/png")).run()
    page = finished(page.button(key="run").click().run())
    assert not page.exception
    assert "3 of 3 pictures" in sentences(page)


def test_one_click_leaves_a_single_difference(page):
    page = picked(finished(opened(page).button(key="run").click().run()), (0, 1))
    assert "2 things differ: scheduler and steps" in sentences(page)
    page.button(key="lock_0").click().run()
    assert "1 thing differs: steps." in sentences(page)


@pytest.mark.parametrize("view", ["Variants", "Table"])
def test_the_rest_is_locked_where_it_is_said(page, view):
    opened(page, lab=view, table="scheduler,steps\neuler,3\nddim,2\n")
    assert "Not fair: scheduler and steps differ together" in sentences(page)
    page.button(key="plan_lock_steps").click().run()
    assert "Fair: one thing differs" in sentences(page)


def test_two_variants_under_the_glass_can_be_told_apart_in_one_thing(page):
    variants = '[{"scheduler":"euler","steps":3},{"scheduler":"ddim","steps":2}]'
    opened(page, lab="Variants", variants=variants, with_baseline="false")
    page = picked(finished(page.button(key="run").click().run()), (1,))
    page.button(key="lock_steps").click().run()
    assert page.slider(key="steps").value == 2
    assert page.selectbox(key="scheduler").value == "euler"


def test_the_page_on_which_a_lies_is_a_click_away(page):
    opened(page, z_axis="seed", z_values="1, 2")
    page = picked(finished(page.button(key="run").click().run()), (0, 0, 1))
    page.button(key="go_B").click().run()
    assert "go_B" not in [button.key for button in page.button]


def test_the_line_of_closed_axes_says_what_it_holds(page):
    opened(page, z_axis="seed", z_values="1, 2")
    assert "More axes: Seed" in [each.label for each in page.expander]


def test_values_that_cannot_be_read_are_answered_beside_the_field(page):
    opened(page, x_values="5-")
    assert not page.exception
    assert "For example" in sentences(page) or "like" in sentences(page)


def test_variants_differ_in_what_was_chosen_only(page):
    opened(page, lab="Variants")
    assert "4 pictures" in sentences(page)
    assert "Not fair: scheduler and steps differ together" in sentences(page)
    page.session_state["varying"] = ["scheduler"]
    assert "Fair: one thing differs" in sentences(page.run())


def test_a_variant_inherits_what_it_does_not_override(page):
    opened(page, lab="Variants", steps="8", variants='[{"scheduler":"ddim"},{"steps":3}]')
    first, _ = page.session_state["variants_ids"]
    assert page.number_input(key=f"variant_{first}_steps").placeholder == "8"
    assert page.text_input(key=f"variant_{first}_name").placeholder == "DDIM"
    page.number_input(key=f"variant_{first}_steps").set_value(5).run()
    assert page.session_state["variants_rows"] == [{"scheduler": "ddim", "steps": 5}, {"steps": 3}]
    assert "3 pictures" in sentences(page)
    page.selectbox(key=f"variant_{first}_scheduler").set_value(None).run()
    assert page.session_state["variants_rows"] == [{"steps": 5}, {"steps": 3}]


def test_variants_are_added_copied_and_taken_away(page):
    opened(page, lab="Variants", variants='[{"name":"mine","steps":9}]')
    (first,) = page.session_state["variants_ids"]
    page.button(key=f"variant_{first}_copy").click().run()
    page.button(key="variant_add").click().run()
    assert page.session_state["variants_rows"] == [
        {"name": "mine", "steps": 9},
        {"name": "mine copy", "steps": 9},
        {},
    ]
    assert "2 pictures" in sentences(
        page
    )  # the copy is the same picture, and what overrides nothing is not made
    page.button(key=f"variant_{first}_remove").click().run()
    assert page.session_state["variants_rows"] == [{"name": "mine copy", "steps": 9}, {}]


def test_what_a_column_overrides_waits_while_it_may_not_vary(page):
    opened(page, lab="Variants", variants='[{"scheduler":"ddim","steps":9}]')
    page.pills(key="varying").set_value(["scheduler"]).run()
    assert "Fair: one thing differs" in sentences(page)
    page.pills(key="varying").set_value(["scheduler", "steps"]).run()
    assert page.session_state["variants_rows"] == [{"scheduler": "ddim", "steps": 9}]


@pytest.mark.parametrize("value", ['"abc"', "100000", "null", "[]"])
def test_a_link_with_a_value_that_does_not_fit_inherits_instead(page, value):
    opened(
        page, lab="Variants", variants=f'[{{"scheduler":{value},"steps":{value}}},{{"steps":3}}]'
    )
    assert not page.exception
    assert page.session_state["variants_rows"] == [{}, {"steps": 3}]
    told = sentences(page.run()).count("does not fit here: as in the form.")
    assert told == (0 if value == "null" else 2)


def test_a_variant_that_another_backend_cannot_make_is_told(page, monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        opened(page, lab="Variants", variants='[{"scheduler":"deis","steps":9}]')
        page.selectbox(key="backend").set_value("a1111").run()
    assert not page.exception
    assert "DEIS does not fit here: as in the form." in sentences(page)
    assert page.session_state["variants_rows"] == [{"steps": 9}]


def test_variants_of_one_name_stay_apart(page):
    rows = (
        '[{"name":"a","steps":3},{"name":"a '
        '(2)","steps":4},{"name":"a","steps":5},{"name":"Baseline","steps":6}]'
    )
    opened(page, lab="Variants", variants=rows)
    assert "5 pictures" in sentences(page)


def test_an_opened_experiment_says_whether_it_was_reproduced(page):
    page = finished(opened(page).button(key="run").click().run())
    text = write_experiment(newest().plan, newest().results()).encode()
    page.file_uploader(key="open_plan").set_value(
        ("experiment.json", text, "application/json")
    ).run()
    page.button(key="open_take").click().run()
    page = finished(page.button(key="run").click().run())
    assert "Nothing was made anew: all 6 pictures are the same" in sentences(page)
    page.button(key="sweep_again").click().run()
    assert "Reproduced: all 6 pictures are the same" in sentences(finished(page))


def test_an_older_experiment_that_calls_a_backend_by_its_id_is_laid_against_its_rerun(page):
    opened(page, y_axis="backend", y_values="builtin")
    page = finished(page.button(key="run").click().run())
    text = write_experiment(newest().plan, newest().results())
    assert '"Built-in model"' in text
    page.file_uploader(key="open_plan").set_value(
        ("experiment.json", text.replace('"Built-in model"', '"builtin"').encode(), "text/plain")
    ).run()
    page.button(key="open_take").click().run()
    page = finished(page.button(key="run").click().run())
    assert "Nothing was made anew: all 2 pictures are the same" in sentences(page)


def test_an_opened_experiment_is_not_laid_against_another_prompt(page):
    page = finished(opened(page).button(key="run").click().run())
    text = write_experiment(newest().plan, newest().results()).encode()
    page.file_uploader(key="open_plan").set_value(
        ("experiment.json", text, "application/json")
    ).run()
    page.button(key="open_take").click().run()
    page.text_area(key="prompt").set_value("a fox").run()
    page = finished(page.button(key="run").click().run())
    assert "pictures differ" not in sentences(page)


@pytest.mark.parametrize("name", ["plan.json", "plan.toml", "plan.csv"])
def test_a_file_that_is_no_plan_is_refused_in_a_sentence(page, name):
    opened(page)
    page.file_uploader(key="open_plan").set_value((name, b"{[", "text/plain")).run()
    page.button(key="open_take").click().run()
    assert not page.exception
    assert len(page.warning) == 1


@pytest.fixture
def held(monkeypatch):
    """A server that works at its first picture until it may make more."""
    with a1111(most=0) as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        yield server
        server.most = 99


def cancelled(page):
    """A sweep that was stopped before anything was done."""
    axes = {"x_values": "2, 3", "y_axis": "Nothing"}
    opened(page, backend="a1111", **axes).button(key="run").click().run()
    page.button(key="sweep_cancel").click().run()
    assert newest().wait(120)
    return page.run()


@pytest.mark.usefixtures("held")
def test_after_a_cancel_the_rest_is_made_not_tried_again(page):
    assert cancelled(page).button(key="sweep_retry").label == "Make the other 2 pictures"


def test_one_cell_is_tried_again_without_the_others(page, held):
    page = picked(cancelled(page), (0,))
    held.most = 99
    page.button(key="cell_retry").click().run()
    assert newest().wait(120)
    assert [result.state for result in newest().results().values()] == ["made", "cancelled"]
    assert "1 of 2 pictures" in sentences(page.run())


def test_an_edited_plan_goes_on_with_what_is_left(page, held):
    axes = {"x_values": "2, 90", "y_axis": "Nothing"}
    opened(page, backend="a1111", **axes).button(key="run").click().run()
    page.button(key="sweep_edit").click().run()
    assert newest().paused
    page.text_input(key="x_values").set_value("2, 3").run()
    assert page.button(key="run").label.startswith("Continue with")
    held.most = 99
    finished(page.button(key="run").click().run())
    assert [
        [cell.params.steps for cell in sweep.plan.cells] for sweep in sweeping.board()._sweeps
    ] == [[2, 3]]


def test_a_table_fills_the_slots_of_the_prompt(page):
    opened(page, lab="Table", prompt="a {thing}", table="thing,pictures\nfox,2\nowl,")
    assert "**4 values:** fox 1 · fox 2 · owl 1 · owl 2" in sentences(page)
    page = finished(page.button(key="run").click().run())
    assert [(cell.params.prompt, cell.params.seed) for cell in newest().plan.cells] == [
        ("a fox", 7),
        ("a fox", 8),
        ("a owl", 7),
        ("a owl", 8),
    ]


def test_a_slot_of_the_prompt_is_an_axis(page):
    opened(
        page, prompt="a {thing} on snow", x_axis="{thing}", x_values="fox, owl", y_axis="Nothing"
    )
    assert "Fair: one thing differs" in sentences(page)


def test_a_csv_is_opened_as_a_table(page):
    opened(page)
    text = b"# prompt: a {thing}\nthing,steps\nfox,2\nowl,3\n"
    page.file_uploader(key="open_plan").set_value(("batch.csv", text, "text/csv")).run()
    page.button(key="open_take").click().run()
    assert page.text_area(key="table").value == "name,thing,steps\nfox,fox,2\nowl,owl,3\n"
    assert "**2 values:** fox · owl" in sentences(page)


@pytest.mark.parametrize("names", [["DDIM", "Heun"], ["ddim", "heun"]])
def test_the_link_brings_the_chosen_schedulers_back(page, names):
    opened(page, y_scheduler=names)
    assert page.multiselect(key="y_scheduler").value == ["ddim", "heun"]


def test_the_link_brings_the_variants_back(page):
    opened(page, lab="Variants", variants='[{"name":"mine","steps":9}]')
    assert "2 pictures" in sentences(page)


@pytest.mark.parametrize("name", in_full(linked.VARYING, [*linked.VARYING][::3]))
def test_variants_of_every_setting_open_from_their_link(page, name):
    opened(page, lab="Variants", varying=KNOBS[name].label)
    assert not page.exception


def test_variants_of_a_setting_that_this_backend_lacks_are_opened_without_it(page):
    opened(page)
    text = b'{"axes": [{"axis": "preset", "values": [{"name": "a", "model": "x", "steps": 3}]}]}'
    page.file_uploader(key="open_plan").set_value(("plan.json", text, "application/json")).run()
    page.button(key="open_take").click().run()
    assert not page.exception
    assert page.session_state["varying"] == ["steps"]


def test_what_a_browser_could_not_bear_is_told(page, monkeypatch):
    monkeypatch.setattr(cells, "AT_ONCE", 5)
    assert "2 cells more" in sentences(finished(opened(page).button(key="run").click().run()))


def test_the_charts_measure_against_a_chosen_cell_too(page):
    page = picked(
        finished(opened(page, x_values="2, 3, 4, 5").button(key="run").click().run()), (0, 0)
    )
    page.button(key="look_swap").click().run()
    page.segmented_control(key="against").set_value("A").run()
    assert "has not settled by 5 steps" in sentences(page)


def test_seconds_of_another_day_are_neither_a_scale_nor_a_tint(page):
    page = finished(opened(page, x_values="2, 3").button(key="run").click().run())
    page = finished(opened(page, x_values="2, 3, 4").button(key="run").click().run())
    offered = [page.segmented_control(key=key).options for key in ("scale", "tint")]
    assert offered == [["Steps", "Model evaluations"], ["No tint", "Difference"]]


def test_a_sweep_over_cfg_alone_has_its_chart_and_its_verdict(page):
    page = opened(page, x_axis="CFG scale", x_values="1, 2, 3, 4", y_axis="Nothing")
    page = finished(page.button(key="run").click().run())
    assert "What does more CFG scale change?" in sentences(page)
    assert "It changes " in sentences(page)
    moved, matched = (chart.proto.spec for chart in page.get("vega_lite_chart"))
    assert '"title": ["Colour distance", "to the value before"]' in moved
    assert '"title": "Prompt match"' in matched
    assert "labelExpr" not in moved + matched  # one line needs no legend


def test_hundreds_of_cells_are_sent_no_larger_than_they_are_drawn(tmp_path):
    library = Library(tmp_path)
    large = replace(making.finished(), data=png_bytes(Image.new("RGB", (768, 1024))))
    studio = SimpleNamespace(library=library, owner="")
    picture = library.save(large).id
    drawn = [files(studio, [picture])[picture] for files in (cells._files(100), cells._files(101))]
    assert [Image.open(io.BytesIO(jpeg)).size for jpeg in drawn] == [(384, 512), (192, 256)]
    library.close()


def titles_of(chart):
    """The lines of all its titles of several."""
    return [
        line
        for lines in re.findall(r'"title": \[(.*?)\]', chart.proto.spec)
        for line in json.loads(f"[{lines}]")
    ]


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        ({"lab": "Variants", "variants": '[{"steps":8}]'}, "Variant"),
        (
            {"lab": "Table", "prompt": "a {thing}", "table": "thing,steps\nfox,8"},
            "Row of the table",
        ),
    ],
)
def test_sentences_call_things_as_the_screen_does(page, settings, called):
    opened(page, **settings, z_axis="Steps", z_values="1, 2")
    assert f"Steps is set twice: by {called} and by Steps." in sentences(page)
    assert "Preset" not in sentences(page)


def test_a_and_b_say_which_setting_each_number_is(page):
    page = picked(
        finished(opened(page, y_axis="CFG scale", y_values="1, 2").button(key="run").click().run()),
        (0, 0),
    )
    assert "CFG scale: 2 → 1" in sentences(page)


def test_a_plan_that_was_run_is_one_line(page):
    page = finished(opened(page).button(key="run").click().run())
    assert "**Steps 2 · 3 × 3 schedulers** · 6 pictures" in sentences(page)
    page.button(key="sweep_edit").click().run()
    assert page.button(key="plan_new").label == "Close"


def test_run_again_makes_every_picture_anew_and_says_whether_it_is_the_same(page):
    page = finished(opened(page).button(key="run").click().run())
    page.button(key="sweep_again").click().run()
    page = finished(page)
    assert {result.state for result in newest().results().values()} == {"made"}
    assert "Reproduced: all 6 pictures are the same, pixel for pixel." in sentences(page)
    reloaded = new_page()
    reloaded.session_state["owner"] = page.session_state["owner"]
    assert "Reproduced: all 6 pictures" in sentences(opened(reloaded))


def test_two_runs_of_a_plan_are_told_apart_and_their_long_prompt_is_whole(page):
    prompt = "a red fox in the snow under a full moon by a dark, dark hill, oil painting"
    page = finished(opened(page, prompt=prompt).button(key="run").click().run())
    page.button(key="sweep_again").click().run()
    page = finished(page)
    assert prompt in sentences(page)
    runs = page.selectbox(key="sweep_of_2")
    page = runs.select(runs.options[0]).run()
    assert "Reproduced" not in sentences(page)
    assert prompt in sentences(page)


def test_a_sweep_that_ends_while_the_page_is_drawn_can_be_run_again_at_once(page, monkeypatch):
    def after_its_end(studio):
        for sweep in sweeping.mine(studio):
            sweep.wait(120)

    monkeypatch.setattr(experiments, "open_file", after_its_end)  # is drawn behind the plan's line
    page = opened(page).button(key="run").click().run()
    assert not page.button(key="sweep_again").disabled


def test_the_verdict_is_one_sentence_and_the_charts_below_say_no_other(page):
    page = opened(page, x_values="2, 3, 4, 5", y_axis="Nothing")
    page = finished(page.button(key="run").click().run())
    assert "**Nothing comes close to 5 steps: it still changes" in sentences(page)
    assert "has not settled by 5 steps" in sentences(page)


def test_presets_in_a_grid_can_be_told_apart_in_one_setting(page):
    opened(page, x_axis="Preset", y_axis="Nothing")
    page.button(key="plan_lock_steps").click().run()
    assert "Fair: one thing differs" in sentences(page)


@pytest.mark.parametrize("title", KINDS)
def test_every_kind_of_plan_can_be_drawn_up(page, title):
    opened(page, lab=title)
    assert not page.exception
    assert "picture" in page.button(key="run").label


def test_every_chart_fits_a_phone_and_has_a_table_of_what_it_draws(page):
    page = opened(page, x_values="2, 3, 4, 5", y_axis="Seed", y_values="1, 2")
    page = finished(page.button(key="run").click().run())
    titles = [title for chart in page.get("vega_lite_chart") for title in titles_of(chart)]
    assert "Colour distance," in titles
    assert max(map(len, titles)) <= WRAPPED
    for key in ("curves", "trade", "bands"):
        page.session_state[f"as_{key}"] = "Table"
    tables = [table.value for table in page.run().dataframe]
    assert [len(table) for table in tables] == [8, 4, 3]
    assert list(tables[0]) == ["Curve", "Picture", "Steps", "Colour distance", "1 − SSIM"]


def test_curves_of_one_scheduler_are_grouped_around_their_median(page):
    page = opened(page, z_axis="Seed", z_values="1, 2")
    page = finished(page.button(key="run").click().run())
    assert "Strong lines run through the median" in sentences(page)


def test_a_comparison_draws_its_words_once_and_says_so(page):
    opened(page, prompt="a __things__", x_axis="Seed", x_values="1-3", y_axis="(nothing)")
    assert "The words are drawn once, by the form's seed" in sentences(page)
    finished(page.button(key="run").click().run())
    prompts = {cell.params.prompt for cell in newest().plan.cells}
    assert len(prompts) == 1
    assert "__" not in prompts.pop()


def test_lists_in_the_values_of_an_axis_are_drawn_too(page):
    axes = {"x_axis": "Prompt", "x_values": "a __things__ || __things__", "y_axis": "(nothing)"}
    finished(opened(page, **axes).button(key="run").click().run())
    assert all("__" not in cell.params.prompt for cell in newest().plan.cells)


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        ("Кот на крыше", "The model read no word of the prompt: what is said here is not about it"),
        ("a fox and qwertz", "The model did not read 1 word of the prompt (qwertz)"),
    ],
)
def test_a_verdict_says_what_of_the_prompt_was_not_read(page, prompt, sentence):
    finished(opened(page, prompt=prompt).button(key="run").click().run())
    assert sentence in sentences(page.run())


def test_lines_of_a_chart_have_their_names_beside_them(page):
    page = opened(page, x_values="2, 3, 4")
    page = finished(page.button(key="run").click().run())
    chart = page.get("vega_lite_chart")[0].proto
    (ends,) = (each.data.data for each in chart.datasets if each.name == "ends")
    named = convert_arrow_bytes_to_pandas_df(ends)
    assert set(named["colour"]) == {"DDIM", "DPM++ 2M Karras", "Euler"}
    assert set(named["x"]) == {4.0}
    params = json.loads(chart.spec)["params"]
    assert [part["value"] for part in params if part["name"] == "right"] == [4.0]
    assert '"orient": "bottom"' not in chart.spec


@pytest.mark.usefixtures("held")
def test_a_second_click_on_run_begins_no_second_sweep(page):
    opened(page, backend="a1111").button(key="run").click().run()
    owner = page.session_state["owner"]
    assert newest().running
    page.button(key="plan_new").click().run()
    page.button(key="run").click().run()
    assert len(sweeping.board().of(owner)) == 1
    newest().cancel()


def test_the_same_may_run_again_once_it_has_ended(page):
    page = finished(opened(page).button(key="run").click().run())
    finished(page.button(key="sweep_again").click().run())
    assert len(sweeping.board().of(page.session_state["owner"])) == 2
