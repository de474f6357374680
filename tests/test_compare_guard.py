"""The confound guard: every set of differences is told as it is, and the lock leaves only what was
asked for."""

import pytest

from sdplay.compare.axes import Setup
from sdplay.compare.guard import (
    fairness,
    guard,
    guard_axes,
    lock,
    plan_sentence,
    settings_text,
    value_text,
)
from sdplay.compare.plan import plan
from sdplay.compare.summary import axes_line
from sdplay.params import KNOBS, Control, Params

IMAGE = b"picture"
ONE = Params(
    "a fox",
    init=IMAGE,
    mask=b"mask",
    only_masked=True,
    hires_scale=2,
    refiner="r",
    variation_strength=0.5,
    scheduler="ddim",
)
CHANGES = {
    "prompt": "an owl",
    "negative": "dark",
    "scheduler": "ddim",
    "steps": 7,
    "cfg": 3.0,
    "seed": 9,
    "width": 640,
    "height": 640,
    "model": "other",
    "init": b"new",
    "strength": 0.1,
    "mask": b"new",
    "mask_blur": 9,
    "variation_seed": 4,
    "variation_strength": 0.75,
    "eta": 0.5,
    "clip_skip": 2,
    "hires_scale": 1.5,
    "hires_strength": 0.1,
    "hires_steps": 5,
    "hires_upscaler": "Lanczos",
    "refiner": "q",
    "refiner_at": 0.5,
    "tiling": True,
    "vae": "fine.pt",
    "faces": True,
    "inpaint_fill": "fill",
    "only_masked": False,
    "masked_padding": 8,
    "hires_size": "768x768",
    "hires_sampler": "euler",
    "hires_prompt": "an owl",
    "hires_negative": "dark",
    "hires_model": "other",
    "styles": "a",
    "control": (Control(IMAGE, "scribble"),),
    "extra": '{"a": 1}',
}


def test_the_changes_below_cover_every_setting():
    assert set(CHANGES) == set(KNOBS)


def test_all_sets_of_the_six_main_settings_are_classified():
    main = ("prompt", "scheduler", "steps", "cfg", "seed", "model")
    base = Params("a fox", cfg=5)
    for bits in range(2 ** len(main)):
        names = {name for at, name in enumerate(main) if bits >> at & 1}
        assert (
            set(guard([base, base.with_(**{name: CHANGES[name] for name in names})]).names) == names
        )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Nothing differs: these settings are the same."),
        ({"scheduler": "euler"}, "1 thing differs: scheduler."),
        ({"cfg": 2.0}, "1 thing differs: CFG scale."),
        ({"cfg": 2.0, "steps": 4, "seed": 1}, "3 things differ: steps, CFG scale and seed. "),
    ],
)
def test_the_sentence_counts_and_names_them(changes, sentence):
    assert guard([Params(), Params(**changes)]).sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("base", "name", "value", "where"),
    [
        ({"cfg": 1.0}, "negative", "dark", "at CFG 1"),
        ({}, "strength", 0.2, "without a start image"),
        ({}, "variation_seed", 8, "at variation strength 0"),
        ({"scheduler": "euler"}, "eta", 0.7, "with a scheduler that adds no noise of its own"),
        ({}, "hires_steps", 5, "while hires is off"),
    ],
)
def test_what_changes_nothing_is_no_confound(base, name, value, where):
    verdict = guard([Params(**base), Params(**base, **{name: value})])
    assert verdict.level == "same"
    assert f"differs too, but {where} it changes nothing." in verdict.sentence


def test_two_backends_are_a_difference():
    verdict = guard([Setup("builtin", Params()), Setup("a1111", Params(steps=3))])
    assert verdict.names == ("backend", "steps")
    assert verdict.values == {"backend": ("builtin", "a1111"), "steps": (20, 3)}


def test_another_version_of_the_model_is_a_difference():
    verdict = guard([Params(), Params()], ["icons 1", "icons 2"])
    assert verdict.sentence == "1 thing differs: model version."
    assert guard([Params(), Params()], ["icons 1", "icons 1"]).level == "same"
    assert guard([Params(model="a"), Params(model="b")], ["a 1", "b 1"]).names == ("model",)


def test_many_pictures_are_guarded_together():
    verdict = guard([Params(steps=steps, seed=seed) for steps, seed in ((5, 1), (9, 1), (5, 2))])
    assert verdict.values == {"steps": (5, 9), "seed": (1, 2)}


def test_locking_leaves_only_what_was_asked_for():
    octoai = [
        Params(scheduler="dpmpp_2m", cfg=7.5, seed=42, negative="a"),
        Params(scheduler="euler", cfg=10, seed=24),
    ]
    locked = lock(octoai, ["scheduler"])
    assert guard(octoai).level == "confounded"
    assert guard(locked).sentence == "1 thing differs: scheduler."
    assert locked[1] == octoai[0].with_(scheduler="euler")


def test_locking_can_follow_any_of_them():
    assert (
        lock([Params(steps=3), Params(steps=5, seed=1)], [], to=1) == (Params(steps=5, seed=1),) * 2
    )


def test_each_axis_of_a_plan_is_judged_alone():
    made = plan(Setup("builtin", Params()), [("preset", "euler 30, ddim 50"), ("seed", "1-3")])
    assert [verdict.names for verdict in guard_axes(made)] == [("scheduler", "steps"), ("seed",)]
    assert plan_sentence(made).startswith("Along Preset, 2 things differ: scheduler and steps. ")
    assert plan_sentence(made).endswith("Along Seed, 1 thing differs: seed.")


def test_a_skipped_place_hides_no_difference_along_the_other_axes():
    made = plan(Setup("builtin", Params()), [("steps", "SKIP: 4, 8"), ("scheduler", "euler, ddim")])
    assert plan_sentence(made) == "Along Scheduler, 1 thing differs: scheduler."


def test_values_are_shown_by_the_words_people_know():
    assert value_text("scheduler", "euler_a") == "Euler a"
    assert (value_text("cfg", 7.0), value_text("model", "")) == ("7", "As the backend has it")


def test_settings_are_told_in_words():
    asked = {"prompt": "a fox", "scheduler": "euler", "cfg": 7.0, "width": 64}
    assert settings_text(asked, ["steps"]) == ["scheduler Euler", "CFG scale 7"]
    assert settings_text({"control": ()})[0].startswith("ControlNet ")


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ([("steps", "2, 4"), ("scheduler", ["euler", "ddim"])], "one thing differs per axis"),
        ([("steps", "2, 4")], "Fair: one thing differs"),
        ([("preset", "euler 30, ddim 20")], "Not fair: scheduler and steps differ together"),
        ([("steps", "4")], "One picture: nothing to compare yet"),
        ([("repeat", "1-5")], "Fair: the same settings, run after run"),
    ],
)
def test_the_pill_says_whether_one_thing_differs(axes, words):
    answer = fairness(plan(Setup("builtin", Params("a fox")), axes))
    assert words in answer.words
    assert bool(answer.mixed) == words.startswith("Not fair")


@pytest.mark.parametrize(
    ("axes", "line"),
    [
        ([("steps", "4, 8"), ("scheduler", ["euler", "ddim"])], "Steps 4 · 8 × 2 schedulers"),
        ([("cfg", "1-12")], "12 CFG scales"),
        ([("steps", "1-12")], "12 values of steps"),
        ([("prompt_without", "a, fox")], "Prompt without each of 2 parts"),
        ([("prompt_without", "fox")], "Prompt without 1 part"),
        ([("repeat", "1-11")], "11 repeats"),
        ([("backend", "one, two")], "one against two"),
        ([("backend", "first-one, second-one, third-one")], "3 backends"),
    ],
)
def test_a_plan_is_told_in_one_line(axes, line):
    assert axes_line(plan(Setup("builtin", Params("a fox")), axes)) == line
