"""The queue as a list: each sees all that matters of it, and nothing that is another's own."""

from contextlib import closing

import pytest

from sdplay.backends.guests import is_connected
from sdplay.jobs import IDLE, Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.sharing import lineup as queue_list
from sdplay.sharing.lineup import MOST
from tests.local_process import until
from tests.making import Painter

SMALL = {"prompt": "a fox", "width": 64, "height": 64}


@pytest.fixture
def jobs(tmp_path):
    with closing(Library(tmp_path)) as library:
        queue = Jobs(library)
        yield queue
        for line in queue.lines().values():
            for job in reversed(line):
                job.cancel()
        until(lambda: not queue.crowd())


def lineup(jobs, owner):
    return queue_list.lineup(jobs, owner, is_connected)


def submitted(jobs, owner, group="", pictures=1, backend=None):
    painter = backend or Painter(0.05)
    return [
        jobs.submit(Params(seed=seed, steps=150, **SMALL), painter, owner, group)
        for seed in range(pictures)
    ]


def seen(jobs, owner):
    return [(entry.mine, len(entry.jobs), entry.position) for entry in lineup(jobs, owner).entries]


def test_a_click_and_a_comparison_are_one_entry_each(jobs):
    submitted(jobs, "ann")
    until(lambda: jobs.lines()["painter"][0].state == "running")
    submitted(jobs, "ben", "batch-1", 2)
    submitted(jobs, "ann", "sweep-1", 3)
    assert seen(jobs, "ann") == [(True, 1, 0), (False, 2, 1), (True, 3, 2)]
    assert seen(jobs, "ben") == [(False, 1, 0), (True, 2, 1), (False, 3, 2)]
    assert [entry.is_comparison for entry in lineup(jobs, "ann").entries] == [False, False, True]


def test_places_count_the_pictures_of_others_between(jobs):
    submitted(jobs, "ann", pictures=3)
    submitted(jobs, "ben")
    until(lambda: jobs.lines()["painter"][0].state == "running")
    places = {entry.position for entry in lineup(jobs, "ben").entries if entry.mine}
    assert places == {jobs.ahead(jobs.of("ben")[0]) + 1}


def test_what_is_paused_stands_last(jobs):
    submitted(jobs, "ann", "sweep-1", 2)
    until(lambda: jobs.lines()["painter"][0].state == "running")
    submitted(jobs, "ann", "sweep-2", 2)
    jobs.pause("sweep-2")
    submitted(jobs, "ben")
    entries = lineup(jobs, "ann").entries
    assert [(entry.mine, entry.paused) for entry in entries] == [
        (True, False),
        (False, False),
        (True, True),
    ]


def test_others_with_servers_of_their_own_are_not_listed(jobs):
    guest = Painter(0.05)
    guest.name = "yours-a1111-000000000000"
    submitted(jobs, "ann", backend=guest)
    submitted(jobs, "ben")
    assert (len(lineup(jobs, "ben").entries), lineup(jobs, "ben").pictures) == (1, 1)
    assert (len(lineup(jobs, "ann").entries), lineup(jobs, "ann").pictures) == (2, 2)


def test_what_is_made_while_nobody_waits_is_nobody_elses_place(jobs):
    submitted(jobs, "ann-lens", f"{IDLE}steps")
    until(lambda: jobs.lines()["painter"][0].state == "running")
    assert lineup(jobs, "ann").pictures == 0
    submitted(jobs, "ann")
    assert seen(jobs, "ann") == [(True, 1, 1)]


def test_of_a_long_queue_some_entries_are_listed_and_the_rest_is_counted(jobs):
    for number in range(MOST + 4):
        submitted(jobs, f"stranger {number}")
    submitted(jobs, "ann", pictures=MOST + 2)
    listed = lineup(jobs, "ann")
    assert sum(entry.mine for entry in listed.entries) == MOST
    assert (len(listed.entries), listed.further_mine, listed.further) == (2 * MOST, 2, 4)


def test_a_visitors_server_leaves_nothing_behind(jobs):
    for number in range(5):
        guest = Painter()
        guest.name = f"yours-a1111-{number:012d}"
        for job in submitted(jobs, "ann", backend=guest):
            assert job.wait(20)
    until(lambda: not any(jobs._busy.values()))
    submitted(jobs, "ann")
    assert list(jobs.lines()) == ["painter"]
