"""The picture on the first screen is what the app makes of its settings, and says so."""

import io
import os
from dataclasses import replace

import numpy as np
from PIL import Image

from sdplay import metadata
from sdplay.backends import connect
from sdplay.picture import Picture
from sdplay.ui.form.controls import FIRST
from sdplay.ui.generate.example import FILE, example
from tests.paging import sentences, settled

SLACK = 2
"""Levels of 255 by which another processor may round differently."""


def made():
    *_, picture = connect("builtin").generate(replace(example().params, **FIRST))
    assert isinstance(picture, Picture)
    return picture


def pixels(data):
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"), dtype=int)


def test_the_shipped_picture_is_what_the_shipped_model_makes_of_its_settings():
    """To make it anew for another model: SDPLAY_WRITE_EXAMPLE=1 python -m pytest
    tests/test_example.py"""
    picture = made()
    if os.environ.get("SDPLAY_WRITE_EXAMPLE"):
        picture = made()  # without the time that loading the model takes
        FILE.write_bytes(metadata.sign(picture.data, picture))
        example.cache_clear()
    assert np.abs(pixels(picture.data) - pixels(FILE.read_bytes())).max() <= SLACK
    assert example().model == picture.model


def test_its_receipt_is_the_one_that_the_model_gave():
    receipt, again = example().receipt, made().receipt
    assert (receipt.asked, receipt.sent, receipt.applied) == (
        again.asked,
        again.sent,
        again.applied,
    )


def test_it_is_small():
    assert len(FILE.read_bytes()) < 40_000


def test_the_first_screen_shows_it_with_its_receipt_and_what_to_try(page):
    page.run()
    assert len(page.image) == 1
    assert "Applied exactly as asked" in sentences(page)
    assert "Press **Generate**: the same one is made here, pixel by pixel." in sentences(page)


def test_one_click_makes_the_same_picture(page):
    settled(page.run().button(key="go").click().run())
    from sdplay.ui import session

    library, owner = session.jobs().library, page.session_state["owner"]
    (own,) = library.recent(owner, 2)
    assert np.abs(pixels(library.data(own)) - pixels(FILE.read_bytes())).max() <= SLACK


def test_with_other_settings_in_the_form_it_promises_nothing(page):
    page.query_params["steps"] = "3"
    assert "pixel by pixel" not in sentences(page.run())
    page.button(key="example_use").click().run()
    assert page.slider(key="steps").value == example().params.steps
    assert "pixel by pixel" in sentences(page)
