"""A mask over a start image, and how the image comes into a frame of another shape."""

import io
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from sdplay.backends.builtin import Builtin
from sdplay.engine.framing import cropped, fits, letterboxed
from sdplay.library import Library
from sdplay.params import Params
from sdplay.picture import png_bytes
from sdplay.studio import keep_original, make
from sdplay.ui.sketch.inpaint import covers_nothing


def striped(size=(200, 100)):
    """Blue, with red at its left and right ends."""
    image = Image.new("RGB", size, "blue")
    for left in (0, size[0] - 50):
        image.paste("red", (left, 0, left + 50, size[1]))
    return png_bytes(image)


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_cropping_cuts_the_ends_and_letterboxing_shows_them():
    assert cropped(striped(), (96, 96)).getpixel((8, 48)) == (0, 0, 255)
    whole = opened(letterboxed(striped(), (96, 96)))
    assert whole.size == (96, 96)
    assert [whole.getpixel((x, 48)) for x in (8, 48, 88)] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]


def test_the_bars_of_a_mask_are_black_so_that_they_stay():
    bars = opened(letterboxed(striped(), (96, 96), "black"))
    assert bars.getpixel((48, 4)) == bars.getpixel((48, 92)) == (0, 0, 0)


def test_a_picture_of_the_frames_shape_is_left_as_it_is():
    assert letterboxed(striped(), (192, 96)) == striped()
    assert fits((200, 100), (192, 96))
    assert not fits((200, 100), (96, 96))


@pytest.mark.parametrize(
    ("mask", "nothing"), [("black", True), ("white", False), ((9, 9, 9), False), ((8, 8, 8), True)]
)
def test_a_black_mask_covers_nothing(mask, nothing):
    assert covers_nothing(png_bytes(Image.new("RGB", (32, 32), mask))) == nothing
    assert covers_nothing(b"")


def test_the_original_is_kept_once_and_stands_first_in_its_group(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (96, 96, 3), np.uint8)
    pictures = {
        "init": png_bytes(Image.fromarray(noise)),
        "mask": png_bytes(Image.linear_gradient("L")),
    }
    params = Params("a fox", steps=2, width=96, height=96, **pictures)
    with closing(Library(tmp_path)) as library:
        first, again = (keep_original(params, library, "ann") for _ in range(2))
        *_, painted = make(params, Builtin(), library, "ann")
        assert np.array_equal(np.asarray(opened(library.data(first))), noise)
        assert (first.id, first.tags) == (again.id, ("original",))
        (group,) = library.groups(library.recent("ann"), "ann")
        assert [saved.id for saved in group.pictures] == [painted.id, first.id]
