"""What more of one setting does: where it changes most, where it stops, where colours clip; and no
verdict that the eye or the seeds do not carry."""

from itertools import accumulate

import numpy as np
import pytest
from PIL import Image

from sdplay.compare.axes import Setup
from sdplay.compare.evidence.amounts import Amounts, Course, Level
from sdplay.compare.evidence.findings import between, find_out
from sdplay.compare.evidence.measures import difference
from sdplay.compare.exports.report import report
from sdplay.compare.plan import plan
from sdplay.compare.results import Result
from sdplay.params import Params

BASE = Setup("builtin", Params("a fox", scheduler="euler", width=64, height=64))
VALUES = (1, 3, 5, 7, 9, 11)


def course(moves, clipped=(), label="seed 1", values=VALUES):
    """A line of pictures: how far each is from the one before, in one direction."""
    places = [0.0, *accumulate(moves)]
    clipped = clipped or [0.0] * len(places)
    return Course(
        label,
        tuple(
            Level(value, f"CFG {value}", (at,), clip, move, left=places[-1] - place)
            for at, (value, place, clip, move) in enumerate(
                zip(values, places, clipped, (float("nan"), *moves), strict=False)
            )
        ),
    )


def said(*courses):
    return " ".join(Amounts("CFG scale", courses).sentences)


def test_the_largest_change_is_named_with_its_distance():
    assert said(course([0.1, 0.4, 0.1, 0.1, 0.1])).startswith(
        "It changes most from CFG 3 to CFG 5 (colour distance 0.40), on this prompt and seed. It "
        "still changes at the end: from CFG 9 to CFG 11 by 0.10."
    )


def test_changes_that_the_eye_cannot_tell_apart_are_even():
    assert said(course([0.10, 0.12, 0.11, 0.13, 0.12])).startswith(
        "It changes about evenly, by 0.10 to 0.13 (colour distance) from each value to the next"
    )


def test_two_largest_changes_that_are_alike_tie():
    assert (
        "It changes most from CFG 3 to CFG 5 and from CFG 5 to CFG 7 (colour distance 0.38 to "
        "0.40, too close to tell apart)" in said(course([0.1, 0.4, 0.38, 0.1, 0.1]))
    )


def test_a_difference_within_the_spread_of_the_seeds_is_no_verdict():
    calm = [course([0.1, 0.4, 0.1, 0.1, 0.1])] * 4
    assert "It changes most from CFG 3 to CFG 5" in said(*calm)
    restless = [course([0.1, far, 0.1, 0.1, 0.1]) for far in (0.1, 0.2, 0.4, 0.6)]
    assert "It changes about evenly" in said(*restless)


def test_unequal_gaps_are_told_beside_the_largest_change():
    wide = course([0.1, 0.1, 0.5, 0.1], values=(1, 2, 3, 20, 21))
    assert "The gaps between the values are not equal" in said(wide)
    assert "The gaps" not in said(course([0.1, 0.1, 0.5, 0.1]))


def test_where_it_stops_changing_is_named():
    assert "From CFG 5 on nothing changes that the eye sees, up to CFG 11, on this prompt" in (
        said(course([0.4, 0.3, 0.01, 0.01, 0.01]))
    )


def test_many_small_changes_that_add_up_are_no_standstill():
    creeping = course([0.04] * 5)
    assert creeping.settles(0.05) is None
    assert "larger values would say whether it has stopped" in said(creeping)


def test_one_small_change_at_the_end_is_no_standstill():
    assert "From" not in said(course([0.4, 0.4, 0.4, 0.4, 0.01])).split("The last change")[1]


def test_seeds_that_stop_are_counted():
    stops, goes_on = course([0.4, 0.3, 0.0, 0.0, 0.0]), course([0.4, 0.3, 0.3, 0.3, 0.3])
    assert "sees, up to CFG 11, on both seeds." in said(stops, stops)
    assert "sees, up to CFG 11, on all 3 seeds." in said(stops, stops, stops)
    assert "sees, up to CFG 11, on 2 of 3 seeds." in said(stops, stops, goes_on)


def test_where_colours_clip_is_named():
    burnt = course([0.2] * 5, clipped=(0.02, 0.01, 0.05, 0.08, 0.23, 0.5))
    assert said(burnt).endswith(
        "Colours clip from CFG 9 on, on this prompt and seed: 23 % of the pixels have one at its "
        "limit there, 1 % at CFG 3."
    )


def test_white_walls_are_not_burnt_colours():
    bright = course([0.2] * 5, clipped=(0.42, 0.45, 0.46, 0.44, 0.41, 0.45))
    assert said(bright).endswith("Clipped colours do not become many more over these values.")


def test_a_setting_without_effect_is_told():
    assert said(course([0.0] * 5)) == (
        "Every value gives the same picture, pixel for pixel: CFG scale changes nothing here."
    )


@pytest.mark.parametrize("count", [2, 3])
def test_few_values_do_not_say_where_it_stops(count):
    told = said(course([0.4, 0.01][: count - 1]))
    assert f"{count} values are too few to say where it stops changing" in told


def test_pixels_at_their_limit_are_measured():
    half = np.zeros((64, 64, 3), np.uint8) + 100
    half[:32, :, 0] = 255
    measured = difference(Image.fromarray(half), Image.new("RGB", (64, 64), (9, 9, 9)))
    assert measured.clipped == (0.5, 0.0)


def picture(result):
    """Redder with CFG and strength; each seed is another brightness."""
    params = result.cell.params
    red = int(min(255, params.cfg * 12 + params.strength * 100))
    return Image.new("RGB", (params.width, params.height), (red, 60 + params.seed * 9, 60))


def judged(*axes):
    planned = plan(BASE, axes)
    results = {cell.at: Result(cell, "made", "x") for cell in planned.cells}
    return planned, results, find_out(planned, results, between(picture))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("cfg", "1, 5, 9, 13, 17, 21", "from CFG 1 to CFG 5"),
        ("strength", "0, 0.5, 0.6, 0.7", "from strength 0 to strength 0.5"),
    ],
)
def test_every_amount_has_its_curve_and_verdict(name, values, words):
    _, _, findings = judged((name, values))
    assert words in [gap.words for gap in findings.amounts.gaps]
    assert findings.amounts.sentences[0] in findings.sentences


def test_seeds_and_sizes_and_words_are_no_amounts():
    assert judged(("seed", "1-4"))[2].amounts is None
    assert judged(("width", "64, 128, 192"))[2].amounts is None
    assert judged(("scheduler", "euler, ddim"))[2].amounts is None
    assert judged(("steps", "2-6"), ("cfg", "1-6"))[2].amounts is None


def test_values_are_ordered_by_size_whatever_their_place_in_the_plan():
    _, _, findings = judged(("cfg", "9, 1, 5, 13"), ("seed", "1, 2"))
    assert [level.value for level in findings.amounts.courses[0].levels] == [1, 5, 9, 13]
    assert [course.label for course in findings.amounts.courses] == ["seed 1", "seed 2"]
    assert findings.amounts.over == "seed"


def test_the_report_draws_it_by_both_measures():
    planned, results, _ = judged(("cfg", "1, 5, 9, 13"))
    text = report(planned, results, picture)
    assert text.count("What does more CFG scale change?") == 2
    assert text.count("to the value before over CFG scale") == 2
