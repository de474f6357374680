"""Whatever comes from outside ends in a value or in a sentence, and takes little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdplay.compare.experiment import read_experiment
from sdplay.compare.planfile import read_plan
from sdplay.errors import BadParams
from sdplay.params import Params

pytest.importorskip("hypothesis", reason="pip install '.[dev]' brings hypothesis")

from tests.fuzzing import READERS

FUZZING = Path(__file__).parent / "fuzzing.py"


@pytest.mark.parametrize("name", READERS)
def test_no_mutation_of_a_file_breaks_its_reader(name):
    done = subprocess.run(
        [sys.executable, FUZZING, name, "60"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_experiment, "[" * 100_000),
        (read_experiment, "[" + "[]," * 2_000_000 + "[]]"),
        (read_plan, "[" * 100_000),
        (read_plan, json.dumps({"base": {"steps": 4}}).replace("4", "1" * 5000)),
        (lambda text: read_plan(text, "toml"), "a = " + "[" * 100_000),
        (lambda text: read_plan(text, "toml"), "a = 1\n" * 1_000_000),
        (lambda text: read_plan(text, "toml"), ".".join("a" * 100_000) + " = 1"),
        (lambda text: read_plan(text, "toml"), "[" + '"a" . ' * 20_000 + "b]"),
        (lambda text: read_plan(text, "csv"), ",".join("a" * 1_000_000) + "\n1,2\n"),
        (lambda text: read_plan(text, "csv"), f"prompt,steps\n{'a' * 200_000},4\n"),
        (lambda text: read_plan(text, "csv"), "prompt\n" + "fox\n" * 20_000),
        (lambda text: Params(extra=text), '{"a":' * 100_000),
        (lambda text: Params(seed=float(text)), "1e400"),
        (lambda text: Params(seed=text), "9" * 5000),
        (lambda text: Params(width=float(text)), "inf"),
    ],
    ids=range(15),
)
def test_endless_and_deep_texts_end_in_a_sentence(read, text):
    with pytest.raises(BadParams):
        read(text)
