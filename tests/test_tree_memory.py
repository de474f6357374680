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
for folder in sys.argv[1:]:
    paths = [f"{folder}/plan.json", "--out", f"{folder}/out"]
    assert main(["sweep", *paths, "--yes", "--backend", "a1111"]) == 0
    print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
"""The plans of some folders, one after the other, and the most memory that was taken so far."""
EACH_MB = 1.5
FEW, MANY = 4, 24


def planted(folder, count, plan):
    """A tree of so many pictures, and a plan over it."""
    for number in range(count):
        file = folder / f"tree/{number % 7}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (704, 704), os.urandom(704 * 704 * 3)).save(file, compress_level=0)
    (folder / "plan.json").write_text(json.dumps({"tree": "tree", **plan}))


def peaks_mb(folders, home):
    with a1111() as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *map(str, folders)],
            cwd=ROOT,
            env={**os.environ, "SDPLAY_A1111_URL": server.url, "SDPLAY_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    return [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("PEAK")]


@pytest.mark.parametrize(
    "plan",
    [{"base": {"prompt": "a fox", "steps": 1, "size": "64x64"}}, {"upscale": 1.1}],
    ids=["drawn", "enlarged"],
)
def test_a_tree_is_never_held_in_memory(tmp_path, plan):
    folders = [tmp_path / "few", tmp_path / "many"]
    for folder, count in zip(folders, (FEW, MANY), strict=True):
        planted(folder, count, plan)
    small, large = peaks_mb(folders, tmp_path / "home")
    made = [len(list(folder.glob("out/[0-9]/*.png"))) for folder in folders]
    assert made == [FEW, MANY]
    assert large - small < (MANY - FEW) * EACH_MB / 3
