"""What the form makes of values that come with a link or a picture."""

import pytest

from sdplay.backends import Capabilities
from sdplay.params import KNOBS, Params
from sdplay.ui.form.fitting import fit, fitted, misfit

SMALL = Capabilities(
    features=frozenset({"size", "steps", "cfg", "seed", "scheduler", "models"}),
    unknown=frozenset(),
    schedulers=("euler", "ddim"),
    models=("v1-5-pruned.safetensors [6ce0161689]", "other.ckpt"),
    size_limits=(96, 256),
    size_step=32,
    defaults={"scheduler": "euler"},
)


@pytest.mark.parametrize(
    ("name", "text", "value", "exact"),
    [
        ("steps", "30", 30, True),
        ("steps", "abc", 20, False),
        ("steps", "", 20, False),
        ("steps", "900", 500, False),
        ("steps", "5" * 5000, 20, False),
        ("cfg", "9.5", 9.5, True),
        ("cfg", "inf", 7.0, False),
        ("cfg", "999", 30.0, False),
        ("seed", "1e400", 7, False),
        ("seed", "-3", 0, False),
        ("seed", str(2**60), 2**53 - 1, False),
        ("width", "77", 96, False),
        ("width", "250", 256, False),
        ("width", "1024", 256, False),
        ("width", "160", 160, True),
        ("scheduler", "nope", "euler", False),
        ("scheduler", "DDIM", "ddim", True),
        ("scheduler", "ddim", "ddim", True),
        ("model", "v1-5-pruned", "v1-5-pruned.safetensors [6ce0161689]", True),
        ("model", "gone", "", False),
        ("prompt", "a fox", "a fox", True),
    ],
)
def test_a_value_of_a_link_becomes_what_the_control_takes(name, text, value, exact):
    taken = fit(KNOBS[name], text, SMALL)
    assert (taken.value, taken.exact) == (value, exact)


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.is_plain])
@pytest.mark.parametrize("text", ["", "1e400", "-inf", "nan", "9" * 5000, "\x00", "null", "0x10"])
def test_nothing_that_a_link_may_say_is_an_error(name, text):
    for capabilities in (SMALL, Capabilities(), Capabilities(status="down")):
        again = fit(KNOBS[name], fit(KNOBS[name], text, capabilities).text, capabilities)
        assert again.exact


def test_the_advice_for_a_size_is_one_that_the_model_makes():
    assert misfit(KNOBS["width"], 77, SMALL) == (
        "Width must be a multiple of 32 from 96 to 256 here, not 77. The nearest is 96."
    )


def test_what_a_backend_has_no_place_for_is_named():
    params = Params(width=832, height=1216, clip_skip=2, hires_scale=2.0, model="gone")
    values, sentences = fitted(params, SMALL, "the picture")
    assert (values["width"], values["height"]) == (96, 128) or values["height"] > values["width"]
    assert "Size " in sentences[0]
    assert "instead of 832 × 1216" in sentences[0]
    assert "instead of gone" in sentences[0]
    assert "Clip skip 2" in sentences[1]
    assert "Hires scale 2" in sentences[1]


def test_what_fits_is_not_talked_about():
    assert fitted(Params(width=128, height=128, scheduler="ddim"), SMALL, "the picture")[1] == []


def test_what_has_no_place_is_said_in_words():
    params = Params(width=128, height=128, clip_skip=None, tiling=True)
    *_, sentence = fitted(params, SMALL, "the picture")[1]
    assert sentence.startswith("Not used here")
    assert "None" not in sentence
    assert "True" not in sentence
