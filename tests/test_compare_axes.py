"""Axes: every line of the table works with its own example, and every prompt trick does what it
says."""

import pytest

from sdplay.compare.axes import AXES, Offer, Setup, axis, slots
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params

BASE = Setup("builtin", Params("a red fox in snow, at night", "dark fox"))
OFFER = Offer(pictures={"none": b""})


def prompts(name, values, base=BASE):
    return [axis(name).apply(base, mark.value).params.prompt for mark in axis(name).marks(values)]


@pytest.mark.parametrize("each", AXES.values(), ids=AXES)
def test_every_axis_reads_and_applies_its_example(each):
    for example in each.example.split("  or  "):
        marks = each.marks(example, OFFER)
        assert marks
        assert all(isinstance(each.apply(BASE, mark.value), Setup) for mark in marks)


def test_every_setting_is_an_axis():
    assert set(KNOBS) <= set(AXES)


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("CFG Scale", "cfg"),
        ("sampler", "scheduler"),
        ("Prompt S/R", "prompt_replace"),
        ("Checkpoint name", "model"),
        ("denoising", "strength"),
        ("Clip skip", "clip_skip"),
        (" STEPS ", "steps"),
        ("Var. seed", "variation_seed"),
    ],
)
def test_an_axis_is_found_by_its_names_elsewhere(name, id):
    assert axis(name).id == id


def test_an_unknown_axis_is_told_with_those_there_are():
    with pytest.raises(BadParams, match="There is no axis called 'colour'. There are: prompt, "):
        axis("colour")


def test_a_knob_axis_sets_exactly_that_knob():
    changed = [
        AXES["steps"].apply(BASE, mark.value).params for mark in AXES["steps"].marks("5-20(+5)")
    ]
    assert changed == [BASE.params.with_(steps=steps) for steps in (5, 10, 15, 20)]


def test_values_are_checked_against_the_knob():
    with pytest.raises(BadParams, match="Steps must be between 1 and 500, not 900"):
        AXES["steps"].marks("5, 900")


def test_schedulers_go_by_any_name():
    marks = AXES["scheduler"].marks("K_EULER, DPM++ 2M Karras, Euler a, ddim")
    assert [mark.value for mark in marks] == ["euler", "dpmpp_2m_karras", "euler_a", "ddim"]
    assert marks[1].label == "DPM++ 2M Karras"


def test_a_scheduler_that_only_the_server_knows_is_taken():
    offer = Offer({"scheduler": ("euler", "Restart")})
    assert [mark.value for mark in AXES["scheduler"].marks("restart, euler", offer)] == [
        "Restart",
        "euler",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"), [("sdXL_base", "sdxl_base.safetensors"), ("v1-5", "v1-5.ckpt")]
)
def test_a_part_of_a_models_name_is_enough(typed, meant):
    offer = Offer({"model": ("v1-5.ckpt", "sdxl_base.safetensors")})
    assert AXES["model"].marks(typed, offer)[0].value == meant


def test_a_model_that_is_not_there_is_refused_with_the_choices():
    with pytest.raises(
        BadParams, match=r"Model: there is no 'flux'. Choose from: v1-5.ckpt, sdxl."
    ):
        AXES["model"].marks("flux", Offer({"model": ("v1-5.ckpt", "sdxl")}))


def test_all_means_every_choice_of_the_backend():
    offer = Offer({"scheduler": ("euler", "ddim")})
    assert [mark.value for mark in AXES["scheduler"].marks("all", offer)] == ["euler", "ddim"]


def test_chance_is_drawn_once_and_shared():
    draws = iter((77, 88))
    marks = AXES["seed"].marks("-1, 5, -1", Offer(seed=lambda: next(draws)))
    assert [mark.value for mark in marks] == [77, 5]


def test_the_first_word_is_searched_and_each_is_put_there():
    assert prompts("Prompt S/R", "fox, wolf") == [
        "a red fox in snow, at night",
        "a red wolf in snow, at night",
    ]
    assert AXES["prompt_replace"].apply(BASE, ("fox", "wolf")).params.negative == "dark wolf"


def test_pairs_search_each_their_own_word():
    assert prompts("prompt_replace", "fox=owl, red=blue") == [
        "a red owl in snow, at night",
        "a blue fox in snow, at night",
    ]


def test_a_word_that_is_nowhere_is_told():
    with pytest.raises(
        BadParams, match="'cat' is neither in the prompt 'a red fox in snow, at night' nor"
    ):
        prompts("prompt_replace", "cat, dog")


def test_prompt_order_gives_every_order():
    assert prompts("prompt_order", "fox, snow") == [
        "a red fox in snow, at night",
        "a red snow in fox, at night",
    ]
    assert len(set(prompts("prompt_order", "red, fox, snow"))) == 6


def test_prompt_matrix_gives_every_selection():
    base = Setup("builtin", Params("a fox"))
    assert prompts("prompt_matrix", "in snow, old", base) == [
        "a fox",
        "a fox, old",
        "a fox, in snow",
        "a fox, in snow, old",
    ]


def test_a_style_stands_around_the_prompt():
    base = Setup("builtin", Params("a fox"))
    assert prompts("prompt_style", "none, flat, a sketch of {prompt}", base) == [
        "a fox",
        "a fox, flat",
        "a sketch of a fox",
    ]


def test_every_slot_of_the_prompts_is_found_once():
    assert slots(Params("a {thing} and a {thing}, {art style}", "not {colour}")) == (
        "{thing}",
        "{art style}",
        "{colour}",
    )


def test_slots_are_filled_in_both_prompts():
    base = Setup("builtin", Params("a {nation} family", "no {nation} flag"))
    made = axis("{nation}").apply(base, "Greek").params
    assert (made.prompt, made.negative) == ("a Greek family", "no Greek flag")


def test_presets_change_several_settings_at_once():
    offer = Offer(presets={"quick": {"scheduler": "lcm", "steps": 4, "backend": "a1111"}})
    marks = AXES["preset"].marks("quick, euler 30, scheduler=ddim; steps=9", offer)
    made = [AXES["preset"].apply(BASE, mark.value) for mark in marks]
    assert [(each.backend, each.params.scheduler, each.params.steps) for each in made] == [
        ("a1111", "lcm", 4),
        ("builtin", "euler", 30),
        ("builtin", "ddim", 9),
    ]


def test_lists_from_a_file_may_hold_ranges_and_whole_presets():
    assert [mark.value for mark in AXES["steps"].marks([5, "10-30(+10)"])] == [5, 10, 20, 30]
    assert AXES["preset"].marks([{"name": "mine", "steps": 3}])[0].label == "mine"


def test_a_skipped_value_stays_a_mark():
    assert [(mark.value, mark.skip) for mark in AXES["cfg"].marks("3, SKIP: 7")] == [
        (3.0, False),
        (7.0, True),
    ]


@pytest.mark.parametrize("name", ["prompt_order", "prompt_matrix"])
def test_too_many_parts_are_refused(name):
    with pytest.raises(BadParams, match="at most"):
        AXES[name].marks(", ".join("abcdefghi"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("cfg", "7", "CFG 7"),
        ("seed", "8", "seed 8"),
        ("steps", "1", "1 step"),
        ("steps", "20", "20 steps"),
        ("scheduler", "unipc", "UniPC"),
        ("negative", "blurry", "negative prompt: blurry"),
        ("{animal}", "fox", "animal: fox"),
        ("size", "128x96", "128×96"),
        ("clip_skip", "2", "clip skip 2"),
    ],
)
def test_a_value_is_said_with_its_axis(name, value, said):
    (mark,) = axis(name).marks(value)
    assert axis(name).said(mark.label) == said


@pytest.mark.parametrize("each", AXES.values(), ids=AXES)
def test_every_axis_says_its_values(each):
    assert "fox" in each.said("fox")


def test_yes_and_no_are_values_of_an_axis():
    marks = axis("tiling").marks("yes, no")
    assert [(mark.label, mark.value) for mark in marks] == [("yes", True), ("no", False)]


def test_an_axis_can_leave_a_value_to_the_backend():
    marks = axis("eta").marks("own, 0, 0.5")
    assert [(mark.label, mark.value) for mark in marks] == [("own", None), ("0", 0.0), ("0.5", 0.5)]
    assert [mark.value for mark in axis("Clip skip").marks("own, 2")] == [None, 2]


def test_an_axis_whose_value_cannot_be_left_out_says_so():
    with pytest.raises(BadParams, match="Steps must be a whole number"):
        axis("steps").marks("own, 4")
