"""What a receipt says: values for people, nothing that a browser would make a link."""

import pytest

from sdplay.compare.guard import value_text
from sdplay.params import Control, Params
from sdplay.picture import Receipt
from sdplay.ui.picture.receipt import _rows, _verdict, shown
from sdplay.ui.problems import text_of_others

UNIT = Control(b"lines", "canny [d14c016b]", "canny", 0.5, 0.0, 0.8, "My prompt is more important")


def test_a_controlnet_unit_is_told_in_words():
    told = value_text("control", Params(control=(UNIT,)).as_dict()["control"])
    assert told == (
        "canny [d14c016b], preprocessor canny, weight 0.5, from 0% to 80% of the steps, "
        "my prompt is more important"
    )
    assert value_text("control", (UNIT,)) == told
    row = shown("control", Params(control=(UNIT,)).as_dict()["control"]).replace("\\", "")
    assert row[:80] == told[:80]


def test_a_picture_is_told_by_a_few_letters_of_its_hash():
    name = Params(init=b"picture").as_dict()["init"]
    assert value_text("init", name) == f"a picture ({name[7:15]}…)"
    assert shown("init", name).replace("\\", "") == f"a picture ({name[7:15]}…)"


@pytest.mark.parametrize(
    "text", ["see https://evil.example", "WWW.evil.example", "me@evil.example"]
)
def test_no_address_in_others_texts_stays_whole(text):
    told = text_of_others(text, 90).replace("\\", "")
    assert told.replace("\u2060", "") == text
    assert text not in told


@pytest.mark.parametrize(
    ("applied", "warnings", "verdict"),
    [
        ({"steps": 2}, (), "Applied exactly as asked."),
        ({"steps": 2}, ("A word is unknown.",), "but for what the note above says."),
        ({"steps": 2}, ("One.", "Two."), "but for what the notes above say."),
        ({"steps": 3}, ("One.",), "Applied differently from what was asked: Steps."),
        ({}, (), "does not say what it applied for: Steps."),
    ],
)
def test_only_what_is_exact_is_called_so(applied, warnings, verdict):
    told = Receipt({"steps": 2}, {}, applied, warnings)
    assert verdict in _verdict(told, _rows(told))


def test_a_wall_of_words_is_cut():
    assert len(text_of_others("word " * 1000, 300)) == 300
