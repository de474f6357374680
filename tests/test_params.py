"""Params: checks itself, travels as JSON, names exactly one picture."""

import hashlib

import pytest

from sdplay.errors import BadParams
from sdplay.params import KNOBS, Control, Params, differing, image_name


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 900}, "Steps must be between 1 and 500, not 900."),
        ({"steps": 2.5}, "Steps must be a whole number, not 2.5."),
        ({"cfg": "lots"}, "CFG scale must be a number, not 'lots'."),
        ({"cfg": float("nan")}, "CFG scale must be a number, not nan."),
        ({"width": 500}, "Width must be a multiple of 8, not 500. The nearest is 496."),
        ({"seed": -1}, "Seed must be between 0 and 9223372036854775807, not -1."),
        ({"prompt": None}, "Prompt must be text, not None."),
        ({"extra": "[1]"}, "Raw payload fields must be a JSON object"),
        ({"extra": "{"}, "Raw payload fields are not valid JSON"),
    ],
)
def test_a_bad_setting_is_named_with_its_value(values, sentence):
    with pytest.raises(BadParams) as caught:
        Params(**values)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_every_knob_is_explained_and_its_default_passes(knob):
    assert knob.help
    assert knob.label
    assert knob.check(knob.default) == knob.default


def test_text_from_a_command_line_becomes_the_knobs_type():
    assert Params(steps="12", cfg="3.5", seed="7") == Params(steps=12, cfg=3.5, seed=7)


def test_settings_travel_as_json_and_come_back_with_their_pictures():
    params = Params(prompt="a fox", init=b"png", control=(Control(b"edges", "canny"),))
    assert Params.from_dict(params.as_dict(), params.images()) == params


def test_a_record_names_pictures_but_does_not_carry_them():
    assert Params(init=b"png").as_dict()["init"] == image_name(b"png")


def test_settings_of_a_newer_version_are_ignored():
    assert Params.from_dict({"prompt": "a fox", "flux_capacity": 3}) == Params(prompt="a fox")


def test_the_key_changes_with_any_setting_and_with_the_model():
    keys = {Params().key("builtin"), Params(seed=1).key("builtin"), Params().key("builtin", "v2")}
    assert len(keys) == 3


def test_difference_names_the_settings_that_differ():
    assert differing(Params(seed=1, steps=9), Params(seed=1, steps=8)) == {"steps": (9, 8)}


def test_changing_a_setting_that_does_not_exist_is_an_error():
    with pytest.raises(BadParams, match="no setting called 'colour'"):
        Params().with_(colour="red")


FIRST_DEFAULTS = {
    "prompt": "",
    "negative": "",
    "scheduler": "dpmpp_2m_karras",
    "steps": 20,
    "cfg": 7.0,
    "seed": 0,
    "width": 512,
    "height": 512,
    "model": "",
    "init": b"",
    "strength": 0.75,
    "mask": b"",
    "mask_blur": 4,
    "variation_seed": 0,
    "variation_strength": 0.0,
    "eta": None,
    "clip_skip": 1,
    "hires_scale": 1.0,
    "hires_strength": 0.5,
    "hires_steps": 0,
    "hires_upscaler": "Latent",
    "refiner": "",
    "refiner_at": 0.8,
    "tiling": False,
    "vae": "",
    "styles": "",
    "control": (),
    "extra": "",
    "faces": False,
    "inpaint_fill": "original",
    "only_masked": False,
    "masked_padding": 32,
    "hires_size": "",
    "hires_sampler": "",
    "hires_prompt": "",
    "hires_negative": "",
    "hires_model": "",
}
"""Every line stays as it is; a new knob adds one."""


def test_what_keys_leave_out_never_changes():
    assert {name: knob.first_default for name, knob in KNOBS.items()} == FIRST_DEFAULTS


def test_a_setting_at_its_first_default_is_not_in_the_key():
    text = '[1, {"prompt": "a fox", "seed": 3}, "builtin", "v1"]'
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert Params(prompt="a fox", seed=3).key("builtin", "v1") == key


@pytest.mark.parametrize("text", ["yes", "true", "on", "1", True, 1])
def test_yes_is_read_in_every_way_it_is_written(text):
    assert Params(tiling=text).tiling is True


def test_what_is_neither_yes_nor_no_is_refused():
    with pytest.raises(BadParams, match="Tiling must be yes or no, not 'perhaps'."):
        Params(tiling="perhaps")


@pytest.mark.parametrize("nothing", [None, "own", "", "The sampler's own"])
def test_a_value_can_be_left_to_the_backend(nothing):
    assert Params(eta=nothing).eta is None


def test_what_cannot_be_left_to_the_backend_says_so():
    with pytest.raises(BadParams, match="Steps must be a whole number, not 'own'."):
        Params(steps="own")


def test_a_record_from_before_eta_could_be_left_out_means_the_samplers_own():
    old = {name: value for name, value in Params(eta=0).as_dict().items() if name != "tiling"}
    assert Params.from_dict(old).eta is None
    assert Params.from_dict(Params(eta=0).as_dict()).eta == 0.0
    assert Params.from_dict({"eta": 0}).eta == 0.0


def test_a_changed_setting_that_changes_nothing_is_said():
    assert tuple(Params(strength=0.2).idle()) == ("Strength has no effect without a start image.",)
    assert tuple(Params().idle()) == ()


def test_a_text_without_an_end_is_refused_with_its_length():
    with pytest.raises(BadParams, match="^Prompt has 20,001 letters; at most 20,000 are taken"):
        Params("x" * 20_001)
    assert len(Params(extra='{"a": "' + "x" * 30_000 + '"}').extra) > 30_000
