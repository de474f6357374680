"""Measures: nothing measures 0, a planted change is found, and the numbers agree with their
definitions."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sdplay.compare.evidence.measures import (
    COLOUR,
    MEASURES,
    SHAPE,
    difference,
    difference_map,
    pixels_hash,
    ssim,
)


def noise(seed=0, size=(64, 48)):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    )


def planted(image, left, top, by=40):
    pixels = np.asarray(image).astype(int)
    patch = pixels[top : top + 8, left : left + 8]
    pixels[top : top + 8, left : left + 8] = np.where(patch > 127, patch - by, patch + by)
    return Image.fromarray(pixels.astype(np.uint8))


def test_the_same_picture_measures_nothing():
    told = difference(noise(), noise())
    assert (told.colour, told.ssim, told.psnr, told.mean, told.largest, told.changed, told.box) == (
        0,
        1,
        math.inf,
        0,
        0,
        0,
        None,
    )
    assert told.same
    assert [told.by(measure) for measure in MEASURES.values()] == [0, 0]
    assert told.sentence == "The two pictures are the same, pixel for pixel."


@pytest.mark.parametrize(
    ("left", "top", "by"), [(0, 0, 1), (56, 40, 120), (13, 7, 3), (55, 1, 40), (30, 39, 9)]
)
def test_a_planted_patch_is_located(left, top, by):
    told = difference(noise(), planted(noise(), left, top, by))
    assert told.box == (left, top, left + 8, top + 8)
    assert told.changed == pytest.approx(64 / (64 * 48))


@pytest.mark.parametrize(
    ("left", "top", "place"),
    [
        (0, 0, "at the top left"),
        (28, 20, "in the middle"),
        (56, 40, "at the bottom right"),
        (28, 2, "at the top"),
    ],
)
def test_the_sentence_says_where(left, top, place):
    assert f"mostly {place}." in difference(noise(), planted(noise(), left, top)).sentence


def test_psnr_and_mean_follow_their_definitions():
    grey = Image.new("RGB", (32, 32), (100, 100, 100))
    told = difference(grey, Image.new("RGB", (32, 32), (110, 110, 110)))
    assert told.psnr == pytest.approx(20 * math.log10(25.5))
    assert told.mean == pytest.approx(10 / 255)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    one, other = (Image.new("RGB", (32, 32), (value,) * 3) for value in (100, 150))
    small = (0.01 * 255) ** 2
    assert ssim(one, other) == pytest.approx(
        (2 * 100 * 150 + small) / (100**2 + 150**2 + small), rel=1e-4
    )


def test_ssim_falls_as_noise_grows():
    base = np.asarray(noise().resize((96, 96))).astype(float)
    random = np.random.default_rng(1).normal(size=base.shape)
    rising = [
        ssim(
            Image.fromarray(base.astype(np.uint8)),
            Image.fromarray(np.clip(base + random * by, 0, 255).astype(np.uint8)),
        )
        for by in (2, 10, 40, 120)
    ]
    assert rising == sorted(rising, reverse=True)
    assert all(-1 <= value < 1 for value in rising)


def test_measures_do_not_depend_on_the_order():
    there, back = difference(noise(1), noise(2)), difference(noise(2), noise(1))
    assert back == replace(there, clipped=there.clipped[::-1])  # the one fact of each picture


def test_pictures_smaller_than_the_window_are_measured():
    assert ssim(noise(1, (4, 4)), noise(1, (4, 4))) == 1
    assert ssim(noise(1, (4, 4)), noise(2, (4, 4))) < 1


def test_other_sizes_and_modes_are_measured_and_said():
    told = difference(noise(size=(64, 64)), noise(size=(128, 96)).convert("L"))
    assert told.resized
    assert told.sentence.endswith("The sizes differ, so the larger one was made smaller first.")


@pytest.mark.parametrize("heat", [True, False])
def test_the_map_is_black_where_nothing_changed(heat):
    mapped = np.asarray(difference_map(noise(), planted(noise(), 8, 16), gain=3, heat=heat))
    lit = mapped.max(axis=2) > 0
    assert lit[16:24, 8:16].all()
    assert lit.sum() == 64


def test_gain_amplifies_the_map():
    one, other = Image.new("RGB", (9, 9), (10, 10, 10)), Image.new("RGB", (9, 9), (13, 10, 10))
    assert np.asarray(difference_map(one, other, gain=10, heat=False))[0, 0].tolist() == [30, 0, 0]


def test_the_hash_names_the_pixels_only(tmp_path):
    noise().save(tmp_path / "a.png")
    noise().save(tmp_path / "b.png", compress_level=0)
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        assert pixels_hash(a) == pixels_hash(b) != pixels_hash(noise(3))


def test_what_cannot_be_seen_through_glass_does_not_count():
    seen = np.dstack([np.asarray(noise()), np.full((48, 64), 255, np.uint8)])
    seen[:, :32, 3] = 0
    other = seen.copy()
    other[:, :32, :3] = 7
    assert difference(Image.fromarray(seen), Image.fromarray(other)).same
    other[:, :32, 3] = 255
    assert difference(Image.fromarray(seen), Image.fromarray(other)).by(COLOUR) > 0.3


def test_brightness_is_seen_by_colour_and_hardly_by_ssim():
    pixels = np.asarray(noise(size=(16, 12)).resize((128, 96))) // 2
    told = difference(Image.fromarray(pixels), Image.fromarray(pixels + 5))
    assert told.by(COLOUR) > 0.1 > 10 * told.by(SHAPE)


def test_the_sentence_tells_both_measures():
    assert difference(noise(), noise(1)).sentence.startswith("Colour distance 0.")
    assert ", SSIM 0." in difference(noise(), noise(1)).sentence
