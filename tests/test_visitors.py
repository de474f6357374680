"""Visits of a real page that pretend to be many: what one network address may have waiting."""

from pathlib import Path

import pytest

from tests.fakes import a1111
from tests.local_process import until
from tests.serving import forked, served
from tests.visiting import Visitor


@pytest.fixture
def page(tmp_path):
    """A page whose first picture never ends, with room for two waiting ones of an address."""
    with a1111(most=0) as server:
        settings = {"SDPLAY_A1111_URL": server.url, "SDPLAY_MAX_QUEUED_ADDRESS": "2"}
        process, url = forked(tmp_path, SDPLAY_BACKEND="a1111", **settings)
        yield url
        process.kill()
        process.wait()
        server.most = 99


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


def test_a_click_that_comes_together_with_another_tab_is_not_lost(page):
    with Visitor(page) as visitor:
        visitor.press("go", "view=Library")
        assert {"seed", "find"} <= visitor.drawn
        with Visitor(page, owner=visitor.owner) as again:
            assert "cancel" in again.drawn


@pytest.fixture(scope="module")
def own_page(tmp_path_factory):
    process, url = forked(tmp_path_factory.mktemp("home"))
    yield url
    process.kill()
    process.wait()


@pytest.mark.parametrize("begun", [False, True], ids=["waits", "is at work"])
def test_a_click_is_not_undone_by_what_comes_while_it(own_page, begun):
    with Visitor(own_page, "steps=2") as visitor:
        visitor.set("seed", int_value=7)
        visitor.press("go")
        until(lambda: "vary" in visitor.run().drawn)
        visitor.set("vary", trigger_value=True)
        visitor.send()
        visitor.let_go()
        if begun:
            visitor.hear("new_session")
        visitor.run()
        until(lambda: "vary" in visitor.run().drawn and "seed=8" in visitor.said)
        assert visitor.state("seed").int_value == 8


@pytest.fixture
def interrupted_page(tmp_path):
    process, url = served(tmp_path, Path(__file__).parent / "interrupted_page.py")
    yield url
    process.kill()
    process.wait()


def test_a_callback_is_not_stopped_in_its_middle(interrupted_page):
    with Visitor(interrupted_page) as visitor:
        visitor.set("act", trigger_value=True)
        visitor.send()
        visitor.let_go()
        visitor.hear("new_session")
        visitor.run()
        until(lambda: visitor.run().texts == ["acted", "ended"])


@pytest.fixture(scope="module")
def ticking_page(tmp_path_factory):
    page = Path(__file__).parent / "ticking_page.py"
    process, url = served(tmp_path_factory.mktemp("ticking"), page)
    yield url
    process.kill()
    process.wait()


def test_what_a_part_sends_by_itself_undoes_nothing(ticking_page):
    with Visitor(ticking_page) as visitor:
        visitor.set("open", bool_value=True)
        assert "open" in visitor.run().texts
        visitor.press("close")
        assert "closed" in visitor.texts
        assert visitor.state("open").bool_value, "the browser has not heard of it yet"
        assert "closed" in visitor.tick().texts
        assert "closed" in visitor.tick().texts


def test_a_change_that_waits_is_kept_when_a_part_asks_by_itself(ticking_page):
    with Visitor(ticking_page) as visitor:
        visitor.send(fragment_id=visitor.part, is_auto_rerun=True)
        visitor.hear("new_session")
        visitor.set("chosen", bool_value=True)
        visitor.send(fragment_id=visitor.part)
        until(lambda: "chosen" in visitor.tick().texts)
