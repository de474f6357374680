"""Shared time is counted once, whoever comes and goes."""

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import given
from hypothesis import strategies as st

from sdplay.library import Library
from sdplay.picture import Timing
from sdplay.sharing.clock import Clock
from tests.making import finished


class Hand:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 3)), max_size=40))
def test_shares_add_up_to_the_time_in_which_anything_was_at_work(events):
    hand = Hand()
    clock, here, shares, busy = Clock(hand), [], [], 0.0
    for seconds, which in events:
        hand.now += seconds
        busy += seconds * bool(here)
        if which and here:
            share = here.pop(which % len(here))
            shares.append(share.noted(Timing(1.0)).share)
            share.end()
        else:
            here.append(clock.begin())
    shares += [share.noted(Timing(1.0)).share for share in here]
    assert sum(shares) == pytest.approx(busy, abs=1e-6)


def test_the_company_of_a_picture_is_its_mean():
    hand = Hand()
    clock = Clock(hand)
    first = clock.begin()
    hand.now += 4
    second = clock.begin()
    hand.now += 4
    noted = first.noted(Timing(8.0)), second.noted(Timing(4.0))
    assert [timing.share for timing in noted] == [pytest.approx(6), pytest.approx(2)]
    assert [timing.at_once for timing in noted] == [1.33, 2.0]


def test_work_leaves_queue_and_loading_out():
    assert Timing(10.0, queued=4.0, load=1.0).work == 5
    assert Timing(10.0, queued=4.0, sampling=0.5, decode=0.25).work == 0.75
    assert Timing(10.0, company=9.0).own == 1
    assert Timing(10.0, at_once=4.0, share=2.5).work == 2.5
    assert Timing(10.0, queued=9.0, at_once=1.0, share=10.0).work == pytest.approx(1)
    assert Timing(8.0, company=6.0, load=4.0, at_once=4.0, share=2.0).work == 1


def test_conditions_come_back_from_the_library_and_old_records_load(tmp_path):
    library = Library(tmp_path)
    kept = library.save(finished(3.0))
    assert (kept.timing.at_once, kept.timing.share, kept.timing.own) == (None, None, 3.0)
    assert Timing.from_dict({"total": 2.0, "sampling": 1.0, "of the future": 1.0}).own == 1.0
    timing = Timing(3.0, at_once=4.0, share=0.75)
    assert Timing.from_dict(timing.as_dict()) == timing
    library.close()
