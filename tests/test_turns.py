"""One rule of fairness, as laws over whatever may happen in a queue."""

import random
from collections import Counter, deque
from heapq import heapify, heappop, heappush

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import given, settings
from hypothesis import strategies as st

from sdplay.sharing.turns import Claim, Turns, fits, for_sweeps, most_workers

OWNERS = "abcd"
ARRIVALS = st.lists(
    st.lists(st.tuples(st.sampled_from(OWNERS), st.booleans()), max_size=6), min_size=1, max_size=40
)
"""Who comes before each turn, and whether for a single picture."""


def claim(item):
    return Claim(item[1], single=item[2])


def history(arrivals):
    """Yield who waited and who was served, turn by turn, until nobody is left."""
    turns, waiting, number = Turns(), [], 0
    coming = deque(arrivals)
    while coming or waiting:
        for owner, single in coming.popleft() if coming else ():
            waiting.append((number, owner, single))
            number += 1
        if waiting:
            order = turns.order(waiting, claim)
            assert sorted(order) == sorted(waiting)
            yield list(waiting), order[0]
            turns.serve(claim(order[0]))
            waiting.remove(order[0])


@given(ARRIVALS)
@settings(max_examples=100, deadline=None)
def test_nobody_starves(arrivals):
    skipped = Counter()
    for waiting, (_, served, _) in history(arrivals):
        here = {owner for _, owner, _ in waiting}
        skipped = Counter({owner: skipped[owner] + 1 for owner in here - {served}})
        assert all(count < 2 * len(OWNERS) for count in skipped.values())


@given(st.integers(1, 5), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_stream_of_new_owners_starves_nobody(patient, singles):
    turns, waiting, skipped = Turns(), [], Counter()
    for turn in range(200):
        mine = {item[1] for item in waiting}
        for owner in {f"patient {at}" for at in range(patient)} - mine:
            waiting.append((turn, owner, singles))
        waiting.append((turn, f"new {turn}", True))
        first = turns.order(waiting, claim)[0]
        turns.serve(claim(first))
        waiting.remove(first)
        skipped = Counter({o: skipped[o] + 1 for o in {i[1] for i in waiting} - {first[1]}})
        assert max(skipped.values(), default=0) <= 2 * len(skipped) + 2


@given(ARRIVALS)
@settings(max_examples=100, deadline=None)
def test_owners_who_wait_together_are_served_within_one_picture_of_each_other(arrivals):
    ahead = {}
    for waiting, (_, served, _) in history(arrivals):
        here = {owner for _, owner, _ in waiting}
        pairs = [(one, other) for one in here for other in here if one < other]
        ahead = {pair: ahead.get(pair, 0) for pair in pairs}
        for one, other in pairs:
            ahead[one, other] += (served == one) - (served == other)
            assert abs(ahead[one, other]) <= 1


@given(ARRIVALS)
@settings(max_examples=100, deadline=None)
def test_an_owners_single_pictures_go_first_and_the_order_of_arrival_stays(arrivals):
    for waiting, (number, served, single) in history(arrivals):
        mine = [item for item in waiting if item[1] == served]
        singles = [item for item in mine if item[2]]
        assert (number, served, single) == min(singles or mine)


def test_who_was_served_before_has_neither_debt_nor_credit():
    turns = Turns()
    for _ in range(50):
        turns.serve(Claim("busy"))
    order = turns.order(["busy", "new", "busy", "new"], Claim)
    assert order == ["new", "busy", "new", "busy"]


def test_company_that_nobody_else_wanted_is_no_debt():
    turns = Turns()
    for _ in range(100):  # a batch with room for eight: one single picture, seven of a sweep
        for owner in ("person", *["sweep"] * 7):
            turns.serve(Claim(owner))
    order = turns.order(["sweep", "late", "sweep", "late"], Claim)
    assert order == ["late", "sweep", "late", "sweep"]


def coming_again(away, at_once, turns_in_all):
    """How often each was served if all come again after a while of their own, told in turns."""
    dice, turns, waiting, served, at_work = random.Random(7), Turns(), [], Counter(), 0
    events = [(dice.uniform(0, 2), owner, False) for owner in away]
    heapify(events)
    while served.total() < turns_in_all:
        now, owner, was_at_work = heappop(events)
        if was_at_work:
            at_work -= 1
            served[owner] += 1
            heappush(events, (now + away[owner] * dice.uniform(0.5, 1.8), owner, False))
        else:
            waiting.append(owner)
        while waiting and at_work < at_once:
            first = turns.order(waiting, Claim)[0]
            turns.serve(Claim(first))
            waiting.remove(first)
            at_work += 1
            heappush(events, (now + at_once, first, True))
    return served


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_who_comes_again_within_a_round_loses_no_turn(at_once):
    away = {f"person {number}": 0.5 + number / 6 for number in range(25)}
    served = coming_again(away, at_once, 2000)
    assert max(served.values()) - min(served.values()) <= 1


def test_larger_turns_count_for_more():
    turns, served = Turns(), Counter()
    for _ in range(300):
        first = turns.order(
            ["thin", "wide"], lambda owner: Claim(owner, size=1 + (owner == "wide"))
        )
        served[first[0]] += 1
        turns.serve(Claim(first[0], size=1 + (first[0] == "wide")))
    assert abs(served["thin"] - 2 * served["wide"]) <= 2


def test_a_thousand_owners_are_forgotten_again():
    turns = Turns()
    for number in range(5000):
        (owner,) = turns.order([f"owner {number}"], Claim)
        turns.serve(Claim(owner))
    assert len(turns._reached) <= 1001


def test_an_eighth_is_left_to_single_pictures():
    assert [for_sweeps(places) for places in (1, 7, 8, 16, 32)] == [1, 7, 7, 14, 28]


@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from(OWNERS), st.booleans()), max_size=120),
)
@settings(max_examples=200, deadline=None)
def test_places_are_never_overrun_and_a_newcomer_always_finds_one(places, coming):
    working = []
    for owner, single in coming:
        if fits(Claim(owner, single), working, places):
            working.append(Claim(owner, single))
    assert len(working) <= most_workers(places)
    if places > 1 and not any(other.single for other in working):
        assert fits(Claim("new"), working, places)
    cells = [other for other in working if not other.single]
    if places > 1 and {other.owner for other in working} == {"a"} and len(cells) == len(working):
        assert fits(Claim("new", single=False), working, places)
