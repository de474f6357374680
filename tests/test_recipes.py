"""README's recipes work as they stand there, and its map of the house is true."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import indent

import pytest
from streamlit.testing.v1 import AppTest

from sdplay import knob, schedulers
from sdplay.backends import connect
from sdplay.compare import axes
from sdplay.compare.axes import AXES, Setup
from sdplay.engine.samplers import SAMPLERS
from sdplay.lessons import checking
from sdplay.lessons.claims import MEASURES
from sdplay.lessons.lesson import read_lesson
from sdplay.params import Params

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TREE = re.search(r"## How it is built\n\n```\n(.*?)```", README, re.DOTALL)[1]
PLACES = re.search(r"### Where does my change go\?\n\n(.*?)\n\n", README, re.DOTALL)[1]
BENCHMARKS = sorted({*re.findall(r"python -m tests\.benchmarks\.(\w+)", README)})


def recipe(thing):
    return re.search(rf"\*\*{thing}\*\*.*?```\w*\n(.*?)```", README, re.DOTALL)[1]


def test_a_parameter_is_declared_as_its_recipe_says():
    body = "class Settings:\n" + indent(recipe("A parameter"), "    ")
    names = {"knob": knob.knob}
    exec(body, names)
    settings = dataclass(frozen=True)(names["Settings"])
    made = {each.name: each.metadata["knob"] for each in fields(settings)}
    assert [(name, made[name]["label"]) for name in made] == [("tiling", "Tiling"), ("vae", "VAE")]


def test_a_scheduler_is_an_entry_as_its_recipe_says():
    entry = eval(recipe("A scheduler"), dict(vars(schedulers)))
    assert entry.id not in schedulers.SCHEDULERS
    assert entry.sampler in SAMPLERS
    assert entry.evaluations(20) == 39


def test_an_axis_is_an_entry_as_its_recipe_says():
    axis = eval(recipe("An axis"), dict(vars(axes)))
    assert axis.id not in AXES
    widths = [
        axis.apply(Setup("builtin", Params()), mark.value).params.width
        for mark in axis.marks(axis.example)
    ]
    assert widths == [128, 192]


def test_a_tab_is_drawn_as_its_recipe_says():
    stand_in = "from types import SimpleNamespace as Of\nshow(Of(backend=Of(label='Built-in')))"
    drawn = AppTest.from_string(f"{recipe('A tab')}\n{stand_in}").run()
    assert not drawn.exception
    assert drawn.markdown[0].value == "This is Built-in."


def test_a_lesson_is_a_file_whose_claim_holds_as_its_recipe_says():
    lesson = read_lesson(recipe("A lesson"), "one step")
    verdicts = checking.check(lesson, connect("builtin"))
    assert [verdict.held for verdict in verdicts] == [True, True]


def test_every_room_stands_in_the_readme():
    rooms = {
        file.parent.name for file in (ROOT / "sdplay").rglob("__init__.py") if file.parent != ROOT
    }
    assert {room for room in rooms if f"{room}/" not in TREE} == set()


def test_the_readme_draws_only_what_is_there():
    first_column = [re.split(r"\s{3,}\S* ", line.strip())[0] for line in TREE.splitlines()]
    drawn = re.findall(r"[\w/]+(?:/|\.py)(?=\s|$)", "\n".join(first_column))
    there = {str(path.relative_to(ROOT)) for path in ROOT.glob("sdplay/**/*")} | {"sdplay"}
    there |= {"streamlit_app.py"}
    missing = [name for name in drawn if not any(path.endswith(name.rstrip("/")) for path in there)]
    assert len(drawn) > 20
    assert missing == []


@pytest.mark.parametrize("place", re.findall(r"`(sdplay/[\w/.]+)`", README))
def test_every_file_that_the_readme_names_is_there(place):
    assert (ROOT / place).exists()


def test_the_readme_says_where_a_change_goes():
    assert PLACES.count("\n") >= 10


def test_the_readme_names_every_measure_of_a_claim():
    assert [name for name in MEASURES if f"`{name}`" not in README] == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_that_the_readme_names_is_there(name):
    assert "def main(" in (ROOT / f"tests/benchmarks/{name}.py").read_text()
