"""The measures of the house stay within their goals."""

from types import SimpleNamespace

import pytest

from tests import house


@pytest.mark.parametrize("measure", house.MEASURES, ids=lambda measure: measure.name)
def test_a_measure_keeps_its_goal(measure):
    assert measure.today() <= measure.goal, house.table()


@pytest.mark.parametrize(("source", "least"), [("ARGS", 0), ("TESTPATHS", 1)])
def test_the_whole_suite_is_shared_and_named_tests_are_not(pytestconfig, source, least):
    sources = pytest.Config.ArgsSource
    asked = SimpleNamespace(args_source=sources[source], ArgsSource=sources)
    workers = pytestconfig.hook.pytest_xdist_auto_num_workers(config=asked)
    assert least <= workers <= 4 * least
