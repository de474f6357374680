"""What our components send to the browser, and what the filmstrip says about its runs."""

import base64
import io
import math
import random

import pytest
from PIL import Image

from sdplay.picture import Frame, jpeg_bytes, png_bytes
from sdplay.ui.components.filmstrip import Strip, schedule, small, ways
from sdplay.ui.picture.inline import source
from tests.making import colour


def run(label, sigmas, seconds=1.0, first=1):
    """A strip without pictures."""
    frames = tuple(
        Frame(first + at, sigma, seconds * (at + 1), b"") for at, sigma in enumerate(sigmas)
    )
    return Strip(label, frames)


def way(name, *strips):
    """One way to line these runs up."""
    return next(each for each in ways(strips) if each.name == name)


@pytest.mark.parametrize(
    ("data", "kind"), [(png_bytes(colour()), "png"), (jpeg_bytes(colour()), "jpeg")]
)
def test_a_picture_goes_to_the_browser_as_it_is(data, kind):
    head, body = source(data).split(",")
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(body) == data


def test_no_picture_is_no_address():
    assert source(b"") == ""


def test_by_step_a_finished_run_stays_at_its_end():
    stops = way("step", run("A", [8, 2]), run("B", [8, 4, 2, 1])).stops
    assert [stop.shown for stop in stops] == [(0, 0), (1, 1), (1, 2), (1, 3)]
    assert [stop.at for stop in stops] == [0, 1 / 3, 2 / 3, 1]


def test_stopping_a_long_run_early_is_told_from_a_short_run():
    stops = way("step", run("A", [8, 2]), run("B", [8, 4, 2, 1])).stops
    assert stops[1].said == (
        "Step 2 of 4: noise 4.00. A is finished here; B still has noise 2.00: stopping early is "
        "not the same."
    )
    assert stops[2].said.startswith(
        "Step 3 of 4: noise 2.00. A is finished; B still has noise 1.00"
    )
    assert stops[3].said == "Step 4 of 4: every run is finished."


def test_runs_still_going_are_told_apart_by_their_noise():
    stops = way("step", run("A", [8, 2]), run("B", [8, 4, 2])).stops
    assert stops[0].said == "Step 1: noise 8.00 in every run."
    assert stops[1].said.startswith("Step 2 of 3: noise 4.00.")
    stops = way("step", run("A", [8, 2, 1]), run("B", [8, 4, 1])).stops
    assert stops[0].said == "Step 1 of 3: noise 8.00."
    assert stops[1].said == "Step 2: noise 2.00 in A and 4.00 in B."


def test_sampled_frames_count_steps_where_the_next_noise_is_unknown():
    sampled = Strip("B", (Frame(1, 8, 1, b""), Frame(5, 1, 2, b"")))
    assert "B still has 4 steps to go" in way("step", run("A", [8]), sampled).stops[0].said


def test_by_noise_each_run_shows_its_nearest_frame():
    lined = way("noise", run("A", [16, 4, 1]), run("B", [16, 8, 4, 2, 1]))
    assert [stop.shown for stop in lined.stops] == [(0, 0), (1, 1), (1, 2), (2, 3), (2, 4)]
    assert lined.stops[2].said == "Noise 4.00: A at step 2 of 3 and B at step 3 of 5."
    assert lined.stops[3].said == "Noise 2.00: A at step 3 of 3 (noise 1.00) and B at step 4 of 5."


def test_a_noise_level_met_twice_shows_its_later_frame():
    assert [stop.shown for stop in way("noise", run("Heun", [8, 4, 4, 1])).stops] == [
        (0,),
        (2,),
        (3,),
    ]


def test_by_seconds_a_slow_run_may_not_have_begun():
    lined = way("seconds", run("A", [8, 2], seconds=0.25), run("B", [8, 2], seconds=1))
    assert [stop.shown for stop in lined.stops] == [(0, -1), (1, -1), (1, 0), (1, 1)]
    assert lined.stops[1].said == "After 0.50 s: A finished at 0.50 s and B at its first step."
    assert lined.places == ((0.125, 0.25), (0.5, 1.0))


def some_run(dice):
    sigmas = dice.choices((0.0, math.inf, 0.03, 0.5, 1.0, 4.0, 14.6), k=dice.randint(1, 5))
    return run("A", sigmas, dice.choice((0.0, 0.1, 1.0)), dice.randint(1, 4))


@pytest.mark.parametrize("seed", range(50))
def test_any_runs_line_up_and_every_stop_lies_on_the_scrubber(seed):
    dice = random.Random(seed)
    strips = [some_run(dice) for _ in range(dice.randint(1, 4))]
    for lined in ways(strips):
        places = [stop.at for stop in lined.stops]
        assert places == sorted(places)
        assert 0 <= places[0] <= places[-1] <= 1
        assert all(
            -1 <= at < len(strip.frames)
            for stop in lined.stops
            for at, strip in zip(stop.shown, strips, strict=True)
        )


@pytest.mark.parametrize("sigma", [0.0, math.nan, math.inf])
def test_without_noise_levels_runs_line_up_by_step_only(sigma):
    strips = (run("A", [sigma, sigma], seconds=0), run("B", [8, 1]))
    assert [each.name for each in ways(strips)] == ["step"]
    assert schedule(strips)["curves"] == []


def test_the_drawing_fills_its_frame_from_high_noise_to_low():
    drawing = schedule((run("A", [16, 4, 1]), run("B", [16, 8, 4, 2, 1])))
    assert drawing["curves"][0] == [(0, 0), (0.25, pytest.approx(0.5)), (0.5, 1)]
    assert [text for _, text in drawing["ticks"]] == ["1", "3", "10"]


def test_the_drawing_tells_how_runs_share_out_their_steps():
    assert schedule((run("A", [4, 0.5]), run("B", [4, 0.5, 0.1])))["said"] == (
        "Steps below noise 1: A 1 of 2 and B 2 of 3."
    )


def test_one_frame_is_a_filmstrip_too():
    assert [len(each.stops) for each in ways((run("A", [1]),))] == [1, 1, 1]
    assert schedule((run("A", [1]),))["curves"] == [[(0, 0)]]


def test_a_small_jpeg_goes_as_it_is():
    data = jpeg_bytes(colour(size=160))
    assert base64.b64decode(small(data, 160)) == data


@pytest.mark.parametrize("data", [jpeg_bytes(colour(size=256)), png_bytes(colour(size=200))])
def test_a_large_frame_is_made_smaller(data):
    with Image.open(io.BytesIO(base64.b64decode(small(data, 160)))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (160, 160))
