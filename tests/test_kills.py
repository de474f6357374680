"""The page's process killed in the middle of its work: nothing that it announced is lost."""

from tests import killing
from tests.suites import in_full


def test_nothing_announced_is_lost_when_the_page_is_killed(tmp_path):
    announced, missing, broken, _, left = killing.run(tmp_path, kills=in_full(6, 3), seed=5)
    assert announced.total() > 0
    assert (missing, broken, left) == ([], [], [])
