"""The measures of the house stay within their goals."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import house
from tests.suites import LONGEST_FIRST


@pytest.mark.parametrize("measure", house.MEASURES, ids=lambda measure: measure.name)
def test_a_measure_keeps_its_goal(measure):
    assert measure.today() <= measure.goal, house.table()


@pytest.mark.parametrize(("source", "least"), [("ARGS", 0), ("TESTPATHS", 1)])
def test_the_whole_suite_is_shared_and_named_tests_are_not(pytestconfig, source, least):
    sources = pytest.Config.ArgsSource
    asked = SimpleNamespace(args_source=sources[source], ArgsSource=sources)
    workers = pytestconfig.hook.pytest_xdist_auto_num_workers(config=asked)
    assert least <= workers <= 4 * least


def test_the_files_that_begin_first_are_there():
    tests = Path(__file__).parent
    assert [name for name in LONGEST_FIRST if not (tests / f"{name}.py").exists()] == []
