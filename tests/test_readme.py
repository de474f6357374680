"""The README says what the code has: its tables are made from the code's own tables."""

import os
import re
from pathlib import Path

import pytest

from sdplay.backends import kinds
from sdplay.params import KNOBS
from sdplay.schedulers import SCHEDULERS
from sdplay.settings import SETTINGS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def table(*rows):
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in (rows[0], ("---",) * len(rows[0]), *rows[1:])
    )


def settings_table():
    return table(
        ("Setting", "What it is for", "Default"),
        *((f"`{s.name}`", s.help, f"`{s.default}`" * bool(s.default)) for s in SETTINGS.values()),
    )


def knobs_table():
    return table(
        ("Setting", "Range", "What it does"),
        *(
            (
                f"**{k.label}** `{k.name}`",
                "" if k.low is None else f"{k.low:g} to {k.high:g}",
                k.help,
            )
            for k in KNOBS.values()
        ),
    )


def schedulers_table():
    return table(
        (
            "Id",
            "Label",
            "diffusers",
            "A1111",
            "Cog, Replicate, OctoAI",
            "Settles",
            "Evaluations at 20 steps",
        ),
        *(
            (
                f"`{s.id}`",
                s.label,
                s.diffusers[0],
                " + ".join(filter(None, s.a1111 or ())),
                s.cog,
                "no" if s.stochastic else "yes",
                str(s.evaluations(20)),
            )
            for s in SCHEDULERS.values()
        ),
    )


TABLES = {"settings": settings_table, "knobs": knobs_table, "schedulers": schedulers_table}


@pytest.mark.parametrize("name", TABLES)
def test_tables_in_the_readme_are_those_of_the_code(name):
    """To write them anew after a change: SDPLAY_WRITE_README=1 python -m pytest
    tests/test_readme.py"""
    block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if os.environ.get("SDPLAY_WRITE_README"):
        README.write_text(
            block.sub(lambda found: found[1] + TABLES[name]() + "\n" + found[2], README.read_text())
        )
    assert (
        block.search(README.read_text())[0]
        == f"<!-- {name} -->\n{TABLES[name]()}\n<!-- /{name} -->"
    )


def test_every_backend_is_in_the_readme():
    assert [name for name in kinds() if f"`{name}`" not in README.read_text()] == []


def test_every_setting_is_explained_in_the_example_file():
    example = (ROOT / ".env.example").read_text()
    assert [name for name in SETTINGS if f"\n{name}=" not in example] == []


def test_the_notebook_in_the_readme_works():
    code = re.search(r"```python\n(from sdplay.*?)```", README.read_text(), re.DOTALL)[1]
    names = {}
    exec(compile(code, "notebook.py", "exec"), names)
    steps = [event.step for event in names["progress"] if event.step]
    assert (steps[-1], names["picture"].receipt.warnings) == (8, ())
    assert {*names["by_scheduler"]} == {"euler", "ddim"}
    looks = {picture.image().tobytes() for picture in names["by_scheduler"].values()}
    assert len(looks) == 2


def test_the_backend_in_the_readme_works(tmp_path):
    code = re.search(r"```python\n(\"\"\"Paints.*?)```", README.read_text(), re.DOTALL)[1]
    names = {}
    exec(compile(code, "gradient.py", "exec"), names)
    from sdplay.params import Params

    *_, picture = names["BACKEND"]().generate(Params(width=64, height=96))
    assert picture.image().size == (64, 96)
