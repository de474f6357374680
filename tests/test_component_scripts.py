"""The logic of the components' scripts, judged by node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
SCRIPTS = sorted((Path(__file__).parent / "components").glob("*.test.mjs"))


@pytest.mark.skipif(NODE is None, reason="the components' scripts are tested with node")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name.split(".")[0])
def test_a_components_script_does_what_it_promises(script):
    run = subprocess.run([NODE, "--test", str(script)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
