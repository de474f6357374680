"""Every name that an address may say: a value that cannot be used is told, whichever it is."""

import ast
import json
from pathlib import Path

import pytest

from sdplay.params import KNOBS
from sdplay.ui.share import linked
from tests.fakes import a1111
from tests.fakes_predict import address, hosted
from tests.measured_a1111 import measured
from tests.paging import ENTRY, sentences

ROOT = Path(ENTRY).parent
SOURCES = [ROOT / "streamlit_app.py", *(ROOT / "sdplay" / "ui").rglob("*.py")]
FAMILIES = [
    f"{place}_{rest}" for place in linked.PLACES for rest in ("axis", "values", "scheduler")
]
FREE = ("prompt", "negative", "hires_prompt", "hires_negative")
"""Settings that take any text."""
SETTINGS = [name for name, knob in KNOBS.items() if knob.is_plain and name not in FREE]
CHOICES = [name for name in (*linked.NAMES, *FAMILIES) if linked.of(name).options]
TEXTS = {
    "link": ("aaaaaaaa", "Generate", "This link is not known here."),
    "picture": ("nope", "Generate", "There is no such picture here"),
    "start": ("nope", "Generate", "The start image of this link is gone"),
    "start_mask": ("nope", "Generate", "The mask of this link is gone"),
    "guides": ("nope", "Generate", "no such setting: Guide pictures nope"),
    "init_url": ("nope", "Generate", "nope"),
    "sketch_strength": ("7", "Sketch", "instead of 7"),
    "sketch_soft": ("700", "Sketch", "instead of 700"),
    "guide_weight": ("7", "Sketch", "no such setting: ControlNet weight 7"),
    "guide_when": ("0.5", "Sketch", "no such setting: ControlNet from and until 0.5"),
    "reel_frames": ("7000", "Film", "instead of 7000"),
    "reel_zoom": ("7", "Film", "instead of 7"),
    "reel_turn": ("700", "Film", "instead of 700"),
    "reel_strength": ("nan", "Film", "instead of nan"),
    "reel_seed": ("-7", "Film", "instead of -7"),
    "reel_strengths": ("0.5", "Film", "instead of 0.5"),
    "reel_fps": ("1.5", "Film", "instead of 1.5"),
    "variants": ("[[[", "Compare", "instead of [[["),
    "table": ("steps\nabc", "Compare", "abc"),
    "leave_out": ("zebra", "Compare", "Prompt without: 'zebra' is not in the prompt"),
    "find": ("steps=abc", "Library", "abc"),
    "picked": ("nope", "Library", "A chosen picture is gone"),
    "lesson": ("nope", "Learn", "There is no lesson called nope"),
    **{f"{place}_values": ("4, lots", "Compare", "lots") for place in linked.PLACES},
}
"""Texts that whoever reads them judges: a wrong one, the tab that reads it, and what is said."""


def arrived(page, **says):
    page.query_params.update(says)
    assert not page.run().exception
    return sentences(page)


@pytest.fixture
def server(monkeypatch):
    """A server that has every setting."""
    with a1111() as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake


KARRAS = "DPM++ SDE Karras"
"""What the server below lists as DPM++ SDE, which takes Karras by itself."""


@pytest.fixture
def own_names(monkeypatch):
    with measured() as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        yield server


@pytest.mark.parametrize("view", ["Generate", "Compare", "Sketch", "Library"])
def test_a_wrong_value_of_every_setting_and_choice_is_told(page, server, view):
    names = [name for name in (*SETTINGS, *CHOICES) if name not in ("backend", "view", "styles")]
    wrong = {name: f"zz{number}" for number, name in enumerate(names, 10)}
    told = arrived(page, backend="a1111", view=view, **wrong)
    assert {name for name, text in wrong.items() if text not in told} == set()


@pytest.mark.parametrize(("name", "text"), [("backend", "zz"), ("view", "zz"), ("styles", "zz|yy")])
def test_a_wrong_backend_tab_or_style_is_told(page, server, name, text):
    told = arrived(page, **{"backend": "a1111", name: text})
    assert all(part in told for part in text.split("|"))


@pytest.mark.parametrize("name", TEXTS)
def test_a_wrong_text_is_told_by_whoever_reads_it(page, name):
    text, view, sentence = TEXTS[name]
    labs = {"table": "Table", "variants": "Variants", "leave_out": "Word by word"}
    beside = {"lab": labs[name]} if name in labs else {}
    if name.endswith("_values"):
        beside = {name.replace("_values", "_axis"): "cfg"}
    assert sentence in arrived(page, **{"view": view, **beside, name: text})


@pytest.mark.parametrize(
    ("says", "chosen"),
    [
        ({"y_values": "euler, Heun"}, ["Euler", "Heun"]),
        ({"x_axis": "SCHEDULER", "y_axis": "seed", "x_values": "ddim"}, ["DDIM"]),
        ({"y_values": "ddim", "y_scheduler": "euler"}, ["Euler", "DDIM"]),
    ],
)
def test_choices_written_as_the_text_of_an_axis_are_chosen(page, says, chosen):
    assert "instead of" not in arrived(page, view="Compare", **says)
    place = "x" if "x_axis" in says else "y"
    written = page.query_params[f"{place}_scheduler"]
    assert ([written] if isinstance(written, str) else written) == chosen
    assert f"{place}_values" not in page.query_params


@pytest.mark.parametrize("says", [{"y_values": "euler, dpm++ sde karras"}, {"y_scheduler": KARRAS}])
def test_an_axis_takes_every_name_that_the_server_takes(page, own_names, says):
    said = arrived(page, backend="a1111", view="Compare", y_axis="scheduler", **says)
    assert "instead of" not in said
    assert "DPM++ SDE" in page.query_params["y_scheduler"]


@pytest.mark.parametrize("name", ["scheduler", "hires_sampler"])
def test_a_setting_takes_every_name_that_the_server_takes(page, own_names, name):
    assert "instead of" not in arrived(page, backend="a1111", hires_scale="2", **{name: KARRAS})
    assert page.session_state[name] == "DPM++ SDE"


def test_a_schedule_type_that_counts_for_nothing_is_told_where_it_is_left_out(page, own_names):
    said = arrived(page, backend="a1111", scheduler="UniPC Karras")
    assert "instead of UniPC Karras" in said


def test_a_variant_takes_every_name_that_the_server_takes(page, own_names):
    says = {"lab": "Variants", "varying": "scheduler"}
    rows = json.dumps([{"scheduler": KARRAS}, {"scheduler": "euler"}])
    arrived(page, backend="a1111", view="Compare", **says, variants=rows)
    chosen = [box.value for box in page.selectbox if str(box.key).startswith("variant_")]
    assert chosen == ["DPM++ SDE", "euler"]


def test_the_text_of_an_axis_of_lists_stays_a_text(page, server):
    arrived(page, backend="a1111", view="Compare", x_axis="styles", x_values="Cinematic")
    assert page.query_params["x_values"] == "Cinematic"
    assert "x_styles" not in page.query_params


def test_a_wrong_choice_in_the_text_of_an_axis_is_told(page):
    assert "Euler instead of bogus" in arrived(page, view="Compare", y_values="euler, bogus")


def test_every_text_has_its_wrong_value_here():
    texts = {name for name in (*linked.NAMES, *FAMILIES) if linked.of(name).options is None}
    assert texts == {*TEXTS, "reel_prompt"}  # which takes any text


@pytest.mark.parametrize(
    "ends", [["0.2"], ["0.8", "0.2"], ["0.1", "0.2", "0.3"], ["x", "1"], ["0.5", "2"]]
)
def test_a_range_takes_its_two_ends_the_lesser_first(page, ends):
    told = arrived(page, view="Film", moves="Strength", reel_strengths=ends)
    assert f"instead of {', '.join(ends)}" in told
    assert page.slider(key="reel_strengths").value == (0, 1)


def test_a_range_may_be_a_single_number(page):
    told = arrived(page, view="Film", moves="Strength", reel_strengths=["0.5", "0.5"])
    assert "instead of" not in told
    assert page.slider(key="reel_strengths").value == (0.5, 0.5)


def test_a_switch_that_cannot_be_read_is_said_to_stand_where_it_stands(page):
    assert "Live false instead of zz" in arrived(page, view="Sketch", live="zz")
    assert page.toggle(key="live").value is False


@pytest.mark.parametrize("name", ["stepz", "own_speed", "x_nothing", "init", "<b>"])
def test_a_name_that_means_nothing_here_is_told_and_left_out(page, name):
    assert "No setting has such a name here" in arrived(page, **{name: "5"})
    assert name not in page.query_params


def test_a_setting_that_this_backend_lacks_is_told(page):
    told = arrived(page, clip_skip="3", faces="true", hires_scale="1")
    assert "this backend has no such setting: Clip skip 3; Face restore true." in told


def test_a_choice_may_be_written_by_its_id_or_label_in_any_case(page):
    page.query_params.update(view="library", whose="SHARED", x_axis="cfg", y_scheduler="euler")
    page.run()
    assert "instead of" not in sentences(page)
    assert (page.query_params["view"], page.query_params["whose"]) == ("Library", "Shared")
    assert (page.query_params["x_axis"], page.query_params["y_scheduler"]) == (
        "CFG scale",
        "Euler",
    )


def test_of_several_names_those_that_are_known_stay(page):
    told = arrived(page, view="Compare", y_scheduler=["euler", "zz"])
    assert "Scheduler in Rows Euler instead of zz" in told
    assert page.multiselect(key="y_scheduler").value == ["euler"]


def test_a_link_that_fits_says_nothing(page):
    page.query_params.update(view="Compare", lab="Grid", x_axis="Steps", x_values="2, 3", seed="4")
    page.run()
    assert not page.warning


def calls(path):
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_control_stands_in_the_address_without_a_judge(path):
    binding = [call for call in calls(path) if any(word.arg == "bind" for word in call.keywords)]
    assert binding == [], "use **linked.bound(name), or controls.bound() for a setting"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_is_read_from_the_address_is_among_the_judged_names(path):
    read = {
        node.args[0].value
        for node in calls(path)
        if isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "st.query_params"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert {name for name in read if name not in KNOBS and linked.of(name) is None} == set()


def test_a_control_without_an_entry_cannot_stand_in_the_address():
    with pytest.raises(KeyError, match="is not among the names"):
        linked.bound("brandnew")


def test_a_wrong_value_of_a_models_own_input_is_told(page, monkeypatch):
    own = {
        "prompt": {"type": "string"},
        "mood": {"type": "string", "enum": ["calm", "wild"], "default": "calm"},
        "glow": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
        "note": {"type": "string", "default": ""},
    }
    schema = {"components": {"schemas": {"Input": {"properties": own}}}}
    with hosted("cog", schema=schema) as endpoint:
        monkeypatch.setenv("SDPLAY_PREDICT_URL", address("cog", endpoint))
        told = arrived(
            page, backend="predict", own_mood="zz", own_glow="9", own_note="any", own_x="1"
        )
    assert "calm instead of zz" in told
    assert "1 instead of 9" in told
    assert "The link also says own_x." in told
    assert page.text_input(key="own_note").value == "any"
