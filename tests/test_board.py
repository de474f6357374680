"""How many sweeps may be at work, and which are remembered."""

import pytest

from sdplay.compare.axes import Setup
from sdplay.compare.plan import Facts, plan
from sdplay.errors import BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.sharing.room import Share
from sdplay.sweeps import Bench, Board, Sweep
from tests.making import Painter

BASE = Params(width=64, height=64, steps=1)


@pytest.fixture
def jobs(tmp_path):
    library = Library(tmp_path)
    yield Jobs(library)
    library.close()


@pytest.fixture
def slow():
    painter = Painter(60)
    yield painter
    painter.pause.set()


def sweep(jobs, painter, values, owner="ann", address=""):
    bench = Bench({"painter": painter})
    cells = plan(Setup("painter", BASE), [("seed", values)], Facts(bench.offer("painter")))
    return Sweep(cells, bench, jobs, owner=owner, address=address)


def ended(run, painter):
    run.cancel()
    painter.pause.set()
    assert run.wait(120)


def test_one_browser_has_so_many_pictures_in_sweeps(jobs, slow):
    board = Board()
    run = board.add(sweep(jobs, slow, "1-1500").start())
    board.check(Share("ann", size=18_000))
    with pytest.raises(BadParams) as refused:
        board.check(Share("ann", size=19_000))
    assert str(refused.value) == (
        "1,500 pictures of yours are waiting in sweeps already, and this would be more than one "
        "browser may have. Wait for some, or cancel one."
    )
    board.check(Share("bob", size=19_000))
    board.check(Share("ann", size=19_000), instead=run)
    ended(run, slow)
    board.check(Share("ann", size=19_000))


def test_one_address_has_a_limit_however_many_browsers_it_pretends_to_be(jobs, slow):
    board, runs = Board(), []
    for number in range(48):
        one = sweep(jobs, slow, "1, 2", owner=f"cookie {number}", address="203.0.113.5")
        runs.append(board.add(one.start()))
    with pytest.raises(BadParams, match="48 sweeps from your network address are at work already"):
        board.check(Share("one more cookie", "203.0.113.5", 2))
    board.check(Share("far", "198.51.100.7", 2))
    for run in runs:
        ended(run, slow)


def test_the_oldest_that_ended_is_forgotten_and_none_at_work(jobs, slow):
    board = Board()
    at_work = board.add(sweep(jobs, slow, "1, 2").start())
    rest = [board.add(sweep(jobs, slow, "1, 2").recall({})) for _ in range(14)]
    assert board.of("ann") == [at_work, *rest[-12:]]
    assert board.of("bob") == []
    ended(at_work, slow)


def test_many_cells_that_ended_are_not_all_remembered(jobs, slow):
    board = Board()
    runs = [board.add(sweep(jobs, slow, "1-1900").recall({})) for _ in range(11)]
    assert board.of("ann") == runs[-10:]
