"""A plan over a folder tree holds a picture at a time, however many there are."""

import json
import os

import pytest
from PIL import Image

from tests.commands import Fork, Program
from tests.fakes import a1111

EACH_MB = 1.5


def peak_mb(folder, count, plan, server):
    """The most memory that the command took for a tree of so many pictures."""
    for number in range(count):
        file = folder / f"tree/{number % 7}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (704, 704), os.urandom(704 * 704 * 3)).save(file, compress_level=0)
    (folder / "plan.json").write_text(json.dumps({"tree": "tree", **plan}))
    command = ["sweep", str(folder / "plan.json"), "--out", str(folder / "out"), "--yes"]
    variables = {"SDPLAY_A1111_URL": server.url, "SDPLAY_HOME": str(folder / "home")}
    program = Program("tests.peaking", [*command, "--backend", "a1111"], variables=variables)
    code = Fork(program, errors=folder / "errors").wait(300)
    errors = (folder / "errors").read_text()
    assert code == 0, errors
    assert len(list(folder.glob("out/[0-9]/*.png"))) == count
    return int(errors.split("PEAK")[1])


@pytest.mark.parametrize(
    "plan",
    [{"base": {"prompt": "a fox", "steps": 1, "size": "64x64"}}, {"upscale": 1.1}],
    ids=["drawn", "enlarged"],
)
def test_a_tree_is_never_held_in_memory(tmp_path, plan):
    few, many = 4, 24
    with a1111() as server:
        small = peak_mb(tmp_path / "few", few, plan, server)
        large = peak_mb(tmp_path / "many", many, plan, server)
    print(small, large)
    assert large - small < (many - few) * EACH_MB / 3
