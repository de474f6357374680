"""Answers: the knee of a known decay, the frontier of brute force, and no verdict that the seeds do
not carry."""

import math
import random
from dataclasses import replace
from itertools import product

import pytest

from sdplay.compare.evidence.answers import (
    Point,
    Reference,
    Trade,
    adds_noise,
    bands,
    closeness,
    curve,
    frontier,
    settling_sentences,
    sign_test,
)
from sdplay.compare.evidence.measures import MEASURES
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS
from sdplay.wording import listed

STEPS = (2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60)


def decay(tau, steps=STEPS, most=0.9):
    return [
        Point(f"{n} steps", n, n, 0.0 if n == steps[-1] else most * math.exp(-n / tau))
        for n in steps
    ]


def said(found):
    (sentence,) = settling_sentences([found])
    return sentence


@pytest.mark.parametrize("tau", [2.0, 4.0, 6.5, 10.0])
def test_the_knee_of_a_known_decay_is_found(tau):
    found = curve(decay(tau), "Euler", close=0.09)
    expected = tau * math.log(10)
    assert found.settles == "yes"
    assert found.knee.steps == min(step for step in STEPS if step >= expected - 1e-9)


def test_the_sentence_names_the_knee():
    assert said(curve(decay(4.0), "Euler", close=0.05)) == (
        "Euler: 12 steps are enough here: more, up to 60, change little, on this prompt and seed."
    )


def test_a_curve_that_still_moves_has_not_settled():
    moving = [Point("", n, n, 0.0 if n == 60 else 0.5) for n in STEPS]
    found = curve(moving, "LMS", close=0.1)
    assert (found.settles, found.knee) == ("not yet", None)
    assert said(found) == "LMS has not settled by 60 steps in this sweep; try more steps."


def test_a_late_jump_moves_the_knee_behind_it():
    points = [Point("", n, n, 0.8 if n in (2, 25) else 0.0) for n in STEPS]
    assert curve(points, "Euler", close=0.1).knee.steps == 30


def test_schedulers_that_add_noise_never_settle():
    found = curve(decay(1.0), "Euler a", close=0.05, stochastic=True)
    assert found.settles == "never"
    assert settling_sentences([found]) == [
        "Euler a never settles: it adds fresh noise at every step, so more steps give another "
        "picture, not a more finished one."
    ]


@pytest.mark.parametrize("entry", SCHEDULERS.values(), ids=SCHEDULERS)
def test_the_table_of_schedulers_says_which_add_noise(entry):
    assert adds_noise(Params(scheduler=entry.id)) == entry.stochastic


@pytest.mark.parametrize(
    ("scheduler", "adds"),
    [
        ("DPM++ 2S a Karras", True),
        ("Euler a Simple", True),
        ("DPM++ SDE", True),
        ("dpm++2s_a", True),
        ("DPM++ 2M Beta", False),
        ("DDIM CFG++", False),
        ("DPM adaptive", False),
    ],
)
def test_samplers_that_only_a_server_has_are_told_apart_too(scheduler, adds):
    assert adds_noise(Params(scheduler=scheduler)) == adds
    assert not adds_noise(Params(scheduler=scheduler, eta=0))


def test_eta_makes_ddim_restless():
    assert adds_noise(Params(scheduler="ddim", eta=1))
    assert not adds_noise(Params(scheduler="ddim", eta=0))
    assert not adds_noise(Params(scheduler="ddim"))


def test_an_ancestral_sampler_settles_without_its_noise():
    assert not adds_noise(Params(scheduler="euler_a", eta=0))
    assert adds_noise(Params(scheduler="euler_a", eta=0.5))


def test_few_points_are_hedged():
    assert "too few to say" in said(curve(decay(1.0, (5, 10, 20)), "Euler", close=0.05))
    assert "as far as these few points tell" in said(
        curve(decay(1.0, (5, 10, 20, 40)), "Euler", close=0.05)
    )


def test_another_reference_may_be_out_of_reach():
    apart = [Point("", n, n, 0.3 + 0.5 * math.exp(-n / 3)) for n in STEPS]
    found = curve(apart, "Euler", close=0.03, own=False)
    assert (found.settles, found.knee.steps) == ("yes", 10)


def brute_force(points):
    return [
        at
        for at, (cost, far) in enumerate(points)
        if not any((c <= cost and f <= far) and (c, f) != (cost, far) for c, f in points)
    ]


@pytest.mark.parametrize("seed", range(40))
def test_the_frontier_equals_brute_force(seed):
    dice = random.Random(seed)
    points = [(dice.randrange(9) / 2, dice.randrange(9) / 2) for _ in range(dice.randrange(25))]
    assert sorted(frontier(points)) == brute_force(points)


HEUN = Reference("Heun · 40 steps", 79)


def trade(made):
    return Trade(HEUN, made, closeness(point.distance for point in made))


def settings(*costs_and_distances, spread=0.0):
    """Settings in the order of the plan."""
    return tuple(
        Point(f"{name} · {cost} steps", cost, cost, far, spread=spread)
        for name, cost, far in costs_and_distances
    )


def test_the_cheapest_close_setting_is_named():
    made = settings(
        ("Euler", 5, 0.5), ("Euler", 10, 0.04), ("Euler", 20, 0.03), ("Euler", 30, 0.04)
    )
    assert [point.steps for point in trade(made).winners] == [10]
    assert trade(made).sentence == (
        "Euler · 10 steps (10 evaluations) is the cheapest that comes close to it. The cheapest of "
        "all, Euler · 5 steps (5 evaluations), is 0.50 away. 1 of 4 settings is beaten by another "
        "that costs no more and is no farther."
    )


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_what_counts_as_close_is_never_less_than_what_is_seen(measure):
    assert closeness([], measure) == closeness([0.0, 1e-6], measure) == measure.unseen
    assert closeness([0.1, 0.9], measure) == pytest.approx(0.9 * measure.enough)


def test_what_the_eye_cannot_tell_apart_is_a_tie():
    made = settings(("Euler", 5, 0.5), ("Euler", 10, 0.04), ("DDIM", 10, 0.03), ("UniPC", 10, 0.09))
    assert "Tie: Euler · 10 steps and DDIM · 10 steps (10 evaluations each) are" in (
        trade(made[:3]).sentence
    )
    assert [point.label for point in trade(made).winners] == [
        "Euler · 10 steps",
        "DDIM · 10 steps",
    ]


def test_a_difference_within_the_spread_of_the_seeds_is_a_tie():
    apart = ("Euler", 5, 0.9), ("Euler", 10, 0.17), ("DDIM", 10, 0.05)
    assert len(trade(settings(*apart)).winners) == 1
    assert len(trade(settings(*apart, spread=0.15)).winners) == 2


def test_the_cheapest_is_listed_whatever_it_is_worth():
    made = settings(("Euler", 10, 0.03), ("DDIM", 5, 0.4), ("UniPC", 5, 0.6))
    assert (
        "The cheapest of all, DDIM · 5 steps and UniPC · 5 steps (5 evaluations), are 0.40 to "
        "0.60 away." in trade(made).sentence
    )


def test_equal_pictures_make_every_setting_equal():
    made = settings(("Euler", 5, 0.0), ("Euler", 10, 0.0), ("Euler", 20, 0.0))
    assert trade(made).sentence.startswith(
        "All 3 settings give the same picture; Euler · 5 steps (5 evaluations) is the cheapest "
        "that comes close to it. None is cheaper."
    )


@pytest.mark.parametrize("count", [1, 2])
def test_few_settings_carry_no_recommendation(count):
    made = settings(("Euler", 5, 0.1), ("Euler", 10, 0.1))[:count]
    assert "too few for a recommendation" in trade(made).sentence


def test_the_reference_is_named_with_its_cost():
    assert HEUN.sentence == (
        "Measured against Heun · 40 steps, the most expensive that can settle (79 evaluations)."
    )


def test_a_tie_for_the_most_expensive_says_which_was_taken_and_why():
    tied = Reference("Euler · 40 steps", 80, tied=("DDIM · 40 steps", "UniPC · 40 steps"))
    assert tied.sentence == (
        "Measured against Euler · 40 steps (80 evaluations). DDIM · 40 steps and UniPC · 40 steps "
        "cost as much; Euler · 40 steps was taken because it comes first in the plan."
    )


def of_seed(knees, name="Euler", settles=True):
    """Curves of one scheduler that settle at these steps, one a seed."""
    return [
        replace(
            curve(
                [
                    Point("", n, n, 0.0 if n == 60 or (settles and n >= knee) else 0.5)
                    for n in STEPS
                ],
                f"{name} · seed {seed}",
                close=0.1,
            ),
            scheduler=name,
        )
        for seed, knee in enumerate(knees)
    ]


def test_seeds_are_counted_in_one_sentence():
    assert settling_sentences(of_seed([8, 8, 12, 15])) == [
        "Euler: 15 steps are enough on all 4 seeds; 8 on half of them."
    ]
    assert settling_sentences(of_seed([8, 12])) == [
        "Euler: 12 steps are enough on both seeds; 8 on one of them."
    ]
    mixed = of_seed([8, 12]) + of_seed([1], settles=False)
    assert settling_sentences(mixed) == [
        "Euler: 12 steps are enough on 2 of 3 seeds; on 1 it has not settled by 60."
    ]
    assert settling_sentences(of_seed([1, 1], settles=False)) == [
        "Euler has not settled by 60 steps on either seed in this sweep; try more steps."
    ]


def test_twelve_curves_that_say_the_same_say_it_once():
    names = ("Euler", "DDIM", "UniPC")
    few = [
        replace(curve(decay(1.0, (5, 10, 20)), "", close=0.1), scheduler=name) for name in names * 4
    ]
    assert settling_sentences(few) == [
        "Euler, DDIM and UniPC: 3 step counts are too few to say where they settle; sweep at "
        "least 4."
    ]


def test_many_names_are_counted():
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 more"
    assert [listed(["a", "b", "c"][:count]) for count in (0, 1, 2)] == ["", "a", "a and b"]


def test_bands_span_the_middle_of_the_seeds():
    (band,) = bands({"Euler": [float(n) for n in range(11)], "none": []})
    assert (band.label, band.middle, band.low, band.high, band.count) == ("Euler", 5, 1, 9, 11)


def test_equal_settings_give_no_difference():
    told = sign_test(("A", [0.1, 0.2]), ("B", [0.1, 0.2]))
    assert told.chance == 1
    assert told.sentence == "Tie: A and B are the same on every seed."


def test_a_clear_winner_is_unlikely_to_be_the_seed():
    told = sign_test(("A", [0.1] * 9 + [0.3]), ("B", [0.2] * 10))
    assert told.chance == pytest.approx(22 / 1024)
    assert (
        told.sentence
        == "A is closer than B on 9 of 10 seeds: unlikely to be the seed (chance 2.1 %)."
    )


def test_few_seeds_never_carry_a_verdict():
    told = sign_test(("A", [0.3] * 5), ("B", [0.2] * 5))
    assert told.sentence.startswith(
        "Tie: A and B. B is closer on 5 of 5 seeds, which chance could do too (6 %)."
    )
    assert told.sentence.endswith("6 seeds are the least that can tell.")


@pytest.mark.parametrize("count", range(1, 9))
def test_the_chance_is_that_of_all_coin_throws(count):
    throws = list(product((0, 1), repeat=count))
    for wins in range(count + 1):
        told = sign_test(("A", [0.0] * wins + [1.0] * (count - wins)), ("B", [0.5] * count))
        extreme = sum(abs(sum(throw) - count / 2) >= abs(wins - count / 2) for throw in throws)
        assert told.chance == pytest.approx(extreme / len(throws))
