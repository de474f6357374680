"""The house rules: imports point down DESIGN's list, and heavy libraries stay where they belong."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    "ui",
    "__main__",
    "cli",
    "lessons",
    "sweeps",
    "film",
    "chain",
    "jobs",
    "studio",
    "server",
    "training",
    "backends",
    "http",
    "engine",
    "library",
    "compare",
    "metadata",
    "work",
    "sharing",
    "prompting",
    "picture",
    "params",
    "schedulers",
    "knob",
    "wording",
    "settings",
    "files",
    "errors",
    "model",
)
"""From the top down: a file may import its own layer and those below it."""

ONLY_IN = {
    "streamlit": ("ui",),
    "requests": ("http/",),
    "torch": ("engine/torch/", "server/", "training/"),
    "diffusers": ("engine/torch/", "server/", "training/"),
    "transformers": ("engine/torch/", "server/", "training/"),
    "ray": ("server/",),
}
FILES = sorted(
    path
    for path in (ROOT / "sdplay").rglob("*.py")
    if path.name != "__init__.py" or path.parent.name != "sdplay"
)


@cache
def nodes(path):
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path):
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join(path.relative_to(ROOT).with_suffix("").parts[: -node.level])
                if node.level
                else ""
            )
            name = ".".join(part for part in (base, node.module) if part)
            yield from (f"{name}.{alias.name}" for alias in node.names)


def layer(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "sdplay" else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    own = path.relative_to(ROOT / "sdplay").with_suffix("").parts[0]
    below = LAYERS[LAYERS.index(own) :]
    used = {layer(name) for name in imports(path)} & set(LAYERS)
    assert used <= set(below), (
        f"{own} is below {sorted(used - set(below))}: move the code, not the rule"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_stay_where_they_belong(path):
    inside = str(path.relative_to(ROOT / "sdplay"))
    used = {name.split(".")[0] for name in imports(path)} & set(ONLY_IN)
    assert {name for name in used if not inside.startswith(ONLY_IN[name])} == set()


def test_the_page_never_imports_torch():
    loaded = (
        "import sys, sdplay.jobs, sdplay.cli.main, sdplay.backends as b; b.kinds(); "
        "print('torch' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "False"


def test_the_form_and_the_prompt_are_drawn_before_anything_heavy_is_read():
    drawn = (
        "import sys; from sdplay.ui import look, session; "
        "from sdplay.ui.form import form, local_card; from sdplay.ui.picture import deleting; "
        "from sdplay.ui.share import links; "
        "import sdplay.ui.generate.panel; session.labels(); session.reached('builtin'); "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    told = subprocess.run(
        [sys.executable, "-c", drawn], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "onnxruntime", "psutil", "requests", "sqlalchemy", "urllib3"}
    assert heavy & set(told.stdout.split()) == set()


def test_the_top_level_holds_what_the_design_names():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name.split("/")[0] for name in tracked} <= {
        "streamlit_app.py",
        "sdplay",
        "requirements.txt",
        ".streamlit",
        "tests",
        "README.md",
        "pyproject.toml",
        ".ci",
        ".env.example",
        "LICENSE",
        "NOTICE",
        ".gitignore",
    }


def test_requirements_are_the_default_dependencies():
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    listed = [
        line
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]
    assert listed == declared


PAGE_FILES = pytest.mark.parametrize(
    "path", [path for path in FILES if "ui" in path.parts], ids=lambda path: path.name
)


def _used_of_streamlit(path):
    return {
        node.attr
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "st"
    }


@PAGE_FILES
def test_no_picture_of_the_page_is_a_file_that_the_next_run_takes_away(path):
    assert path.name == "inline.py" or "image" not in _used_of_streamlit(path), "inline.picture()"


@PAGE_FILES
def test_only_fragments_that_ask_for_the_whole_page_are_drawn(path):
    used = _used_of_streamlit(path)
    assert path.name == "whole.py" or not used & {"fragment", "dialog"}, "use whole.fragment()"
