"""What our components send to the browser."""

import base64

import pytest

from sdplay.picture import jpeg_bytes, png_bytes
from sdplay.ui.viewer import source
from tests.making import colour


@pytest.mark.parametrize(("data", "kind"), [(png_bytes(colour()), "png"), (jpeg_bytes(colour()), "jpeg")])
def test_a_picture_goes_to_the_browser_as_it_is(data, kind):
    head, body = source(data).split(",")
    assert head == f"data:image/{kind};base64"
    assert base64.b64decode(body) == data


def test_no_picture_is_no_address():
    assert source(b"") == ""
