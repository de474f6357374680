"""The plan: every cell checked before the first is paid for, counted, priced, and in an order that
saves switching."""

import time

import pytest

from sdplay.compare.axes import Offer, Setup
from sdplay.compare.guard import plan_sentence
from sdplay.compare.plan import Facts, plan
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.schedulers import SCHEDULERS
from sdplay.wording import duration, lasting
from sdplay.work import evaluations

BASE = Setup("builtin", Params("a fox", width=128, height=128))


def test_every_combination_is_a_cell():
    made = plan(BASE, [("scheduler", "euler, ddim"), ("steps", "5-20(+5)")])
    assert [(cell.params.scheduler, cell.params.steps) for cell in made.cells] == [
        (scheduler, steps) for scheduler in ("euler", "ddim") for steps in (5, 10, 15, 20)
    ]
    assert made.cells[5].labels == ("DDIM", "10")


def test_no_axis_is_one_cell():
    assert [cell.params for cell in plan(BASE, []).cells] == [BASE.params]


def test_slow_axes_are_outermost_whatever_their_order():
    made = plan(BASE, [("steps", "5, 10"), ("model", "a, b"), ("backend", "one, two")])
    switches = [(cell.setup.backend, cell.params.model) for cell in made.cells]
    assert (
        switches
        == [("one", "a")] * 2 + [("one", "b")] * 2 + [("two", "a")] * 2 + [("two", "b")] * 2
    )
    assert made.cells[1].at == (1, 0, 0)


def test_one_bad_cell_refuses_the_whole_plan_and_says_where():
    with pytest.raises(
        BadParams,
        match=r"Width must be a multiple of 8, not 100.* This is in the cell 100×100.",
    ):
        plan(BASE, [("size", "128x128, 100x100")])


def test_the_backends_own_check_runs_over_every_cell():
    def check(setup):
        if setup.params.steps > 50:
            raise BadParams("This server stops at 50 steps.")
        return []

    with pytest.raises(
        BadParams, match=r"stops at 50 steps. This is in the cell 60 steps · CFG 3."
    ):
        plan(BASE, [("steps", "20, 60"), ("cfg", "3, 5")], Facts(check=check))


def test_settings_without_effect_are_noted_once():
    facts = Facts(
        check=lambda setup: ["Clip skip has no effect here."] if setup.params.clip_skip > 1 else []
    )
    assert plan(BASE, [("clip_skip", "1-3")], facts).notes == (
        "In 2 cells: Clip skip has no effect here.",
    )


def test_pictures_and_evaluations_are_counted():
    made = plan(
        BASE.__class__("builtin", Params(cfg=7)),
        [("scheduler", "euler, heun, pndm"), ("cfg", "1, 7")],
    )
    assert made.pictures == 6
    assert made.evaluations == (20 + 39 + 21) * 3


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_cfg_doubles_the_evaluations(scheduler):
    params = Params(scheduler=scheduler, steps=9, cfg=7)
    assert (
        evaluations(params)
        == 2 * evaluations(params.with_(cfg=1))
        == 2 * SCHEDULERS[scheduler].evaluations(9)
    )


def test_a_start_image_shortens_the_run_and_hires_lengthens_it():
    assert evaluations(Params(init=b"x", scheduler="euler", steps=20, strength=0.5, cfg=1)) == 10
    assert (
        evaluations(Params(scheduler="euler", steps=20, hires_scale=2, hires_strength=0.5, cfg=1))
        == 30
    )


def test_cells_in_the_library_are_free():
    made = plan(
        BASE,
        [("steps", "5, 10")],
        Facts(in_library=lambda setups: {1}, seconds=lambda name, todo: (len(todo), 9)),
    )
    assert (made.pictures, made.free, made.evaluations, made.seconds) == (1, 1, 10, (1, 9))
    assert made.sentence == "1 picture, 10 model evaluations; 1 already made; 1 s to 9 s."


def test_time_is_unknown_when_one_backend_has_no_past():
    facts = Facts(seconds=lambda backend, todo: (1.0, 2.0) if backend == "one" else None)
    assert plan(BASE, [("backend", "one, two")], facts).seconds is None
    assert plan(BASE, [("backend", "one")], facts).seconds == (1, 2)


def test_backends_work_side_by_side_or_hinder_each_other():
    said = {"one": (10.0, 20.0), "two": (3.0, 4.0)}
    facts = Facts(seconds=lambda backend, todo: said[backend])
    assert plan(BASE, [("backend", "one, two")], facts).seconds == (10, 24)


def test_money_is_added_up():
    made = plan(BASE, [("backend", "one, two"), ("seed", "1-3")], Facts(price={"one": 0.02}.get))
    assert made.price == pytest.approx(0.06)
    assert "$0.06" in made.sentence


def test_money_of_less_than_a_cent_is_not_nothing():
    made = plan(BASE, [], Facts(price=lambda backend: 0.0023))
    assert "$0.0023" in made.sentence


def test_the_owners_cap_asks_for_confirmation(monkeypatch):
    monkeypatch.setenv("SDPLAY_SWEEP_LIMIT", "3")
    assert plan(BASE, [("seed", "1-4")]).needs_confirmation
    assert not plan(BASE, [("seed", "1-3")]).needs_confirmation


def test_a_cap_that_is_no_number_is_told(monkeypatch):
    monkeypatch.setenv("SDPLAY_SWEEP_LIMIT", "many")
    with pytest.raises(BadParams, match="SDPLAY_SWEEP_LIMIT must be a whole number, not 'many'"):
        assert plan(BASE, []).needs_confirmation


def test_skipped_values_keep_their_cell():
    made = plan(BASE, [("steps", "5, SKIP: 10, 15")])
    assert [(cell.skip, cell.to_make) for cell in made.cells] == [
        (False, True),
        (True, False),
        (False, True),
    ]


def test_equal_cells_are_made_once():
    made = plan(BASE, [("preset", "euler 20, scheduler=euler; steps=20")])
    assert (made.pictures, made.cells[1].twin) == (1, (0,))
    assert made.notes == (
        "1 cell asks for the same picture as another one; each picture is made once.",
    )


@pytest.mark.parametrize("second", ["steps", "preset"])
def test_two_axes_may_not_set_the_same_thing(second):
    with pytest.raises(
        BadParams, match=r"Steps is set twice: by .* and by .*\. Leave one of them out\."
    ):
        plan(BASE, [("steps", "5, 6"), (second, "7" if second == "steps" else "euler 30")])


def test_too_many_cells_are_refused():
    with pytest.raises(BadParams, match="That makes 1,000,000 cells"):
        plan(BASE, [("seed", "1-1000"), ("cfg", "1-2[1000]")])


def test_chance_is_drawn_once_for_all_cells():
    made = plan(
        BASE, [("steps", "5, 10"), ("seed", "-1")], Facts(Offer(seed=iter([7, 8]).__next__))
    )
    assert [cell.params.seed for cell in made.cells] == [7, 7]


def test_a_prompt_is_set_before_words_in_it_are_replaced():
    made = plan(BASE, [("prompt_replace", "fox, owl"), ("prompt", "one fox || two fox")])
    assert [cell.params.prompt for cell in made.cells] == [
        "one fox",
        "two fox",
        "one owl",
        "two owl",
    ]


def test_a_page_spreads_two_axes_and_holds_the_others():
    made = plan(BASE, [("steps", "5, 10"), ("cfg", "1, 3"), ("seed", "1-3")])
    page = made.table(2, 0, {1: 1})
    assert [
        [(cell.params.seed, cell.params.steps, cell.params.cfg) for cell in row] for row in page
    ] == [[(seed, 5, 3), (seed, 10, 3)] for seed in (1, 2, 3)]


def test_a_cheaper_plan_is_proposed():
    cheaper = plan(BASE, [("scheduler", "euler, ddim"), ("steps", "5-50(+5)")]).cheaper
    assert (cheaper.axis, cheaper.pictures) == ("steps", 12)
    assert cheaper.values.startswith("5, ")
    assert cheaper.values.endswith(", 50")
    assert cheaper.sentence.startswith("Cheaper: Steps 5, ")


def test_of_many_seeds_the_first_half_is_cheaper_and_told_in_short():
    cheaper = plan(BASE, [("seed", "1-40")]).cheaper
    assert cheaper.values == ", ".join(map(str, range(1, 21)))
    assert cheaper.sentence.startswith(
        "Cheaper: Seed 1, 2, 3 … 20 asks for 20 pictures instead of 40 and saves 50%"
    )


@pytest.mark.parametrize(
    ("changes", "axis", "saves"),
    [
        ({}, ("seed", "1-10"), "10 and saves 50% of the evaluations."),
        ({"extra": '{"batch_size": 3}'}, ("seed", "1-10"), "10 and saves 50% of the evaluations."),
        ({"extra": '{"script_name": "prompt matrix"}'}, ("seed", "1-10"), "instead of 10."),
        ({"init": b"a picture", "steps": 4}, ("strength", "0-0.2(+0.05)"), "instead of 5."),
        ({"init": b"a picture", "steps": 4}, ("strength", "0, 0.05, 0.1, 0.5, 1"), "instead of 5."),
    ],
)
def test_a_cheaper_plan_says_what_is_really_saved(changes, axis, saves):
    base = Setup("builtin", Params("a fox").with_(**changes))
    assert plan(base, [axis]).cheaper.sentence.endswith(saves)


def test_fewer_repeats_are_not_proposed():
    assert plan(BASE, [("repeat", "1-11")]).cheaper is None


def test_a_small_plan_needs_no_cheaper_one():
    assert plan(BASE, [("steps", "5-20(+5)")]).cheaper is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.254, "0.25 s"), (9.999, "10.0 s"), (31.64, "31.6 s"), (89.97, "90 s"), (7057, "2.0 h")],
)
def test_measured_times_read_like_a_person_says_them(seconds, text):
    assert lasting(seconds) == text


def test_work_that_cannot_be_told_is_not_counted():
    script = Setup("a1111", Params(extra='{"script_name": "prompt matrix"}'))
    made = plan(script, [("steps", "10, 20")])
    assert made.sentence == (
        "2 pictures, how much work they are cannot be told, for a script of the server may do "
        "anything and some samplers choose their own steps."
    )


def test_one_evaluation_has_a_word_of_its_own():
    made = plan(Setup("builtin", BASE.params.with_(steps=1, cfg=1, scheduler="euler")), [])
    assert made.sentence == "1 picture, 1 model evaluation."


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.2, 0.4, "less than a second"),
        (8, 12.4, "8 s to 12 s"),
        (61, 61, "about 61 s"),
        (80, 300, "80 s to 5 min"),
        (3000, 9000, "50 min to 2.5 h"),
        (200_000, 2_000_000, "55.6 h to 23 days"),
    ],
)
def test_durations_read_like_a_person_says_them(low, high, text):
    assert duration(low, high) == text


def test_five_hundred_cells_are_planned_at_once():
    began = time.process_time()
    assert len(plan(BASE, [("steps", "1-50"), ("cfg", "1-10(+1)")]).cells) == 500
    assert time.process_time() - began < 1


def test_a_cell_is_called_by_its_values_and_their_axes():
    made = plan(Setup("builtin", Params("a fox")), [("cfg", "7"), ("seed", "8")])
    assert made.cells[0].name == "CFG 7 · seed 8"


def test_what_the_page_calls_an_axis_stands_in_every_sentence():
    rows = [{"name": "a", "seed": 1}, {"name": "b", "seed": 2}]
    facts = Facts(called={"preset": "Variant"})
    with pytest.raises(BadParams, match="Seed is set twice: by Variant and by Seed"):
        plan(Setup("builtin", Params()), [("preset", rows), ("seed", "1, 2")], facts)
    assert "Along Variant" in plan_sentence(
        plan(Setup("builtin", Params()), [("preset", rows)], facts)
    )


def test_cells_share_a_long_prompt_and_all_of_them_have_a_bound():
    base = Setup("builtin", Params("fox " + "🦊" * 19_000))
    words = "fox, " + ", ".join(f"word{number}" for number in range(99))
    made = plan(base, [("prompt_replace", words), ("seed", "1-20")])
    assert len({id(cell.params.prompt) for cell in made.cells}) == 100
    with pytest.raises(BadParams, match="prompts of all these cells have more than 10,000,000"):
        plan(base, [("prompt_replace", words + "".join(f", and{at}" for at in range(500)))])
