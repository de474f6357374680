"""Preprocessors of the local process: what a ControlNet is shown of a drawing or a picture."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sdplay.backends.a1111.backend import A1111
from sdplay.backends.builtin import Builtin
from sdplay.engine.guides import MODULES, preprocessed
from sdplay.errors import BackendRefused, BadParams
from sdplay.picture import png_bytes
from tests.fakes import a1111


def drawing(colour="black"):
    image = Image.new("RGB", (64, 48), "white")
    ImageDraw.Draw(image).line((8, 24, 56, 24), colour, 5)
    return image


@pytest.mark.parametrize("module", MODULES)
def test_every_preprocessor_keeps_the_size(module):
    made = preprocessed(drawing(), module)
    assert (made.shape, made.dtype) == ((48, 64, 3), np.uint8)


@pytest.mark.parametrize("colour", ["black", "yellow", "red"])
def test_a_scribble_is_white_where_any_ink_is_and_black_elsewhere(colour):
    made = preprocessed(drawing(colour), "scribble")
    assert (made[24, 32], made[4, 4]) == (pytest.approx(255), pytest.approx(0))
    assert set(np.unique(made)) == {0, 255}


def test_a_soft_scribble_keeps_how_faint_a_line_is():
    faint = preprocessed(drawing((180, 180, 180)), "scribble_soft")
    assert (faint[24, 32] == 75).all()
    assert not preprocessed(drawing((180, 180, 180)), "scribble").any()


def test_canny_draws_both_sides_of_a_bar_one_pixel_wide():
    edges = preprocessed(drawing(), "canny")[:, 32, 0]
    assert np.flatnonzero(edges).tolist() in ([21, 26], [21, 27], [22, 26])


def test_canny_follows_a_faint_edge_only_from_a_clear_one():
    fading = np.tile(np.linspace(110, 50, 200), (40, 1))
    fading[20:] = 0
    lonely = np.full((40, 200), 50.0)
    lonely[20:] = 0
    followed, left_out = (
        preprocessed(Image.fromarray(part.astype(np.uint8)).convert("RGB"), "canny")
        for part in (fading, lonely)
    )
    assert followed[:, 180].any()
    assert not left_out.any()


def test_a_flat_picture_has_no_edges():
    assert not preprocessed(Image.new("RGB", (40, 40), "teal"), "canny").any()


def test_a_server_shows_what_its_preprocessor_makes():
    with a1111(extras=("controlnet",)) as fake:
        look = A1111(fake.url).preprocessed(png_bytes(drawing()), "canny")
    assert (look.size, look.getpixel((4, 4)), look.getpixel((32, 24))) == (
        (64, 48),
        (0, 0, 0),
        (255, 255, 255),
    )


def test_a_preprocessor_that_the_server_cannot_download_is_told_with_a_way_out():
    with a1111(extras=("controlnet",)) as fake, pytest.raises(BackendRefused) as refusal:
        A1111(fake.url).preprocessed(png_bytes(drawing()), "scribble_hed")
    assert "could not download it" in str(refusal.value)
    assert "choose another preprocessor" in str(refusal.value)


def test_a_backend_without_preprocessors_says_so():
    with pytest.raises(BadParams, match="has no preprocessors"):
        Builtin().preprocessed(png_bytes(drawing()), "canny")
