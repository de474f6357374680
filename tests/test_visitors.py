"""Visits of a real page that pretend to be many: what one network address may have waiting."""

import pytest

from tests.fakes import a1111
from tests.serving import served
from tests.visiting import Visitor

SLOW = 0.5


@pytest.fixture
def page(tmp_path):
    """A page whose pictures take long, with room for two waiting ones of an address."""
    with a1111(step_seconds=SLOW) as server:
        settings = {"SDPLAY_A1111_URL": server.url, "SDPLAY_MAX_QUEUED_ADDRESS": "2"}
        process, url = served(tmp_path, SDPLAY_BACKEND="a1111", **settings)
        yield url
        process.kill()
        process.wait()


def pressed(url, address):
    """What a new browser at this address is told when it presses Generate."""
    with Visitor(url, address=address) as visitor:
        visitor.press("go")
        return " ".join(visitor.texts)


def test_forged_cookies_do_not_fill_the_queue(page):
    near = [pressed(page, "203.0.113.5") for _ in range(5)]
    refusal = "2 pictures from your network address are waiting already"
    assert [refusal in text for text in near] == [False] * 3 + [True] * 2
    assert refusal not in pressed(page, "198.51.100.7")
    assert refusal not in pressed(page, "")
