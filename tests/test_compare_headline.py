"""The sentence above a comparison: it names the cheapest that is enough, and never says what its
curves deny."""

import math
import re
from dataclasses import replace

import pytest

from sdplay.compare.axes import Setup
from sdplay.compare.evidence.findings import find_out
from sdplay.compare.evidence.headline import headline, setting_words
from sdplay.compare.evidence.measures import Difference
from sdplay.compare.plan import plan
from sdplay.compare.results import Result
from sdplay.params import Params

BASE = Params("a fox", steps=8, scheduler="euler", width=64, height=64)


def swept(axes, look):
    """A plan's results; `look` gives each cell a number, and numbers are as far apart as they
    differ."""
    planned = plan(Setup("builtin", BASE), axes)
    results = {
        cell.at: Result(cell, "made", f"{look(cell.params):.6f}", picture=str(cell.at))
        for cell in planned.cells
    }
    looks = {cell.at: look(cell.params) for cell in planned.cells}

    def between(left, right):
        gap = abs(looks[left.cell.at] - looks[right.cell.at])
        return Difference(gap, 1 - gap, math.inf, gap, gap, gap, None)

    findings = find_out(planned, results, between)
    return headline(findings, results, between), findings


def test_the_cheapest_that_is_enough_is_named_with_the_reason():
    sentence, _ = swept([("steps", "2, 4, 8, 16, 32")], lambda p: 0.9 * math.exp(-p.steps / 2))
    assert sentence == "8 steps are enough here: more steps change less than the eye sees."


def test_pictures_that_are_missing_are_counted_beside_the_verdict():
    planned = plan(Setup("builtin", BASE), [("seed", "1, 2"), ("steps", "4, 8, 16")])
    results = {cell.at: Result(cell, "made", str(cell.at)) for cell in planned.cells}
    for at in ((1, 1), (1, 2), (0, 2)):
        results[at] = replace(results[at], state="cancelled", pixels="")

    def between(left, right):
        return Difference(0.3, 0.7, math.inf, 0.3, 0.3, 0.3, None)

    findings = find_out(planned, results, between)
    assert headline(findings, results, between).endswith(
        " 3 pictures are missing, which may change this."
    )
    assert findings.trade.reference.sentence == (
        "Measured against 4 steps (8 evaluations): what costs more has fewer pictures so far."
    )


def test_a_share_of_the_work_is_not_told_where_the_reference_has_several_costs():
    axes = [("cfg", "7, 1"), ("steps", "2, 4, 8")]
    sentence, findings = swept(axes, lambda p: 0.0 if p.steps > 2 else 0.9)
    assert "is the cheapest that comes close to 8 steps" in sentence
    assert "%" not in sentence
    assert findings.trade.reference.sentence == (
        "Measured against 8 steps, the most expensive that can settle (8 to 16 evaluations)."
    )


def test_little_is_not_called_invisible():
    sentence, _ = swept([("steps", "2, 4, 8, 16, 32")], lambda p: 0.9 * math.exp(-p.steps / 3.6))
    assert sentence == "8 steps are enough here: more steps change little."


def test_a_scheduler_that_still_moves_is_not_called_enough():
    def look(params):
        if params.scheduler == "ddim":
            return 0.0
        return {4: 0.3, 8: 0.0, 16: 0.4, 32: 0.8}[params.steps]

    axes = [("steps", "4, 8, 16, 32"), ("scheduler", ["euler", "ddim"])]
    sentence, findings = swept(axes, look)
    assert "enough here" not in sentence or "Euler" not in sentence
    assert any("has not settled" in settling for settling in findings.settling)


def test_nothing_that_comes_close_is_said_so():
    sentence, _ = swept([("steps", "2, 4, 8, 16")], lambda p: p.steps / 20)
    assert sentence == "Nothing comes close to 16 steps: it still changes; try more steps."


@pytest.mark.parametrize(
    ("schedulers", "them"), [(["euler", "ddim"], "both"), (["euler", "ddim", "lms"], "all")]
)
def test_a_tie_is_called_a_tie(schedulers, them):
    axes = [("steps", "4, 8, 16, 32"), ("scheduler", schedulers)]
    sentence, _ = swept(axes, lambda p: 0.9 * math.exp(-p.steps / 2))
    assert sentence.startswith("Tie: Euler at 8 steps")
    assert f"and {them} come close to Euler at 32 steps." in sentence


def test_in_a_tie_what_still_changes_by_its_own_curve_is_not_named():
    looks = {
        "euler": {4: 0.4, 8: 0.1, 16: 0.01, 32: 0.0},
        "ddim": {4: 0.6, 8: 0.12, 16: -0.02, 32: -0.1},
    }
    axes = [("steps", "4, 8, 16, 32"), ("scheduler", [*looks])]
    sentence, findings = swept(axes, lambda p: looks[p.scheduler][p.steps])
    assert len(findings.trade.winners) == 2
    assert sentence == (
        "Euler at 8 steps is enough here: more steps change little, and nothing cheaper comes "
        "close to Euler at 32 steps."
    )


@pytest.mark.parametrize("axes", [[("steps", "2, 4, 8")], [("cfg", "1, 2, 3")], [("seed", "1-3")]])
def test_equal_pictures_are_called_the_same(axes):
    sentence, _ = swept(axes, lambda p: 0.5)
    assert sentence.startswith("All 3 pictures are the same, pixel for pixel")


def test_an_amount_is_named_by_its_setting():
    sentence, _ = swept([("cfg", "1, 3, 5")], lambda p: p.cfg / 10)
    assert sentence.startswith("More CFG scale changes the picture about evenly, by 0.20")


def test_pictures_on_no_scale_are_laid_against_one_of_them():
    looks = {"euler": 0.0, "ddim": 0.1, "lms": 0.4}
    sentence, _ = swept([("scheduler", [*looks])], lambda p: looks[p.scheduler])
    assert sentence == (
        "Measured against Euler, DDIM is closest (colour distance 0.10) and LMS is farthest (0.40)."
    )


def test_what_the_eye_cannot_tell_apart_looks_the_same():
    looks = {"euler": 0.0, "ddim": 0.01, "lms": 0.02}
    sentence, _ = swept([("scheduler", [*looks])], lambda p: looks[p.scheduler])
    assert sentence.startswith("They all look the same")


def test_one_picture_is_no_comparison():
    sentence, _ = swept([("steps", "4")], lambda p: 0.5)
    assert sentence == "One picture: there is nothing to compare yet."


def test_pictures_that_failed_say_nothing():
    planned = plan(Setup("builtin", BASE), [("steps", "2, 4")])
    results = {cell.at: replace(Result(cell), state="failed") for cell in planned.cells}
    findings = find_out(planned, results, lambda left, right: None)
    assert headline(findings, results, lambda left, right: None) == ""


def test_settings_read_like_words():
    assert setting_words("DPM++ 2M Karras · 15 steps") == "DPM++ 2M Karras at 15 steps"


def test_cfg_costs_the_same_so_no_value_of_it_is_called_the_cheapest():
    looks = {3: {2: 0.5, 4: 0.1, 8: 0.0, 16: 0.0}, 5: {2: 0.7, 4: 0.6, 8: 0.0, 16: 0.0}}
    axes = [("cfg", "3, 5"), ("steps", "2, 4, 8, 16")]
    sentence, findings = swept(axes, lambda p: looks[p.cfg][p.steps])
    said = f"{sentence} {' '.join(findings.sentences)}"
    assert not re.search(r"CFG[^.]*cheapest", said)
    assert "Each is the middle of all its values of CFG scale." in said
    assert {point.label for point in findings.trade.points} == {"2 steps", "4 steps", "8 steps"}
