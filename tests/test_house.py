"""The measures of the house stay within their goals."""

import pytest

from tests import house


@pytest.mark.parametrize("measure", house.MEASURES, ids=lambda measure: measure.name)
def test_a_measure_keeps_its_goal(measure):
    assert measure.today() <= measure.goal, house.table()
