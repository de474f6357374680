"""Names at the ends of lines: beside them, in order, and never over each other."""

import pytest

from sdplay.compare.exports import line_ends


def test_a_name_stands_where_its_line_ends():
    ends = {"one": [0.9, 0.2], "two": [0.1, 0.8]}
    assert line_ends.places(ends, 200, 0.0, 1.0) == {"one": 0.2, "two": 0.8}


@pytest.mark.parametrize("end", [0.0, 0.5, 1.0])
def test_names_of_lines_that_meet_stand_apart_in_their_order_and_inside(end):
    ends = {"high": [0.9, 0.6, end], "low": [0.9, 0.1, end], "middle": [0.9, 0.3, end]}
    places = line_ends.places(ends, 150, 0.0, 1.0)
    assert sorted(places, key=places.__getitem__) == ["low", "middle", "high"]
    assert places["middle"] - places["low"] == pytest.approx(0.1)
    assert places["high"] - places["middle"] == pytest.approx(0.1)
    assert places["high"] <= 1.0
    assert places["low"] >= -1e-9


def test_many_names_or_long_ones_have_no_room():
    assert line_ends.fit(["Euler", "DDIM"], 200)
    assert not line_ends.fit([f"line {number}" for number in range(20)], 200)
    assert not line_ends.fit(["a name " * 20], 200)
    assert not line_ends.fit(["w" * 30], 200)
