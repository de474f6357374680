"""A model's own ranges and defaults reach the controls."""

import pytest
from streamlit.testing.v1 import AppTest

from sdplay.backends import Capabilities
from sdplay.params import KNOBS
from sdplay.ui.form.controls import LARGEST_IN_A_BROWSER, bounded, clamped, default

OWN = Capabilities(limits={"steps": (4, 12), "cfg": (0, 3)}, defaults={"steps": 50})


def test_a_models_range_narrows_ours_and_never_widens_it():
    steps, cfg = bounded(KNOBS["steps"], OWN), bounded(KNOBS["cfg"], OWN)
    assert (steps.low, steps.high, steps.usual) == (4, 12, (4, 12))
    assert (cfg.low, cfg.high) == (1.0, 3)


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.is_number])
def test_every_number_can_be_held_by_a_browser(name):
    assert bounded(KNOBS[name], Capabilities()).high <= LARGEST_IN_A_BROWSER


def test_a_size_has_the_models_own_limits_and_steps():
    width = bounded(KNOBS["width"], Capabilities(size_limits=(96, 256), size_step=32))
    assert (width.low, width.high, width.step) == (96, 256, 32)


@pytest.mark.parametrize(("value", "nearest"), [(1, 4), (8, 8), (99, 12)])
def test_another_backends_value_moves_to_the_nearest(value, nearest):
    assert clamped(KNOBS["steps"], value, OWN) == nearest


def test_a_default_outside_the_range_moves_inside():
    assert default(KNOBS["steps"], OWN) == 12
    assert default(KNOBS["cfg"], OWN) == 3.0


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "integer", "minimum": 0, "maximum": 2**64 - 1, "default": 2**63},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "number", "minimum": 0, "maximum": float("inf"), "default": 1},
        {"type": "integer", "minimum": 1, "maximum": 4, "default": 9},
        {"type": "integer", "minimum": 0.5, "maximum": 4.5, "default": None},
    ],
)
def test_a_models_own_number_is_drawn_whatever_its_range(entry):
    def page(entry):
        from sdplay.ui.form.controls import model_input

        model_input({"name": "strange", **entry})

    drawn = AppTest.from_function(page, kwargs={"entry": entry}).run()
    assert not drawn.exception
    assert drawn.number_input
