"""Answers: the knee of a known decay, the frontier of brute force, and no verdict that the seeds do
not carry."""

import math
import random
from itertools import product

import numpy as np
import pytest
from PIL import Image

from sdplay.compare.answers import (
    Point,
    Sample,
    bands,
    converge,
    curve,
    fastest_within,
    frontier,
    sign_test,
    trade_sentence,
)
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS

STEPS = (2, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60)


def decay(tau, steps=STEPS, most=0.9):
    return [
        Point(f"{n} steps", n, n, n / 10, 0.0 if n == steps[-1] else most * math.exp(-n / tau))
        for n in steps
    ]


@pytest.mark.parametrize("tau", [2.0, 4.0, 6.5, 10.0])
def test_the_knee_of_a_known_decay_is_found(tau):
    found = curve(decay(tau), "Euler")
    expected = 2 + tau * math.log(10)
    assert found.settles == "yes"
    assert found.knee.steps == min(step for step in STEPS if step >= expected - 1e-9)


def test_the_sentence_names_the_knee():
    assert curve(decay(4.0), "Euler").sentence == (
        "Euler: 12 steps are enough here; up to 60 little changes, on this prompt and seed."
    )


def test_a_curve_that_still_moves_has_not_settled():
    moving = [Point("", n, n, None, 0.0 if n == 60 else 0.5) for n in STEPS]
    found = curve(moving, "LMS")
    assert (found.settles, found.knee) == ("not yet", None)
    assert found.sentence == "LMS has not settled by 60 steps in this sweep; try more steps."


def test_a_late_jump_moves_the_knee_behind_it():
    points = [Point("", n, n, None, 0.8 if n in (2, 25) else 0.0) for n in STEPS]
    assert curve(points, "Euler").knee.steps == 30


@pytest.mark.parametrize(
    "scheduler", [entry.id for entry in SCHEDULERS.values() if entry.stochastic]
)
def test_schedulers_that_add_noise_never_settle(scheduler):
    picture = Image.new("RGB", (16, 16))
    found = converge([Sample(Params(scheduler=scheduler, steps=n), picture) for n in STEPS])
    assert found.settles == "never"
    assert "never settles" in found.sentence


def test_eta_makes_ddim_restless():
    pictures = [
        Sample(Params(scheduler="ddim", eta=1, steps=n), Image.new("RGB", (16, 16))) for n in STEPS
    ]
    assert converge(pictures).settles == "never"


def test_few_points_are_hedged():
    assert "too few to say" in curve(decay(1.0, (5, 10, 20)), "Euler").sentence
    assert "as far as these few points tell" in curve(decay(1.0, (5, 10, 20, 40)), "Euler").sentence


def test_real_pictures_are_measured_against_the_most_steps():
    random = np.random.default_rng(0)
    goal, error = random.uniform(60, 190, (48, 48, 3)), random.normal(size=(48, 48, 3))
    fading = [
        Sample(
            Params(scheduler="euler", steps=n, cfg=3),
            Image.fromarray(
                np.clip(goal + error * 200 * math.exp(-n / 4), 0, 255).astype(np.uint8)
            ),
            n / 10,
        )
        for n in STEPS
    ]
    found = converge(fading)
    distances = [point.distance for point in found.points]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] == 0
    assert 8 <= found.knee.steps <= 20
    assert [point.along("evaluations") for point in found.points] == [2 * n for n in STEPS]


def test_another_reference_may_be_out_of_reach():
    apart = [Point("", n, n, None, 0.3 + 0.5 * math.exp(-n / 3)) for n in STEPS]
    found = curve(apart, "Euler", own=False)
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


def test_the_cheapest_close_setting_is_named():
    points = [
        Point(f"{n} steps", n, n, n / 10, far)
        for n, far in ((5, 0.5), (10, 0.04), (20, 0.01), (30, 0.01))
    ]
    assert fastest_within(points, 0.05).steps == 10
    assert trade_sentence(points) == (
        "1 of 4 settings is beaten in both seconds and distance by another; "
        "10 steps is the cheapest that comes close to the reference, on this prompt and machine."
    )


def test_without_times_there_is_no_recommendation():
    points = [Point("", n, n, None, 0.1) for n in (1, 2, 3)]
    assert trade_sentence(points) == "Fewer than 3 measured settings: too few for a recommendation."
    assert trade_sentence(points, "evaluations").startswith("2 of 3 settings")


def test_bands_span_the_middle_of_the_seeds():
    (band,) = bands({"Euler": [float(n) for n in range(11)], "none": []})
    assert (band.label, band.middle, band.low, band.high, band.count) == ("Euler", 5, 1, 9, 11)


def test_equal_settings_give_no_difference():
    told = sign_test(("A", [0.1, 0.2]), ("B", [0.1, 0.2]))
    assert told.chance == 1
    assert told.sentence == "No difference: A and B are the same on every seed."


def test_a_clear_winner_is_unlikely_to_be_the_seed():
    told = sign_test(("A", [0.1] * 9 + [0.3]), ("B", [0.2] * 10))
    assert told.chance == pytest.approx(22 / 1024)
    assert (
        told.sentence
        == "A is closer than B on 9 of 10 seeds: unlikely to be the seed (chance 2.1%)."
    )


def test_few_seeds_never_carry_a_verdict():
    told = sign_test(("A", [0.3] * 5), ("B", [0.2] * 5))
    assert told.sentence.startswith(
        "B is closer than A on 5 of 5 seeds: no difference that chance could not make"
    )
    assert told.sentence.endswith("6 seeds are the least that can tell.")


@pytest.mark.parametrize("count", range(1, 9))
def test_the_chance_is_that_of_all_coin_throws(count):
    throws = list(product((0, 1), repeat=count))
    for wins in range(count + 1):
        told = sign_test(("A", [0.0] * wins + [1.0] * (count - wins)), ("B", [0.5] * count))
        extreme = sum(abs(sum(throw) - count / 2) >= abs(wins - count / 2) for throw in throws)
        assert told.chance == pytest.approx(extreme / len(throws))
