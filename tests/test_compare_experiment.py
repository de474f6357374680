"""Experiment files, rows and findings: what was done can be read back, laid against a rerun, and
summed up."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sdplay.compare.axes import Offer, Setup
from sdplay.compare.evidence.findings import between, find_out
from sdplay.compare.evidence.measures import (
    COLOUR,
    MEASURES,
    difference,
    look,
    look_apart,
    pixels_hash,
)
from sdplay.compare.experiment import read_experiment, reproduced, write_experiment
from sdplay.compare.exports.rows import HEADER, Measured, csv_text, row
from sdplay.compare.plan import Cell, Facts, plan
from sdplay.compare.results import Load, Result, measured_alike
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Control, Params
from sdplay.picture import Timing

BASE = Setup("builtin", Params("a fox", width=64, height=64, seed=9))


def picture(result):
    steps, seed = result.cell.params.steps, result.cell.params.seed
    random = np.random.default_rng(seed)
    goal, error = random.uniform(60, 190, (32, 32, 3)), random.normal(size=(32, 32, 3))
    return Image.fromarray(
        np.clip(goal + error * 200 * np.exp(-steps / 4), 0, 255).astype(np.uint8)
    )


def ran(axes, facts=None, base=BASE):
    planned = plan(base, axes, facts)
    results = {}
    for cell in planned.cells:
        image = picture(Result(cell))
        results[cell.at] = Result(
            cell,
            "made",
            pixels_hash(image),
            look(image),
            Timing(cell.params.steps / 10),
            "icons 1",
            ("One.",),
        )
    return planned, results


def test_a_rerun_with_the_same_pixels_is_reproduced():
    planned, results = ran([("steps", "5, 10"), ("seed", "1, 2")])
    told = reproduced(read_experiment(write_experiment(planned, results)), results)
    assert (told.same, told.differs, told.missing) == (4, (), 0)
    assert told.sentence == "Reproduced: all 4 pictures are the same, pixel for pixel."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pixels": "other", "model": "icons 2"}, "the model was icons 1, now it is icons 2."),
        ({"pixels": "other"}, "only tiny differences, as another processor rounds them."),
        (
            {"pixels": "other", "look": "00" * 192},
            "the pixels differ, although model and settings are the same.",
        ),
    ],
)
def test_what_differs_is_shown_with_its_reason(changes, why):
    planned, results = ran([("steps", "5, 10")])
    kept = read_experiment(write_experiment(planned, results))
    results[(1,)] = replace(results[(1,)], **changes)
    told = reproduced(kept, results)
    assert told.differs[0].name == "10 steps"
    assert told.sentence.startswith(f"1 of 2 pictures differs. The first (10 steps): {why}")


def test_what_came_out_of_the_library_reproduces_nothing():
    planned, results = ran([("steps", "5, 10")])
    kept = read_experiment(write_experiment(planned, results))
    reused = {at: replace(result, state="reused") for at, result in results.items()}
    nothing = reproduced(kept, reused)
    assert nothing.sentence.startswith("Nothing was made anew: all 2 pictures are the same")
    half = reproduced(kept, {**results, (0,): reused[(0,)]})
    assert (nothing.is_proof, half.is_proof) == (False, True)
    assert half.sentence.endswith("pixel for pixel; 1 of them was there already.")


def test_a_cell_with_another_ones_picture_is_as_new_as_that():
    rows = [{"name": "one", "steps": 5}, {"name": "same", "steps": 5}]
    planned, results = ran([("preset", rows)])
    kept = read_experiment(write_experiment(planned, results))
    twins = {
        at: replace(result, state="reused") if result.cell.twin else result
        for at, result in results.items()
    }
    assert reproduced(kept, twins).sentence.startswith("Reproduced: all 2 pictures")


def test_cells_without_a_picture_are_counted_apart():
    planned, results = ran([("steps", "5, 10")])
    kept = read_experiment(write_experiment(planned, results))
    told = reproduced(kept, {(0,): results[(0,)]})
    assert (told.same, told.missing) == (1, 1)
    assert told.sentence.endswith("1 could not be compared.")
    assert "nothing can be compared" in reproduced(kept, {}).sentence


def test_an_experiment_makes_the_same_cells_again():
    base = Setup("builtin", BASE.params.with_(init=b"start"))
    offer = Offer(pictures={"a.png": b"one", "b.png": b"two"})
    planned, results = ran([("mask", "a.png, b.png"), ("seed", "-1, 4")], Facts(offer), base)
    kept = read_experiment(write_experiment(planned, results))
    again = plan(
        Setup("builtin", kept.spec.params({}, kept.images)),
        kept.spec.axes,
        Facts(Offer(pictures=kept.images)),
    )
    assert [cell.params for cell in again.cells] == [cell.params for cell in planned.cells]


@pytest.mark.parametrize(
    "changes", [{"init": b"start", "mask": b"mask"}, {"control": (Control(b"guide", "scribble"),)}]
)
def test_presets_with_pictures_are_in_folder_too(changes):
    planned, results = ran([("preset", [{"name": "plain"}, {"name": "held", **changes}])])
    kept = read_experiment(write_experiment(planned, results))
    again = plan(
        Setup("builtin", kept.spec.params({}, kept.images)),
        kept.spec.axes,
        Facts(Offer(pictures=kept.images)),
    )
    assert [cell.params for cell in again.cells] == [cell.params for cell in planned.cells]
    with pytest.raises(BadParams, match="a picture that it needs is not here"):
        plan(BASE, kept.spec.axes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no", "This is no experiment file"),
        ("[]", "This is no experiment file"),
        ('{"sdplay_experiment": 99}', "comes from a newer version"),
        ('{"sdplay_experiment": 1, "cells": [{}]}', "is damaged"),
        ('{"sdplay_experiment": 1, "images": {"a": "?"}}', "is damaged"),
    ],
)
def test_a_file_that_is_none_gets_a_sentence(text, sentence):
    with pytest.raises(BadParams, match=sentence):
        read_experiment(text)


def test_a_plain_plan_is_an_experiment_without_results():
    kept = read_experiment(json.dumps({"base": {"steps": 3}, "axes": []}))
    assert (kept.spec.base, kept.cells) == ({"steps": 3}, {})


def test_looks_tell_rounding_from_another_picture():
    grey, lighter = (Image.new("RGB", (16, 16), (value,) * 3) for value in (100, 102))
    assert look_apart(look(grey), look(lighter)) == 2


def test_a_row_has_every_setting_time_and_measure():
    _, results = ran([("steps", "5, 10")])
    measured = difference(picture(results[(0,)]), picture(results[(1,)]))
    made = row(
        replace(results[(1,)], load=Load(1.0, 2.0, 50.0, 123.4, 99.0)), Measured(measured, "5")
    )
    assert set(made) == set(HEADER) > set(KNOBS) - {"control"}
    assert (made["steps"], made["cell"], made["seconds"], made["cpu_percent"]) == (
        10,
        "10 steps",
        1.0,
        50.0,
    )
    assert 0 < made["ssim"] < 1
    assert 0 < made["colour_distance"] < 1
    assert made["measured_against"] == "5"


def test_rows_become_a_csv_that_spreadsheets_do_not_run():
    _, results = ran([("prompt", '=cmd() || a "fox", red')])
    (first, second) = csv.DictReader(io.StringIO(csv_text(map(row, results.values()))))
    assert first["prompt"] == "'=cmd()"
    assert second["prompt"] == 'a "fox", red'


def found_of(axes, **more):
    planned, results = ran(axes)
    return find_out(planned, results | more.pop("changed", {}), between(picture), **more)


def test_a_sweep_over_steps_says_where_each_scheduler_settles():
    found = found_of([("scheduler", "euler, euler_a"), ("steps", "2, 5, 8, 12, 20, 30, 50")])
    assert [curve.settles for curve in found.curves] == ["yes", "never"]
    assert found.settling[0].startswith("Euler: 12 steps are enough here")
    assert found.settling[1].startswith("Euler a never settles")
    assert len(found.trade.points) == 13
    assert found.trade.points[0].label == "Euler · 2 steps"


def test_a_curve_and_a_setting_are_close_by_the_same_rule():
    found = found_of([("scheduler", "euler, ddim"), ("steps", "2, 5, 8, 12, 20, 30, 50")])
    assert found.trade.close == found.close
    winner = found.trade.winners[0]
    knees = [curve.knee.steps for curve in found.curves if curve.label in winner.label]
    assert knees == [winner.steps]


def test_each_measure_judges_by_its_own_distances():
    axes = [("scheduler", "euler, ddim"), ("steps", "2, 5, 8, 12, 20, 30, 50")]
    colour, shape = (found_of(axes, measure=measure) for measure in MEASURES.values())
    for one, other in zip(colour.trade.points, shape.trade.points, strict=True):
        assert (one.distance, one.beside) == (other.beside, other.distance)
    assert shape.settling[0].startswith("Euler: 12 steps are enough here")


def test_settings_are_weighed_against_the_dearest_picture_of_their_own_kind():
    found = found_of([("steps", "5, 50"), ("scheduler", "euler, euler_a"), ("seed", "1, 2")])
    assert found.trade.reference.name == "Euler · 50 steps"
    assert {point.label: point.distance == 0 for point in found.trade.points} == {
        "Euler · 5 steps": False,
        "Euler a · 5 steps": False,
        "Euler a · 50 steps": True,
    }


def test_a_setting_is_one_point_over_its_seeds_with_their_spread():
    found = found_of([("steps", "5, 10, 50"), ("seed", "1-8")])
    assert [point.label for point in found.trade.points] == ["5 steps", "10 steps"]
    assert all(point.spread > 0 for point in found.trade.points)


def test_costs_of_a_sweep_over_sizes_count_pixels():
    found = found_of([("steps", "5, 10, 50"), ("width", "256, 512")])
    costs = {point.label: point.cost for point in found.trade.points}
    assert costs == {
        "5 steps · width 256": 5,
        "5 steps · width 512": 10,
        "10 steps · width 256": 10,
        "10 steps · width 512": 20,
    }
    assert "can settle (50 to 100 evaluations at 512 × 64)." in found.sentences[-2]
    assert "5 steps · width 256 (5 evaluations at 512 × 64)" in found.sentences[-1]
    assert found.trade.reference.unit == "model evaluations at 512 × 64"


def test_a_second_pass_counts_by_its_own_pixels():
    found = found_of([("steps", "5, 10, 20"), ("hires_scale", "1, 2")])
    costs = {point.label: point.cost for point in found.trade.points}
    assert costs["10 steps · hires scale 2"] == 20 + 4 * 10
    assert costs["10 steps · hires scale 1"] == 20


def test_a_tie_for_the_most_expensive_takes_the_first_and_says_so():
    found = found_of([("scheduler", "ddim, euler, euler_a"), ("steps", "5, 10, 50")])
    assert found.sentences[-2] == (
        "Measured against DDIM · 50 steps (100 evaluations). Euler · 50 steps costs as much; DDIM "
        "· 50 steps was taken because it comes first in the plan."
    )


def test_a_chosen_reference_is_named():
    planned, results = ran([("scheduler", "euler, ddim"), ("steps", "5, 10, 20")])
    found = find_out(planned, results, between(picture), chosen=results[(1, 0)])
    assert found.trade.reference.sentence == "Measured against A: DDIM · 5 steps."
    assert len(found.trade.points) == 5


def test_a_sweep_over_seeds_tests_the_two_closest():
    found = found_of([("steps", "5, 10, 50"), ("seed", "1-8")])
    assert [(band.label, band.count) for band in found.bands] == [("5 steps", 8), ("10 steps", 8)]
    assert found.test.sentence.startswith(
        "10 steps is closer than 5 steps on 8 of 8 seeds: unlikely to be the seed"
    )


def test_a_sweep_over_cfg_and_seeds_is_judged_by_colour():
    found = found_of([("cfg", "1, 3, 7"), ("seed", "1-6")])
    assert found.measure is COLOUR
    assert found.seed_sentences[0] == (
        "Measured against CFG 3 (40 evaluations). CFG 7 costs as much; CFG 3 was taken because it "
        "comes first in the plan."
    )


@pytest.mark.parametrize(
    "axes",
    [[("scheduler", "euler, ddim")], [("steps", "5")], [], [("seed", "1")], [("seed", "1, 2")]],
)
def test_axes_that_answer_nothing_find_nothing(axes):
    assert all(
        "too few" in sentence or "Measured" in sentence for sentence in found_of(axes).sentences
    )


def without(planned, results, *missing):
    return results | {at: Result(planned.by_place[at], "failed", error="No.") for at in missing}


@pytest.mark.parametrize("missing", [[(0, 2)], [(0, 2), (1, 2)], [(0, 0), (0, 1), (0, 2)]])
def test_failed_cells_leave_a_verdict_of_the_others(missing):
    planned, results = ran([("scheduler", "euler, ddim"), ("steps", "5, 10, 50")])
    found = find_out(planned, without(planned, results, *missing), between(picture))
    assert found.trade.reference.at not in missing
    assert len(found.trade.points) == 5 - len(missing)


def test_a_failed_seed_is_left_out_of_the_test_alone():
    planned, results = ran([("steps", "5, 10, 50"), ("seed", "1-8")])
    found = find_out(planned, without(planned, results, (0, 3)), between(picture))
    assert [band.count for band in found.bands] == [7, 8]
    assert "on 7 of 7 seeds" in found.test.sentence


def test_nothing_made_says_nothing():
    planned, results = ran([("steps", "5, 10, 50"), ("seed", "1, 2")])
    assert find_out(planned, without(planned, results, *results), between(picture)).sentences == ()


def test_a_single_cell_of_a_sweep_carries_no_verdict():
    planned, results = ran([("steps", "5, 10, 50"), ("seed", "1, 2")])
    rest = [at for at in results if at != (1, 0)]
    found = find_out(planned, without(planned, results, *rest), between(picture))
    assert (found.curves, found.bands, found.test) == ((), (), None)
    assert "0 settings: too few for a recommendation" in found.sentences[-1]


def test_pictures_that_are_all_the_same_are_worth_the_cheapest():
    planned, results = ran([("steps", "5, 10, 20, 50"), ("seed", "1-3")])
    grey = Image.new("RGB", (32, 32), "grey")
    found = find_out(planned, results, between(lambda result: grey))
    assert found.settling == ("DPM++ 2M Karras: 5 steps are enough on all 3 seeds.",)
    assert "All 3 settings give the same picture; 5 steps (10 evaluations)" in found.sentences[2]


def made_in(at_once, state="made"):
    cell = Cell((0,), ("5",), BASE, 5)
    return Result(cell, state=state, timing=Timing(2.0, sampling=1.5, at_once=at_once))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_pixels_say_the_same_whatever_the_clock_says(seed):
    """Once idle, once under load: other times, other company, another order, and cells from the
    library that were timed on another day."""
    axes = [("scheduler", "euler, ddim, unipc"), ("steps", "4, 8, 16, 32"), ("seed", "1-3")]
    planned, results = ran(axes)
    calm = find_out(planned, results, between(picture)).sentences
    random = np.random.default_rng(seed)
    loaded = {
        at: replace(
            result,
            state=str(random.choice(["made", "reused"])),
            timing=Timing(
                float(random.uniform(0.1, 90)),
                sampling=float(random.uniform(0.1, 60)),
                at_once=float(random.uniform(1, 16)),
            ),
        )
        for at, result in results.items()
    }
    shuffled = {at: loaded[at] for at in random_order(random, loaded)}
    assert find_out(planned, shuffled, between(picture)).sentences == calm


@pytest.mark.parametrize(
    ("second", "compared"),
    [
        (made_in(at_once=1.0), True),
        (made_in(at_once=1.4), True),
        (made_in(at_once=4.0), False),
        (made_in(at_once=None), False),
        (made_in(at_once=1.0, state="reused"), False),
    ],
    ids=["alone too", "in hardly more company", "in company", "nobody told", "another day"],
)
def test_seconds_are_compared_only_under_like_conditions(second, compared):
    assert measured_alike([made_in(at_once=1.0), second]) == compared
    assert measured_alike([second, made_in(at_once=1.0)]) == compared


def test_without_any_seconds_none_are_compared():
    assert not measured_alike([])
    assert not measured_alike([Result(Cell((0,), ("5",), BASE, 5))])


def random_order(random, results):
    order = list(results)
    random.shuffle(order)
    return order
