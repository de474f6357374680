"""A small JPEG inside a larger one: both are read whole, and nothing else is taken for one."""

import io

import pytest
from PIL import Image

from sdplay.files.nested_jpeg import LONGEST, nested, parted
from sdplay.picture import jpeg_bytes
from tests.making import colour

LARGE, SMALL = (jpeg_bytes(colour(size=side)) for side in (256, 64))


def test_both_come_out_as_they_went_in():
    assert parted(nested(LARGE, SMALL)) == (LARGE, SMALL)


def test_every_program_sees_the_larger_one():
    with Image.open(io.BytesIO(nested(LARGE, SMALL))) as opened:
        opened.load()
        assert opened.size == (256, 256)


def test_what_is_too_long_for_a_segment_is_left_out():
    assert nested(LARGE, bytes(LONGEST)) == LARGE


@pytest.mark.parametrize("data", [LARGE, b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", LARGE[:30]])
def test_what_has_nothing_inside_is_returned_as_it_is(data):
    assert parted(data) == (data, b"")
