"""Infotext: written as A1111 writes it; what does not fit is said, not dropped."""

import time

import pytest

from sdplay.errors import BadParams
from sdplay.metadata import infotext, parse_infotext, settings_from
from sdplay.params import Params


def test_the_text_is_what_a1111_writes():
    params = Params(
        prompt="a fox", negative="blur", seed=7, steps=30, scheduler="dpmpp_2m_karras", clip_skip=2
    )
    assert infotext(params, model="v1-5") == (
        "a fox\nNegative prompt: blur\n"
        "Steps: 30, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 7, Size: "
        "512x512, Model: v1-5, "
        "Clip skip: 2"
    )


def test_one_letter_keys_are_read_but_make_no_settings_of_a_prompt():
    assert parse_infotext("a fox\nSteps: 3, Seed: 1, Size: 64x64, x: 5")["x"] == "5"
    assert parse_infotext("a: 1, b: 2, c: 3")["Prompt"] == "a: 1, b: 2, c: 3"


def test_a_text_without_settings_is_all_prompt():
    assert parse_infotext("a fox\nin snow") == {"Prompt": "a fox\nin snow", "Negative prompt": ""}


def test_a_value_out_of_range_is_left_out_in_a_sentence():
    told, notes = settings_from("a fox\nSteps: 900, Sampler: Euler, CFG scale: 0.5, Seed: 1")
    assert "steps" not in told
    assert notes[0] == "Steps was left out. Steps must be between 1 and 500, not 900."


def test_a_size_between_our_steps_becomes_the_nearest():
    told, notes = settings_from("a fox\nSteps: 9, Sampler: Euler, Seed: 1, Size: 500x513")
    assert (told["width"], told["height"]) == (496, 512)
    assert notes[0].endswith("The nearest is 496. 496 was taken.")


def test_an_unknown_schedule_is_kept_by_name_and_said():
    told, notes = settings_from(
        "a fox\nSteps: 9, Sampler: Euler, Schedule type: SGM Uniform, Seed: 1"
    )
    assert (told["scheduler"], len(notes)) == ("Euler SGM Uniform", 1)


@pytest.mark.parametrize(
    ("sampler", "id"), [("DPM++ 2M", "dpmpp_2m_karras"), ("Euler a", "euler_a")]
)
def test_automatic_is_what_a1111_takes_for_it(sampler, id):
    told, _ = settings_from(f"x\nSteps: 9, Sampler: {sampler}, Schedule type: Automatic, Seed: 1")
    assert told["scheduler"] == id


@pytest.mark.parametrize(
    "line", ["a" * 900_000, "a:" * 450_000, '"' * 900_000, "a, " * 300_000, "[" * 900_000]
)
def test_a_hostile_line_is_read_in_no_time(line):
    started = time.process_time()
    settings_from(f"x\n{line}")
    assert time.process_time() - started < 3


def test_broken_raw_fields_never_stop_a_picture_from_being_read():
    told, notes = settings_from('x\nSteps: 9, Sampler: Euler, Seed: 1, Raw payload fields: "{oops"')
    assert "extra" not in told
    assert "not valid JSON" in notes[0]
    with pytest.raises(BadParams):
        Params(extra="{oops")
