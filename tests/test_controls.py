"""A model's own ranges and defaults reach the controls."""

import pytest

from sdplay.backends import Capabilities
from sdplay.params import KNOBS
from sdplay.ui.controls import bounded, clamped, default

OWN = Capabilities(limits={"steps": (4, 12), "cfg": (0, 3)}, defaults={"steps": 50})


def test_a_models_range_narrows_ours_and_never_widens_it():
    steps, cfg = bounded(KNOBS["steps"], OWN), bounded(KNOBS["cfg"], OWN)
    assert (steps.low, steps.high, steps.usual) == (4, 12, (4, 12))
    assert (cfg.low, cfg.high) == (1.0, 3)
    assert bounded(KNOBS["seed"], OWN) is KNOBS["seed"]


@pytest.mark.parametrize(("value", "nearest"), [(1, 4), (8, 8), (99, 12)])
def test_another_backends_value_moves_to_the_nearest(value, nearest):
    assert clamped(KNOBS["steps"], value, OWN) == nearest


def test_a_default_outside_the_range_moves_inside():
    assert default(KNOBS["steps"], OWN) == 12
    assert default(KNOBS["cfg"], OWN) == 3.0
