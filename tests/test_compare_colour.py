"""The colour distance: it agrees with FLIP on real pictures, and no odd pair makes it silly."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from sdplay.backends.builtin import Builtin
from sdplay.compare.evidence.colour import LONG, colour_distance
from sdplay.params import Params

AGREE = 0.95


def made(**settings):
    params = Params(
        **{"prompt": "a red fox", "seed": 3, "steps": 8, "cfg": 3.0, "width": 128, "height": 128}
        | {"scheduler": "euler"}
        | settings
    )
    (*_, picture) = Builtin().generate(params)
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB"))


@pytest.fixture(scope="module")
def pictures():
    """What sweeps lay side by side: CFG, steps, schedulers."""
    return [
        [made(cfg=cfg) for cfg in (1.0, 2.0, 3.0, 5.0, 9.0, 15.0)],
        [made(steps=steps) for steps in (2, 4, 8, 16)],
        [made(scheduler=name) for name in ("euler", "ddim", "unipc", "dpmpp_2m", "euler_a")],
    ]


@pytest.fixture(scope="module")
def pair():
    return made(steps=2, cfg=1.0), made(steps=2, cfg=15.0)


def changed(pixels):
    """One picture in many small and large ways beside itself."""
    image, random = Image.fromarray(pixels), np.random.default_rng(1)
    hues = np.asarray(image.convert("HSV"))
    noise = random.normal(size=pixels.shape)
    yield from (_clipped(pixels.astype(float) + by) for by in (-25, -5, 2, 5, 10, 25, 60))
    yield from (_clipped(pixels + noise * by) for by in (1, 4, 12, 40))
    yield from (np.roll(pixels, by, axis=1) for by in (1, 2, 5))
    yield from (image.filter(ImageFilter.GaussianBlur(by)) for by in (0.5, 1, 2, 4))
    yield from (ImageEnhance.Color(image).enhance(by) for by in (0.5, 0.8, 1.3, 2))
    yield from (ImageEnhance.Contrast(image).enhance(by) for by in (0.7, 1.4))
    for by in (3, 8, 20, 60):
        turned = np.dstack([hues[..., 0] + np.uint8(by), hues[..., 1:]])
        yield Image.fromarray(turned, "HSV").convert("RGB")


def _clipped(values):
    return np.clip(values, 0, 255).round().astype(np.uint8)


def ranks(values):
    return np.argsort(np.argsort(values))


@pytest.fixture(scope="module")
def flip():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # its threads wait by spinning
        return pytest.importorskip(
            "flip_evaluator", reason="needs flip-evaluator: pip install '.[dev]'"
        )


def agreement(flip, pairs):
    """How alike FLIP and the colour distance order the pairs (Spearman's rank correlation), and how
    far apart they are."""
    floats = [[each.astype(np.float32) / 255 for each in pair] for pair in pairs]
    theirs = [flip.evaluate(*pair, "LDR", applyMagma=False)[1] for pair in floats]
    ours = [colour_distance(*pair) for pair in pairs]
    return np.corrcoef(ranks(theirs), ranks(ours))[0, 1], np.abs(np.subtract(ours, theirs)).max()


def every_pair(pictures):
    """Within each sweep, and of one picture beside its changed selves."""
    pairs = [
        (one, other) for line in pictures for at, one in enumerate(line) for other in line[:at]
    ]
    first = pictures[0][2]
    return pairs + [(first, np.asarray(other)) for other in changed(first)]


def test_small_pictures_measure_as_flip_does(flip, pictures):
    ranked, apart = agreement(flip, every_pair(pictures))
    assert ranked > 0.999
    assert apart < 0.005


def test_large_pictures_are_ordered_as_flip_orders_them(flip, pictures):
    """Too large to be measured whole, with detail as fine as a photo's."""
    grain = np.random.default_rng(2).normal(size=(LONG + 16, LONG + 16, 3)) * 6
    enlarged = [
        [
            _clipped(np.asarray(Image.fromarray(each).resize(grain.shape[:2])) + grain)
            for each in line
        ]
        for line in pictures
    ]
    assert agreement(flip, every_pair(enlarged)[::2])[0] > AGREE


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 300), (LONG + 1, LONG + 2), (900, 20)])
def test_any_size_is_measured(size):
    black, white = (np.full((*size, 3), value, np.uint8) for value in (0, 255))
    assert colour_distance(black, black) == 0
    assert 0.95 < colour_distance(black, white) <= 1


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_even_picture_beside_one_that_is_a_little_lighter_is_close(grey):
    one = np.full((16, 16, 3), grey, np.uint8)
    other = one + np.uint8(1) if grey < 255 else one - np.uint8(1)
    assert 0 < colour_distance(one, other) < 0.06


def test_no_pair_is_farther_apart_than_green_and_blue():
    corners = np.array(np.meshgrid(*[(0, 255)] * 3)).reshape(3, -1).T.astype(np.uint8)
    flat = [np.full((4, 4, 3), corner, np.uint8) for corner in corners]
    distances = [colour_distance(one, other) for one in flat for other in flat]
    assert all(0 <= distance <= 1 + 1e-6 for distance in distances)


def test_order_does_not_matter(pair):
    one, other = pair
    assert colour_distance(one, other) == pytest.approx(colour_distance(other, one))


def test_one_changed_pixel_is_not_nothing(pair):
    other = pair[0].copy()
    other[5, 5] = 255 - other[5, 5]
    assert 0 < colour_distance(pair[0], other) < 0.02
