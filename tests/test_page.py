"""The page's logic, without a browser: what a person sees after each act."""

import gc
import re
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from sdplay.backends import Capabilities, builtin
from sdplay.backends.a1111 import A1111
from sdplay.params import KNOBS
from sdplay.schedulers import PRESETS, SCHEDULERS
from sdplay.ui import session, tabs
from sdplay.ui.compare.kinds import KINDS
from sdplay.ui.form.fitting import shape_that_fits
from tests.fakes import a1111, png
from tests.measured_a1111 import measured
from tests.paging import sentences, settled


def test_the_page_opens_without_a_problem(page):
    page.run()
    assert not page.exception
    assert "A small model for learning" in sentences(page)


def test_what_is_loaded_with_the_page_is_not_looked_through_again(page):
    gc.unfreeze()
    session.settle.cache_clear()
    page.run()
    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize("link", ["", "abcdef"])
def test_a_data_folder_that_cannot_be_made_is_a_sentence_below_the_form(
    page, monkeypatch, tmp_path, link
):
    (tmp_path / "file").write_text("")
    if link:
        page.query_params["link"] = link
    with monkeypatch.context() as now:
        now.setenv("SDPLAY_HOME", str(tmp_path / "file" / "home"))
        page.run()
    assert not page.exception
    assert "cannot be made: Not a directory" in page.error[0].value.replace("\\", "")
    assert page.button(key="go")


def test_generate_shows_a_picture_with_its_receipt(page):
    page.run()
    page.slider(key="steps").set_value(3)
    settled(page.button(key="go").click().run())
    assert len(page.image) >= 1
    assert "Applied exactly as asked" in sentences(page)


def test_the_same_settings_come_from_the_library(page):
    page.run()
    page.slider(key="steps").set_value(2)
    for _ in range(2):
        settled(page.button(key="go").click().run())
    assert any("from your library" in each.value for each in page.markdown)


def test_cancel_says_so_and_keeps_the_settings(page):
    page.query_params.update({"steps": "500", "width": "256", "height": "256"})
    page.run()
    page.number_input(key="seed").set_value(41)
    page.button(key="go").click().run()
    page.button(key="cancel").click().run()
    settled(page)
    page.run()
    assert "Cancelled" in sentences(page)
    assert page.number_input(key="seed").value == 41


@pytest.mark.parametrize(("scheduler", "steps"), PRESETS)
def test_a_preset_changes_scheduler_and_steps_only(page, scheduler, steps):
    page.run()
    before = {name: page.session_state[name] for name in ("cfg", "seed", "prompt", "width")}
    label = f"{SCHEDULERS[scheduler].label} · {steps}"
    page.pills(key="preset").set_value(label).run()
    assert (page.session_state["scheduler"], page.session_state["steps"]) == (scheduler, steps)
    assert before == {name: page.session_state[name] for name in before}


def test_a_link_restores_the_form(page):
    page.query_params.update(prompt="two foxes", cfg="9.5", seed="99", steps="120")
    page.run()
    assert page.text_area(key="prompt").value == "two foxes"
    assert (page.slider(key="cfg").value, page.number_input(key="seed").value) == (9.5, 99)
    assert page.slider(key="steps").value == 120


def test_nonsense_in_a_link_falls_back_to_defaults(page):
    page.query_params.update(cfg="999", steps="abc", view="Nope", backend="nope")
    page.run()
    assert not page.exception
    assert page.slider(key="steps").value == KNOBS["steps"].default


def test_an_unreachable_backend_takes_nothing_from_the_form(page, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://127.0.0.1:9")
    page.query_params.update(backend=A1111.label)
    page.run()
    assert not page.exception
    assert "127.0.0.1:9" in sentences(page)
    assert page.slider(key="steps").value == 20


def test_a_size_the_model_cannot_make_is_answered_in_a_sentence(page):
    page.run()
    page.number_input(key="width").set_value(1024)
    settled(page.button(key="go").click().run())
    page.run()
    assert "Width must be a multiple of 32 from 96 to 256" in sentences(page).replace("\\", "")


def test_a_start_image_that_is_none_is_never_silently_left_out(page):
    page.run()
    page.file_uploader(key="init_file_0").set_value(
        ("x.png", b"hello, not a picture", "image/png")
    ).run()
    assert "is no picture (it begins with 'hello, not a')" in sentences(page).replace("\\", "")
    settled(page.button(key="go").click().run())
    assert "The start image cannot be used" in sentences(page)
    assert session.jobs().library.recent(page.session_state["owner"], 1) == []


@pytest.mark.parametrize(
    ("size", "step", "fitting"),
    [
        ((300, 200), 32, (192, 128)),
        ((200, 300), 32, (128, 192)),
        ((50, 50), 32, (128, 128)),
        ((300, 200), 8, (168, 112)),
        ((4000, 100), 32, (256, 96)),
    ],
)
def test_a_result_may_take_the_start_images_shape(size, step, fitting):
    assert (
        shape_that_fits(size, 128 * 128, Capabilities(size_limits=(96, 256), size_step=step))
        == fitting
    )


@pytest.mark.parametrize(("width", "lit"), [(128, (128, 128)), (160, None)])
def test_a_common_size_is_lit_only_while_it_is_the_size(page, width, lit):
    page.query_params.update(width=str(width), height="128")
    assert page.run().pills(key="shape").value == lit


def test_the_dice_change_only_the_seed(page):
    page.run()
    page.button(key="dice").click().run()
    assert page.number_input(key="seed").value != 7


@pytest.mark.parametrize("title", tabs.titles())
def test_every_panel_opens_from_its_link(page, title):
    page.query_params["view"] = title
    assert not page.run().exception
    assert page.session_state["view"] == title


def test_the_page_warms_its_model_up_once_it_is_drawn(page):
    builtin._warming.cache_clear()
    page.run()
    assert builtin._warming.cache_info().currsize == 1


def test_the_page_opens_without_the_panels_that_nobody_looks_at():
    opened = (
        "import sys; from sdplay.ui import tabs; tabs.titles(); import sdplay.ui.generate.panel"
    )
    told = (
        f"{opened}; print([name for name in ('numpy', 'altair', 'torch', "
        "'sdplay.sweeps') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout.strip()
        == "[]"
    )


def test_a_link_may_say_ids_instead_of_labels(page):
    page.query_params.update(scheduler="euler_a", backend="a1111")
    page.run()
    assert page.selectbox(key="backend").value == "a1111"
    page.query_params.update(scheduler="euler_a", backend="builtin")
    assert page.run().selectbox(key="scheduler").value == "euler_a"


def test_a_picture_begins_without_asking_the_server_all_over_again(page, monkeypatch):
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page.query_params.update(backend="a1111", steps="2")
        page.run()
        fake.asked.clear()
        settled(page.button(key="go").click().run())
        questions = {
            asked.path.split("?")[0] for asked in fake.asked if not asked.path.endswith("2img")
        }
    assert questions - {"/sdapi/v1/progress"} == {"/sdapi/v1/options"}  # which model it has now


def test_a_server_without_controlnet_says_so_where_it_is_looked_for(page, monkeypatch):
    with measured() as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        page.query_params["backend"] = "a1111"
        page.run()
        fold = next(each for each in page.expander if each.label == "ControlNet")
        assert "has no ControlNet" in fold.caption[0].value
        assert f"({server.url}/docs)" in fold.caption[0].value


def test_loras_and_embeddings_are_added_to_the_prompt(page, monkeypatch):
    with measured() as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        page.query_params["backend"] = "a1111"
        page.run()
        page.text_area(key="prompt").set_value("a fox")
        page.button_group(key="word_LoRA").set_value("ink").run()
        page.button_group(key="word_Embeddings").set_value("mood").run()
        assert page.text_area(key="prompt").value == "a fox <lora:ink:1>, mood"


def test_a_guide_picture_goes_out_as_a_controlnet_unit(page, monkeypatch):
    with a1111(extras=("controlnet",)) as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        page.query_params.update(backend="a1111", steps="2")
        page.run()
        page.file_uploader(key="control_0_1_image").set_value(
            ("lines.png", png(), "image/png")
        ).run()
        page.slider(key="control_0_1_weight").set_value(0.5)
        settled(page.button(key="go").click().run())
        unit = fake.requests()[0]["alwayson_scripts"]["controlnet"]["args"][0]
        assert (unit["weight"], unit["control_mode"], bool(unit["model"])) == (
            0.5,
            "Balanced",
            True,
        )


def test_what_was_applied_with_a_warning_is_never_called_exact(page):
    page.query_params.update(prompt="a zyxwv", steps="2")
    settled(page.run().button(key="go").click().run())
    told = sentences(page.run())
    assert "zyxwv" in told
    assert "Applied exactly as asked" not in told


def test_a_large_upload_is_held_once_however_often_the_page_is_drawn(page):
    data = png((64, 64))
    page.run().file_uploader(key="init_file_0").set_value(("teal.png", data, "image/png")).run()
    first = page.session_state["init_bytes"]
    page.button(key="go").click().run()
    assert page.session_state["init_bytes"] == data
    assert page.session_state["init_bytes"] is first


def test_another_backends_error_goes_when_the_backend_changes(page, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://127.0.0.1:9")
    page.query_params.update(backend="a1111", steps="2")
    settled(page.run().button(key="go").click().run())
    assert page.run().error or page.warning
    page.selectbox(key="backend").set_value("builtin").run()
    assert not [each for each in (*page.error, *page.warning) if "127.0.0.1" in each.value]


def test_a_fault_in_the_page_shows_no_paths_of_this_machine():
    def broken():
        raise RuntimeError("/secret/path.py")

    fault = AppTest.from_function(broken).run().exception[0]
    assert "/secret" not in fault.value
    assert list(fault.stack_trace) == []


@pytest.mark.parametrize(
    "link",
    [{}, {"steps": "3"}, *({"view": "Compare", "lab": kind} for kind in KINDS)],
    ids=lambda link: "-".join(link.values()),
)
def test_every_control_that_a_sentence_names_is_there(page, link):
    page.query_params.update(link)
    page.run()
    names = re.findall(r"(?:Under|or|[Pp]ress) \*{1,2}([^*]+)\*", sentences(page))
    labels = " ".join(control.label for control in (*page.button, *page.expander))
    assert [name for name in names if name not in labels] == []
    assert "the button above" not in sentences(page) or page.button(key="run")


def test_what_a_scheduler_does_is_folded_with_links_to_where_it_was_described(page):
    page.query_params["scheduler"] = "dpmpp_2m_karras"
    fold = next(fold for fold in page.run().expander if fold.label == "What it does")
    assert (
        "[DPM-Solver++, Lu et al. 2022](https://arxiv.org/abs/2211.01095)" in fold.caption[0].value
    )
    page.selectbox(key="scheduler").set_value("heun_karras").run()
    fold = next(fold for fold in page.expander if fold.label == "What it does")
    assert fold.caption[0].value.count("https://arxiv.org/abs/2206.00364") == 1
