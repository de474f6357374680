"""Columns that inherit a baseline, frames laid side by side, and colours of a grid."""

import pytest

from sdplay.compare.axes import Setup, echo
from sdplay.compare.filmstrip import aligned, at_place, span
from sdplay.compare.heat import heat
from sdplay.compare.plan import plan
from sdplay.compare.variants import Variant, axes, copied, known_good, locked, verdict
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.picture import Frame

BASE = Setup("builtin", Params("an octopus playing chess", seed=42, scheduler="ddim", steps=50))


def test_columns_inherit_what_they_do_not_override():
    column = Variant("mine", {"cfg": 3, "backend": "a1111"})
    assert column.on(BASE) == Setup("a1111", BASE.params.with_(cfg=3))
    later = Setup("builtin", BASE.params.with_(prompt="a fox"))
    assert column.on(later).params.prompt == "a fox"


def test_the_known_good_presets_differ_in_scheduler_and_steps_only():
    assert set(verdict(BASE, known_good()).names) == {"scheduler", "steps"}
    assert len(known_good()) == 3


def test_locking_leaves_one_difference():
    columns = locked(known_good(), ["scheduler"])
    assert verdict(BASE, columns).sentence == "1 thing differs: scheduler."


def test_a_column_is_copied_from_any_picture():
    other = Setup("a1111", BASE.params.with_(cfg=3, seed=1))
    column = copied(BASE, other, "copy")
    assert column.changes == {"cfg": 3, "seed": 1, "backend": "a1111"}
    assert column.on(BASE) == other


def test_columns_run_as_a_plan():
    made = plan(BASE, axes(known_good()))
    assert [cell.labels[0] for cell in made.cells] == [
        "Baseline", "DPM++ 2M, 20 steps", "Euler, 30 steps", "Euler a, 35 steps"]  # fmt: skip
    assert made.cells[0].setup == BASE
    assert made.cells[3].setup == known_good()[2].on(BASE)


def test_a_bad_override_is_told_with_its_column():
    with pytest.raises(BadParams, match=r"Steps must be .* This is in the cell Preset wild."):
        plan(BASE, axes([Variant("wild", {"steps": 0})]))


def run(steps, seconds):
    return [
        Frame(step, 14.6 * (1 - step / steps) + 0.03, seconds * step / steps, b"jpeg") for step in range(1, steps + 1)
    ]


def test_equal_runs_have_equal_rows():
    one, other = aligned([run(20, 2.0), run(20, 2.0)], "noise")
    assert one == other


@pytest.mark.parametrize("by", ["step", "noise", "seconds"])
def test_the_last_column_is_the_end_of_every_run(by):
    rows = aligned([run(20, 2.0), run(40, 4.0)], by, 8)
    assert [row[-1].step for row in rows] == [20, 40]
    assert all([frame.step for frame in row] == sorted(frame.step for frame in row) for row in rows)


def test_step_20_of_40_is_not_the_end_of_a_20_step_run():
    short, long = run(20, 2.0), run(40, 4.0)
    assert at_place(long, "step", 20).sigma > 7
    assert at_place(short, "step", 20).sigma < 0.1
    assert at_place(long, "noise", -2.0).sigma == pytest.approx(at_place(short, "noise", -2.0).sigma, rel=0.1)


def test_the_scrubber_spans_all_runs():
    assert span([run(20, 2.0), run(40, 4.0)], "seconds") == (pytest.approx(0.1), pytest.approx(4.0))
    assert span([], "step") == (0, 0)
    assert aligned([[]], "step") == []


def test_heat_runs_from_low_to_high_and_leaves_gaps():
    colours = heat([1.0, None, 2.0, 3.0, float("nan")])
    assert colours[1] == colours[4] == ("", "")
    assert (colours[0][0], colours[2][0], colours[3][0]) == ("#26547c", "#f4f1bb", "#be3144")
    assert heat([5.0, 5.0])[0] == heat([5.0])[0]


def test_what_was_understood_is_echoed():
    assert echo("steps", "5-20(+5)") == "4 values: 5, 10, 15, 20"
    assert echo("cfg", "SKIP: 3, 7") == "2 values: (3 skipped), 7"
    assert echo("seed", "1-50").endswith("8, …, 49, 50")
