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
from sdplay.compare.experiment import read_experiment, reproduced, write_experiment
from sdplay.compare.findings import find_out
from sdplay.compare.measures import difference, look, look_apart, pixels_hash
from sdplay.compare.plan import Facts, plan
from sdplay.compare.results import Load, Result
from sdplay.compare.rows import HEADER, Measured, csv_text, row
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
def test_presets_with_pictures_are_kept_too(changes):
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


def test_a_sweep_over_steps_says_where_each_scheduler_settles():
    planned, results = ran([("scheduler", "euler, euler_a"), ("steps", "2, 5, 8, 12, 20, 30, 50")])
    found = find_out(planned, results, picture)
    assert [curve.settles for curve in found.curves] == ["yes", "never"]
    assert found.sentences[0].startswith("Euler: 12 steps are enough here")
    assert len(found.points) == 13
    assert found.points[0].label == "Euler, 2 steps"
    assert "settings" in found.sentences[-1]


def test_settings_are_weighed_against_the_dearest_picture_of_their_own_kind():
    _, results = ran([("steps", "5, 50"), ("scheduler", "euler, euler_a"), ("seed", "1, 2")])
    found = find_out(
        plan(BASE, [("steps", "5, 50"), ("scheduler", "euler, euler_a"), ("seed", "1, 2")]),
        results,
        picture,
    )
    assert {point.label for point in found.points} == {
        f"{name}, {steps} steps, Seed {seed}"
        for name in ("Euler", "Euler a")
        for steps in (5, 50)
        for seed in (1, 2)
    } - {"Euler, 50 steps, Seed 1", "Euler, 50 steps, Seed 2"}
    assert max(point.distance for point in found.points if point.steps == 50) == 0


def test_a_sweep_over_seeds_tests_the_two_closest():
    planned, results = ran([("steps", "5, 10, 50"), ("seed", "1-8")])
    found = find_out(planned, results, picture)
    assert [(band.label, band.count) for band in found.bands] == [("Steps 5", 8), ("Steps 10", 8)]
    assert found.test.sentence.startswith(
        "Steps 10 is closer than Steps 5 on 8 of 8 seeds: unlikely to be the seed"
    )


def test_axes_that_answer_nothing_find_nothing():
    planned, results = ran([("cfg", "3, 7")])
    assert find_out(planned, results, picture).sentences == ()
