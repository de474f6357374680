"""CSV for spreadsheets: whatever a person typed comes back as text, in its own field, and never
runs."""

import csv
import io

import pytest

from sdplay.compare.axes import Setup
from sdplay.compare.exports.rows import csv_text, row
from sdplay.compare.plan import plan
from sdplay.compare.results import Result
from sdplay.files.spreadsheet import table_text
from sdplay.library import Library
from sdplay.library.carry import table
from sdplay.params import Params
from tests.making import finished

FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1+1", "\n=1+1", "\r\n=1+1", "＝1+1"]


def of_a_sweep(prompt, folder):
    (cell,) = plan(Setup("test", Params(prompt)), []).cells
    return csv_text([row(Result(cell))])


def of_the_library(prompt, folder):
    library = Library(folder)
    library.save(finished(prompt=prompt))
    text = table(library)
    library.close()
    return text


@pytest.mark.parametrize("prompt", FORMULAS)
@pytest.mark.parametrize("written", [of_a_sweep, of_the_library])
def test_a_prompt_never_becomes_a_formula_or_a_line(written, prompt, tmp_path):
    text = written(prompt, tmp_path)
    assert [read["prompt"] for read in csv.DictReader(io.StringIO(text, newline=""))] == [
        f"'{prompt}"
    ]


@pytest.mark.parametrize("prompt", ["a\rb", "a\nb", 'a "b", c', "лиса; «狐»", "a\ud800b", "a\0b"])
def test_any_text_stays_in_its_field(prompt):
    (read,) = csv.DictReader(io.StringIO(table_text(["a", "b"], [{"a": prompt}]), newline=""))
    assert read == {"a": prompt.replace("\ud800", "?").replace("\0", ""), "b": ""}


def test_numbers_stay_numbers():
    assert table_text(["a", "b", "c"], [{"a": -0.1, "b": 7.0, "c": 2**63 - 1}]) == (
        "a,b,c\r\n-0.1,7,9223372036854775807\r\n"
    )
