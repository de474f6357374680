"""The local process on the page: who may start it, what is asked, what a crash looks like."""

import os
import signal

import pytest

from sdplay.backends.local import process
from sdplay.backends.local.process import OURS
from sdplay.ui import session
from sdplay.ui.form import visit
from tests.local_process import FAKE, free_port, until
from tests.paging import sentences, settled

HERE = {"Host": "localhost:8501", "Origin": "http://localhost:8501"}


@pytest.fixture
def local(page, monkeypatch):
    monkeypatch.setattr(OURS, "program", (str(FAKE),))
    monkeypatch.setattr(process, "NEEDS", ("json",))
    monkeypatch.setenv("SDPLAY_LOCAL_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("SDPLAY_LOCAL_START", "1")
    page.query_params.update(backend="local", steps="3")
    yield page.run()
    OURS.stop()
    OURS.sentence = ""


def started(page):
    page.button(key="local_start").click().run()
    until(lambda: OURS.state == "ready" and not has(page, "local_stop"), meanwhile=page.run)


def has(page, key):
    return any(button.key == key for button in page.button)


def test_the_page_offers_to_start_one(local):
    assert "No local process answers yet" in sentences(local)
    assert local.selectbox(key="local_model").options == ["Built-in model's weights"]
    assert local.selectbox(key="local_device").options == ["Auto", "CPU", "CUDA", "MPS"]
    assert local.selectbox(key="local_dtype").options == ["Auto", "fp32", "fp16", "bf16"]


def test_start_brings_a_process_that_makes_pictures(local):
    started(local)
    assert not local.exception
    assert not has(local, "local_start")
    settled(local.button(key="go").click().run())
    assert len(local.image) >= 1


def test_a_model_for_depth_and_tiles_can_be_chosen(local, tmp_path, monkeypatch):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "config.json").write_text('{"architectures": ["DPTForDepthEstimation"]}')
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    local.run()
    assert local.selectbox(key="local_depth").options == ["None", "far"]
    assert local.selectbox(key="local_tile").options[:2] == ["Whole", "Tiles of 512"]
    local.selectbox(key="local_depth").set_value(str(tmp_path / "far"))
    local.selectbox(key="local_tile").set_value(512)
    started(local)
    assert (OURS.launch.depth, OURS.launch.tile) == (str(tmp_path / "far"), 512)
    assert OURS.capabilities.control_modules == ("depth",)


def test_a_crash_in_the_middle_is_told_and_the_next_picture_comes(local):
    started(local)
    local.text_area(key="prompt").set_value("endless")
    local.button(key="go").click().run()
    until(lambda: any(bar.value for bar in local.get("progress")), meanwhile=local.run)
    os.kill(OURS._child.pid, signal.SIGKILL)
    settled(local)
    assert "It was started anew. Make the picture again." in sentences(local.run())
    local.text_area(key="prompt").set_value("a fox")
    settled(local.button(key="go").click().run())
    assert len(local.image) >= 1


def test_pictures_wait_for_a_first_start_and_have_the_models_own_size(local, tmp_path, monkeypatch):
    slow = tmp_path / "slow.safetensors"
    slow.touch()
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    for backend in ("builtin", "local"):
        local.selectbox(key="backend").set_value(backend).run()
    local.selectbox(key="local_model").set_value(str(slow))
    local.button(key="local_start").click().run()
    until(lambda: "is being loaded" in sentences(local), meanwhile=local.run)
    assert (local.button(key="go").disabled, local.session_state["width"]) == (True, 512)
    slow.write_text("weights")
    until(lambda: not local.button(key="go").disabled, meanwhile=local.run)
    settled(local.button(key="go").click().run())
    assert session.jobs().library.recent(local.session_state["owner"], 1)[0].width == 128


def test_settings_that_come_with_another_backend_stay_as_they_are(page):
    page.run().session_state["backend"] = "local"
    page.session_state["width"] = page.number_input(key="width").value
    assert page.run().session_state["width"] == 128


def test_loras_and_embeddings_are_offered_under_the_prompt(local):
    started(local)
    local.text_area(key="prompt").set_value("a fox")
    for group, word in (("LoRA", "ink"), ("Embeddings", "paper")):
        local.pills(key=f"word_{group}").set_value(word).run()
    assert local.text_area(key="prompt").value == "a fox <lora:ink:1>, paper"


def test_a_click_is_not_lost_when_the_process_has_just_changed(local):
    started(local)
    os.kill(OURS._child.pid, signal.SIGKILL)
    until(lambda: OURS.sentence)
    settled(local.button(key="go").click().run())
    assert len(local.image) >= 1


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("broken", "ended before it was ready: broken.safetensors is cut off."),
        ("half", "is off. Only half of it is there."),
    ],
)
def test_a_start_that_fails_is_told_and_another_model_can_be_chosen(
    local, tmp_path, monkeypatch, file, says
):
    (tmp_path / f"{file}.safetensors").touch()
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    local.run().selectbox(key="local_model").set_value(str(tmp_path / f"{file}.safetensors"))
    local.button(key="local_start").click().run()
    until(lambda: OURS.state != "starting" and has(local, "local_start"), meanwhile=local.run)
    assert says in sentences(local)


def test_a_visitor_from_elsewhere_can_start_only_what_is_listed(local, tmp_path, monkeypatch):
    (tmp_path / "mine.safetensors").touch()
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    local.run().selectbox(key="local_model").set_value(str(tmp_path / "mine.safetensors"))
    monkeypatch.delenv("SDPLAY_MODELS")
    local.button(key="local_start").click().run()
    assert "Choose models of the lists" in sentences(local)
    assert OURS.state == "off"


def test_a_visitor_from_elsewhere_names_no_folder_for_depth(local, tmp_path, monkeypatch):
    config = tmp_path / "far" / "config.json"
    config.parent.mkdir()
    config.write_text('{"architectures": ["DPTForDepthEstimation"]}')
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    local.run().selectbox(key="local_depth").set_value(str(config.parent))
    config.unlink()
    local.button(key="local_start").click().run()
    assert "Choose models of the lists" in sentences(local)
    assert OURS.state == "off"


def test_without_the_extra_the_page_says_how_to_install_it(local, monkeypatch):
    monkeypatch.setattr(process, "NEEDS", ("no_such_package",))
    local.run()
    assert "needs torch and diffusers" in sentences(local)
    assert "-m pip install '.[local]'" in local.code[0].value


def test_nobody_starts_anything_where_the_owner_says_no(local, monkeypatch):
    for rule in ("0", ""):  # a test's visit comes from nowhere, which is not this machine
        monkeypatch.setenv("SDPLAY_LOCAL_START", rule)
        assert not has(local.run(), "local_start")


@pytest.mark.parametrize(
    ("address", "headers", "direct"),
    [
        (None, HERE, True),
        (None, {"host": "[::1]:8501", "origin": "http://[::1]:8501"}, True),
        ("10.0.0.7", HERE, False),
        (None, {}, False),
        (None, {**HERE, "Host": "play.example.org"}, False),
        (None, {**HERE, "Origin": "https://evil.example.org"}, False),
        (None, {**HERE, "X-Forwarded-For": "127.0.0.1"}, False),
    ],
)
def test_a_visit_from_this_machine_is_told_from_others(address, headers, direct):
    assert visit.direct(address, headers) is direct
