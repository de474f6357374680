"""A plan over a folder tree holds a picture at a time, however many there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import a1111

ROOT = Path(__file__).parent.parent
MEASURED = """
import resource, sys
from sdplay.cli.main import main
code = main(sys.argv[1:])
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""
EACH_MB = 1.5


def peak_mb(folder, count, plan, server):
    """The most memory that the command took for a tree of so many pictures."""
    for number in range(count):
        file = folder / f"tree/{number % 7}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (704, 704), os.urandom(704 * 704 * 3)).save(file, compress_level=0)
    (folder / "plan.json").write_text(json.dumps({"tree": "tree", **plan}))
    command = ["sweep", str(folder / "plan.json"), "--out", str(folder / "out"), "--yes"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command, "--backend", "a1111"],
        cwd=ROOT,
        env={**os.environ, "SDPLAY_A1111_URL": server.url, "SDPLAY_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(folder.glob("out/[0-9]/*.png"))) == count
    return int(done.stderr.split("PEAK")[1])


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
