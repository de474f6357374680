"""Sheets and animations: labelled, readable back, and never too large to be made."""

import io
import json

import pytest
from PIL import Image

from sdplay.compare.axes import Setup
from sdplay.compare.exports.animation import MOST_PIXELS, animate, ordered
from sdplay.compare.exports.sheet import CHUNK, LARGEST, ROOM, sheet
from sdplay.compare.plan import plan
from sdplay.compare.planfile import from_grid, plan_of
from sdplay.compare.results import Result
from sdplay.errors import BadParams
from sdplay.params import Params
from sdplay.picture import Timing

BASE = Setup("builtin", Params("a fox", width=64, height=64))


def made(axes, **changes):
    planned = plan(BASE, axes)
    results = {
        cell.at: Result(cell, "skipped" if cell.skip else "made", "x", Timing(1.25), **changes)
        for cell in planned.cells
    }
    return planned, results


def coloured(result):
    return Image.new("RGB", (64, 64), (10 * result.cell.at[0], 100, 200))


def opened(png):
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


def test_a_sheet_shows_every_cell():
    planned, results = made([("steps", "5, 10, 15"), ("cfg", "1-4")])
    image = opened(sheet(planned, results, coloured).png).convert("RGB")
    colours = {colour for _, colour in image.getcolors(1_000_000)}
    assert {(0, 100, 200), (10, 100, 200), (20, 100, 200)} <= colours
    assert image.width > 4 * 64
    assert image.height > 3 * 64


def test_the_first_axis_runs_across_as_on_the_page():
    planned, results = made([("steps", "5, 10, 15, 20"), ("cfg", "1, 3")])
    image = opened(sheet(planned, results, coloured).png).convert("RGB")
    across = [image.getpixel((x, 80)) for x in range(image.width)]
    assert {(10 * place, 100, 200) for place in range(4)} <= set(across)


def test_the_settings_are_inside_the_sheet():
    planned, results = made([("steps", "5, 10"), ("scheduler", "euler, ddim")])
    texts = opened(sheet(planned, results, coloured).png).text
    assert from_grid(texts["parameters"]).axes == (
        ("steps", "5, 10"),
        ("scheduler", ["euler", "ddim"]),
    )
    assert plan_of(json.loads(texts[CHUNK])).axes == (
        ("steps", "5, 10"),
        ("scheduler", "euler, ddim"),
    )


def test_a_failed_cell_shows_its_sentence_not_a_black_tile():
    planned = plan(BASE, [("steps", "5, 10")])
    results = {(0,): Result(planned.cells[0], "failed", error="The server has no such sampler.")}
    image = opened(sheet(planned, results, coloured).png).convert("RGB")
    assert min(image.getpixel((4 + 20, image.height - 40))) > 100


@pytest.mark.parametrize("axes", [[("seed", "1-2000")], [("seed", "1-1500"), ("cfg", "1-2")]])
def test_no_sweep_is_too_large_for_a_sheet(axes):
    planned, results = made(axes)
    big = dict(list(results.items())[:3])
    drawn = sheet(planned, big, lambda result: Image.new("RGB", (4096, 4096)), longest=LARGEST)
    assert drawn.width * drawn.height <= ROOM * 1.2
    assert drawn.width <= 16_300


def test_smaller_tiles_are_said():
    planned = plan(Setup("builtin", Params(width=1024, height=1024)), [("seed", "1-200")])
    assert "pixels long instead of 1024" in sheet(planned, {}, coloured, longest=1024).note


def test_further_axes_become_titled_pages():
    planned, results = made([("steps", "5, 10"), ("cfg", "1, 3"), ("seed", "1-3")])
    two, _ = made([("steps", "5, 10"), ("cfg", "1, 3")])
    assert sheet(planned, results, coloured).height > 3 * sheet(two, {}, coloured).height


def test_one_picture_is_a_sheet_too():
    planned, results = made([])
    assert sheet(planned, results, lambda result: Image.new("RGB", (64, 64))).width >= 64


def test_long_and_foreign_labels_do_not_break_it():
    planned, results = made(
        [("prompt", "狐 im Schnee → ein sehr langer Satz " * 9 + "|| ö")], warnings=("One.",)
    )
    assert sheet(planned, results, coloured).png


FRAMES = [
    (label, Image.new("RGB", (32, 24), (40 * number, 0, 0)))
    for number, label in enumerate(("10", "2", "1"))
]


def test_frames_are_ordered_by_value():
    planned, results = made([("steps", "20, 5, SKIP: 9, 10")])
    assert [label for label, _ in ordered(planned, 0, results, coloured)] == ["5", "10", "20"]


def test_a_strength_morph_holds_the_other_axes():
    planned, results = made([("strength", "1, 0.5"), ("steps", "5, 10")])
    assert [
        frame.getpixel((0, 0))[0] for _, frame in ordered(planned, 0, results, coloured, {1: 1})
    ] == [10, 0]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_plays_at_its_speed(kind):
    image = opened(animate(FRAMES, kind=kind, seconds=0.2))
    assert (image.n_frames, image.is_animated, image.info["duration"], image.info["loop"]) == (
        3,
        True,
        200,
        0,
    )


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_ping_pong_goes_back_without_stopping_at_the_ends(kind):
    assert opened(animate(FRAMES, kind=kind, ping_pong=True)).n_frames == 4


def test_frames_of_other_sizes_are_fitted():
    odd = [*FRAMES, ("x", Image.new("RGB", (64, 64)))]
    assert opened(animate(odd, labels=True)).size == (32, 24)


def test_no_frame_and_other_formats_get_a_sentence():
    with pytest.raises(BadParams, match="no finished picture"):
        animate([])
    with pytest.raises(BadParams, match="gif, webp or mp4, not 'avi'"):
        animate(FRAMES, kind="avi")


def test_many_large_frames_are_made_so_small_that_all_have_room():
    planned, results = made([("seed", "1-400")])
    frames = ordered(planned, 0, results, lambda _: Image.new("RGB", (512, 384)))
    pixels = sum(frame.width * frame.height for _, frame in frames)
    assert 0.9 * MOST_PIXELS < pixels <= MOST_PIXELS
    assert frames[0][1].width / frames[0][1].height == pytest.approx(4 / 3, abs=0.02)
