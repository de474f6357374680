"""Pictures that a plan names: guide pictures, start images and masks lie beside it, and travel in
what is written."""

import base64
import json

import pytest
from PIL import Image

from sdplay.compare.axes import Offer, Setup
from sdplay.compare.experiment import read_experiment, write_experiment
from sdplay.compare.plan import Facts, plan
from sdplay.compare.planfile import plan_of, read_plan
from sdplay.errors import BadParams
from sdplay.params import Control, Params
from sdplay.picture import png_bytes
from tests.fakes import a1111
from tests.test_cli_sweep import sweep

UNIT = {"image": "guides/pose.png", "model": "canny [abc]", "module": "canny", "weight": 0.8}
SMALL = {"prompt": "a fox", "steps": 1, "size": "64x64"}


def colour(name):
    return png_bytes(Image.new("RGB", (64, 64), name))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "guides").mkdir()
    for name in ("pose", "depth"):
        (tmp_path / f"guides/{name}.png").write_bytes(colour("teal" if name == "pose" else "red"))
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    with a1111(extras=("controlnet",)) as fake:
        monkeypatch.setenv("SDPLAY_A1111_URL", fake.url)
        yield fake


def guides(server):
    """The guide picture of every request, or None."""
    units = [
        request.get("alwayson_scripts", {}).get("controlnet", {}).get("args", [])
        for request in server.requests()
    ]
    return [base64.b64decode(args[0]["image"]) if args else None for args in units]


def test_a_guide_picture_beside_the_plan_reaches_the_server(folder, server):
    told = {"base": {**SMALL, "control": UNIT}}
    code, said, _ = sweep(folder, told, "--json", "--backend", "a1111")
    assert (code, guides(server)) == (0, [colour("teal")]), said


def test_units_can_be_an_axis_and_the_experiment_runs_elsewhere(folder, server, tmp_path):
    other = {**UNIT, "image": "guides/depth.png"}
    told = {"base": SMALL, "axes": [{"axis": "control", "values": ["none", UNIT, [other, UNIT]]}]}
    _, _, first = sweep(folder, told, "--json", "--backend", "a1111")
    assert (first["made"], guides(server)) == (3, [None, colour("teal"), colour("red")])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept = json.loads((folder / "out/experiment.json").read_text())
    _, _, again = sweep(elsewhere, kept, "--json", "--fresh", "--backend", "a1111")
    assert (again["made"], again["differs"]) == (3, 0)


def test_rows_may_name_guide_pictures(folder, server):
    told = {
        "base": SMALL,
        "rows": [{"seed": 1, "control": [UNIT]}, {"seed": 2}, {"seed": 3, "control": []}],
    }
    sweep(folder, told, "--json", "--backend", "a1111")
    assert guides(server) == [colour("teal"), colour("teal"), None]


def test_a_plan_written_in_toml_has_units_too():
    text = '[base]\nprompt = "x"\n[[base.control]]\nimage = "a.png"\nmodel = "m"\nweight = 1\n'
    spec = read_plan(text, "toml")
    assert spec.picture_names == ("a.png",)
    (unit,) = spec.params({}, {"a.png": b"a"}).control
    assert unit == Control(b"a", "m", weight=1.0)


@pytest.mark.parametrize(
    ("control", "sentence"),
    [
        ("pose.png", "ControlNet: could not read 'pose.png'"),
        (["pose.png"], "a unit is an object, not 'pose.png'"),
        ({"image": "a.png"}, "a unit needs 'model'"),
        ({**UNIT, "strength": 1}, "a unit has no 'strength'"),
        ({**UNIT, "weight": "lots"}, "weight must be a number, not 'lots'"),
        ({**UNIT, "end": 3}, "end must be between 0 and 1, not 3"),
        ({**UNIT, "module": 5}, "module must be text, not '5'"),
    ],
)
def test_a_bad_unit_gets_a_sentence(control, sentence):
    with pytest.raises(BadParams, match="ControlNet") as caught:
        plan_of({"base": {"control": control}})
    assert sentence in str(caught.value)


def test_a_guide_picture_that_is_not_there_is_named(folder):
    told = {"base": {**SMALL, "control": {**UNIT, "image": "nowhere.png"}}}
    code, said, _ = sweep(folder, told, "--backend", "a1111")
    assert (code, "nowhere.png could not be read: No such file" in said) == (2, True)


def test_raw_payload_fields_are_an_object_in_a_plan():
    spec = plan_of(
        {
            "base": {"extra": {"tiling": True}},
            "axes": [{"axis": "extra", "values": [{"tiling": True}, {"s_churn": 0.5}]}],
            "rows": [{"seed": 1, "extra": {"eta": 1}}],
        }
    )
    assert spec.params({}, {}).extra_fields() == {"tiling": True}
    made = plan(Setup("a1111", Params()), spec.axes[1:])
    assert [cell.params.extra_fields() for cell in made.cells] == [
        {"tiling": True},
        {"s_churn": 0.5},
    ]
    assert json.loads(spec.axes[0][1][0]["extra"]) == {"eta": 1}


def test_a_preset_s_guide_pictures_travel_by_their_names():
    rows = [{"name": "one", "init": "start.png", "control": [UNIT]}]
    pictures = {"start.png": colour("blue"), UNIT["image"]: colour("teal")}
    made = plan(Setup("a1111", Params()), [("preset", rows)], Facts(Offer(pictures=pictures)))
    assert read_experiment(write_experiment(made, {})).images == pictures
