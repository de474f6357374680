"""The command `sweep`, as a person would call it: into a folder, resumed, laid against an
experiment."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from PIL import Image

from sdplay.cli.main import main
from sdplay.metadata import read
from sdplay.metadata.png import with_texts
from sdplay.params import Params
from sdplay.picture import png_bytes
from tests.commands import Command
from tests.fakes import a1111
from tests.local_process import until
from tests.measured_a1111 import measured

ROOT = Path(__file__).parent.parent
KEYS = {
    "cells",
    "made",
    "reused",
    "failed",
    "spared",
    "differs",
    "evaluations",
    "estimate_seconds",
    "seconds",
    "dir",
    "resources",
}
PLAN = {
    "base": {"prompt": "a red apple", "steps": 2, "size": "96x96"},
    "axes": [
        {"axis": "scheduler", "values": "euler, ddim"},
        {"axis": "steps", "values": "1-3(+1)"},
    ],
}


def sweep(folder, plan, *arguments, name="plan.json"):
    """Exit code, what was said, and the JSON object at the end."""
    (folder / name).write_text(plan if isinstance(plan, str) else json.dumps(plan))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["sweep", str(folder / name), "--out", str(folder / "out"), *arguments])
    told = (
        json.loads(out.getvalue().splitlines()[-1])
        if "--json" in arguments and out.getvalue()
        else {}
    )
    return code, err.getvalue(), told


def pictures(folder):
    return sorted(
        path.relative_to(folder / "out").as_posix()
        for path in (folder / "out").glob("*=*/**/*.png")
    )


def test_a_plan_becomes_a_folder_and_runs_only_once(tmp_path):
    code, _, told = sweep(tmp_path, PLAN, "--json")
    assert (code, set(told)) == (0, KEYS)
    assert (
        told | {"cells": 6, "made": 6, "reused": 0, "failed": 0, "differs": 0, "evaluations": 24}
        == told
    )
    assert pictures(tmp_path) == [
        f"scheduler={name}/steps={n}.png" for name in ("ddim", "euler") for n in (1, 2, 3)
    ]
    found = Params.from_dict(
        read((tmp_path / "out/scheduler=ddim/steps=3.png").read_bytes()).settings
    )
    assert (found.prompt, found.scheduler, found.steps, found.width) == (
        "a red apple",
        "ddim",
        3,
        96,
    )

    _, _, again = sweep(tmp_path, PLAN, "--json")
    assert again | {"made": 0, "reused": 6, "differs": 0, "evaluations": 0} == again
    with (tmp_path / "out/results.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["made"] * 6
    report = (tmp_path / "out/report.html").read_text()
    assert "Nothing was made anew: all 6 pictures are the same" in report


def test_a_dry_run_prices_and_writes_nothing(tmp_path):
    _, said, told = sweep(tmp_path, PLAN, "--json", "--dry-run")
    assert told | {"cells": 6, "made": 0, "evaluations": 24, "seconds": 0} == told
    assert "Along Scheduler, 1 thing differs: scheduler." in said
    assert not (tmp_path / "out").exists()


def test_fresh_pictures_are_laid_against_the_experiment_file(tmp_path):
    sweep(tmp_path, PLAN)
    kept = json.loads((tmp_path / "out/experiment.json").read_text())
    kept["cells"][1]["pixels"], kept["cells"][1]["look"] = "changed", "00" * 192
    _, said, told = sweep(tmp_path, kept, "--json", "--fresh", name="experiment.json")
    assert told | {"made": 6, "reused": 0, "differs": 1} == told
    assert "1 of 6 pictures differs. The first (Euler · 2 steps): the pixels differ" in said


def test_a_table_fills_named_slots(tmp_path):
    table = (
        "# prompt: a {colour} {thing}\n# size: 96x96\n# steps: "
        "1\ncolour,thing,pictures\nred,apple,2\nblue,car,1\n"
    )
    _, _, told = sweep(tmp_path, table, "--json", name="table.csv")
    assert told["made"] == 3
    assert pictures(tmp_path) == [
        f"colour={place}.png"
        for place in (
            "blue/thing=car/blue-car",
            "red/thing=apple/red-apple-1",
            "red/thing=apple/red-apple-2",
        )
    ]


def test_a_second_stage_mirrors_a_tree(tmp_path):
    sweep(tmp_path, {**PLAN, "axes": PLAN["axes"][1:]})
    (tmp_path / "stage/deep").mkdir(parents=True)
    for number, place in enumerate(("a.png", "deep/b.png")):
        Image.new("RGB", (200, 130), (90 * number, 50, 50)).save(tmp_path / "stage" / place)
    told = {"base": {"prompt": "a car", "steps": 2, "strength": 0.5}, "tree": "stage"}
    second = tmp_path / "second"
    second.mkdir()
    (tmp_path / "stage").rename(second / "stage")
    code, _, _ = sweep(second, told, "--json")
    assert code == 0
    with Image.open(second / "out/deep/b.png") as made:
        assert made.size == (192, 128)
    assert (second / "out/a.png").exists()


def test_toml_works_and_chance_is_kept_for_the_next_run(tmp_path):
    plan = (
        'base = {prompt = "an apple", steps = 1, size = "96x96", seed = '
        '-1}\n[[axes]]\naxis = "cfg"\nvalues = [1, 3]\n'
    )
    _, _, first = sweep(tmp_path, plan, "--json", name="plan.toml")
    _, _, second = sweep(tmp_path, plan, "--json", name="plan.toml")
    assert (first["made"], second["made"], second["reused"]) == (2, 0, 2)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ("{", "The plan is no valid JSON"),
        ({"axes": [{"axis": "steps", "values": "lots"}]}, "Steps: could not read 'lots'."),
        ({"base": {"width": 500}}, "Width must be a multiple of 8, not 500."),
        (
            {"base": {"size": "512x512"}},
            "Width must be a multiple of 32 from 96 to 256 for Built-in model, not 512.",
        ),
        (
            {"axes": [{"axis": "scheduler", "values": "flow_euler"}]},
            "Scheduler: there is no 'flow_euler'.",
        ),
        ({"base": {"init": "nowhere.png"}}, None),
        (
            {"axes": [{"axis": "seed", "values": "1-101"}]},
            "This makes 101 pictures, more than SDPLAY_SWEEP_LIMIT",
        ),
        ({"tree": "nowhere"}, "There is no folder"),
        ({"axes": 5}, "A plan's axes are a list."),
        ({"rows": [{"seed": "abc", "pictures": 2}]}, "Seed must be a whole number, not 'abc'."),
        ({"upscale": 2}, 'To upscale, a plan needs a "tree"'),
    ],
)
def test_a_bad_plan_ends_with_two_and_a_sentence(tmp_path, plan, sentence):
    code, said, _ = sweep(tmp_path, plan)
    assert code == 2
    assert (sentence or f"{tmp_path / 'nowhere.png'} could not be read") in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


GRID = (
    "a red apple\nSteps: 2, Sampler: Euler a, Schedule type: Automatic, CFG scale: 3.0, Seed: 7, "
    "Size: 96x96, ENSD: 31337, Script: X/Y/Z plot, X Type: Sampler, "
    'X Values: "Euler,DPM++ 2M", Y Type: Seed, Y Values: "-1,5", Fixed Y Values: "8, 5", '
    "Z Type: Sigma Churn, Z Values: 0, Version: 1.10.1"
)
"""Under a grid, as A1111 1.10.1 writes it."""


def grid_file(folder, text=GRID):
    file = folder / "grid.png"
    file.write_bytes(with_texts(png_bytes(Image.new("RGB", (64, 64))), {"parameters": text}))
    return file


def command(*arguments):
    """Exit code, output and what was said."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def test_a_grid_of_a1111_runs_as_a_plan_and_says_what_it_left_out(tmp_path):
    file, out = grid_file(tmp_path), tmp_path / "out"
    code, told, said = command("sweep", file, "--out", out, "--json")
    assert code == 0, said
    assert json.loads(told.splitlines()[-1])["made"] == 4
    assert pictures(tmp_path) == [
        f"scheduler={name}/seed={seed}.png"
        for name in ("dpmpp_2m_karras", "euler")
        for seed in (5, 8)
    ]
    assert "The axis 'Sigma Churn' is none of ours" in said
    assert "ENSD: 31337" in said


def test_a_sheet_of_ours_runs_again_as_the_plan_behind_it(tmp_path):
    plan = {**PLAN, "base": {**PLAN["base"], "seed": 3}}
    sweep(tmp_path, plan, "--json")
    code, told, said = command(
        "sweep", tmp_path / "out/sheet.png", "--out", tmp_path / "again", "--json"
    )
    assert code == 0, said
    assert json.loads(told.splitlines()[-1])["reused"] == 6


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This picture has no settings inside."),
        (GRID.partition(", Script")[0], "This infotext is of a single picture"),
        (GRID.replace("96x96", "88x96"), "Width must be a multiple of 32"),
        (GRID.replace("Euler,DPM", "Euler,Nope,DPM"), "Scheduler: there is no 'Nope'."),
    ],
)
def test_a_picture_that_is_no_plan_for_us_gets_a_sentence(tmp_path, text, sentence):
    code, _, said = command(
        "sweep", grid_file(tmp_path, text), "--out", tmp_path / "out", "--dry-run"
    )
    assert (code, sentence in said, "Traceback" in said) == (2, True, False), said


def test_a_file_of_another_kind_is_told_what_a_plan_is(tmp_path):
    (tmp_path / "plan.txt").write_text("{}")
    code, _, said = command("sweep", tmp_path / "plan.txt")
    assert code == 2
    assert "or a grid that A1111 saved as a picture, not 'plan.txt'." in said


def test_info_shows_the_axes_of_a_grid(tmp_path):
    file = grid_file(tmp_path)
    _, told, _ = command("info", file)
    assert "  Script: X/Y/Z plot\n  X axis: Sampler: Euler,DPM++ 2M\n  Y axis: Seed: 8, 5\n" in told
    assert f"To make it again: python -m sdplay sweep {file}" in told
    _, told, _ = command("info", file, "--json")
    assert json.loads(told)[0]["script"]["Z"] == "Sigma Churn: 0"


@pytest.mark.parametrize(
    "axis",
    [
        {"axis": "scheduler", "values": "DPM++ SDE Karras, UniPC Karras, euler"},
        {"axis": "preset", "values": "dpm++ sde karras 2 || euler 2"},
    ],
)
def test_a_plan_takes_every_name_that_the_server_takes(tmp_path, monkeypatch, axis):
    with measured() as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        plan = {"base": {"prompt": "a car", "steps": 4, "size": "64x64"}, "axes": [axis]}
        code, said, _ = sweep(tmp_path, plan, "--backend", "a1111")
        applied = [(acts["sampler"], acts["schedule"]) for acts in server.applied]
    assert code == 0, said
    assert ("DPM++ SDE", "karras") in applied
    assert ("UniPC takes no notice" in said) == ("UniPC" in axis["values"])


def test_an_unreachable_server_fails_every_cell_but_ends_well(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_A1111_URL", "http://127.0.0.1:9")
    code, said, told = sweep(tmp_path, PLAN, "--json", "--backend", "a1111")
    assert (code, told["made"], told["failed"]) == (1, 0, 6)
    assert "127.0.0.1:9" in said


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(tmp_path):
    plan = {
        "base": {"prompt": "an apple", "size": "96x96"},
        "axes": [{"axis": "steps", "values": "1-60"}],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    running = Command("sweep", tmp_path / "plan.json", "--out", tmp_path / "out")
    until(lambda: list(tmp_path.glob("out/steps/*.png")), 600)
    os.kill(running.pid, signal.SIGINT)
    done = running.done()
    kept = len(list(tmp_path.glob("out/steps/*.png")))
    assert done.returncode == 130
    verb = "is" if kept == 1 else "are"
    assert f"{kept} of 60 pictures {verb} kept in" in done.stderr
    assert 1 <= kept < 60
    assert {"results.csv", "sheet.png", "report.html", "experiment.json"} <= set(
        os.listdir(tmp_path / "out")
    )

    plan["axes"][0]["values"] = f"1-{kept + 2}"
    _, _, again = sweep(tmp_path, plan, "--json")
    assert again["reused"] >= min(kept, again["cells"]) - 2
    assert again["failed"] == 0


def test_a_tree_is_enlarged_with_rows_and_an_upscaler_that_there_is(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "pictures/кот.png")
    plan = {"tree": "pictures", "upscale": 2}
    with a1111() as server:
        monkeypatch.setenv("SDPLAY_A1111_URL", server.url)
        code, said, told = sweep(tmp_path, plan, "--json", "--backend", "a1111")
        assert (code, told["made"]) == (0, 1), said
        assert "1 picture to enlarge 2 times by Lanczos." in said
        bad = {**plan, "base": {"hires_upscaler": "Latent"}}
        code, said, _ = sweep(tmp_path, bad, "--backend", "a1111")
        assert (code, "There is no upscaler called 'Latent'" in said) == (2, True)
    with (tmp_path / "out/results.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["source"], row["upscaler"], row["state"]) == ("кот.png", "Lanczos", "made")
    assert float(row["seconds"]) > 0


def test_a_plan_with_an_editor_s_mark_for_utf_8_is_read(tmp_path):
    code, _, told = sweep(tmp_path, f"\ufeff{json.dumps(PLAN)}", "--json", "--dry-run")
    assert (code, told["cells"]) == (0, 6)


def test_a_plan_in_another_encoding_is_told(tmp_path):
    (tmp_path / "plan.json").write_bytes('{"base": {"prompt": "лиса"}}'.encode("cp1251"))
    with redirect_stderr(io.StringIO()) as said:
        code = main(["sweep", str(tmp_path / "plan.json"), "--out", str(tmp_path / "out")])
    assert (code, "is no text in UTF-8. Save it as UTF-8." in said.getvalue()) == (2, True)


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_file_where_the_folder_should_be_gets_a_sentence(tmp_path, below):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    (tmp_path / "file").write_text("mine")
    with redirect_stderr(io.StringIO()) as said:
        code = main(["sweep", str(tmp_path / "plan.json"), "--out", f"{tmp_path}/file{below}"])
    assert code == 1
    assert "could not be written" in said.getvalue()
    assert "Choose another folder with --out." in said.getvalue()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_wrong_queue_limit_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_MAX_QUEUED", "many")
    code, said, _ = sweep(tmp_path, PLAN)
    assert (code, said) == (
        2,
        "SDPLAY_MAX_QUEUED must be a whole number from 1, not 'many'. Set it like this: 64\n",
    )


def test_a_terminal_without_these_letters_ends_no_run(tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps({"base": {**PLAN["base"], "prompt": "лиса"}}))
    done = subprocess.run(
        [sys.executable, "-m", "sdplay", "sweep", "plan.json", "--out", "папка"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "папка/picture.png").is_file()


def test_coarse_to_fine_makes_a_part_of_the_cells_and_says_so(tmp_path):
    plan = {
        "base": {"prompt": "a red apple", "size": "96x96", "steps": 2, "init": "start.png"},
        "axes": [{"axis": "strength", "values": "0-1[33]"}],
        "refine": True,
    }
    Image.new("RGB", (96, 96), "red").save(tmp_path / "start.png")
    _, said, _ = sweep(tmp_path, plan, "--json", "--dry-run")
    assert "Coarse to fine: 9 cells first, then only where neighbours differ." in said
    code, said, told = sweep(tmp_path, plan, "--json")
    assert (code, told["failed"], told["made"] + told["reused"] + told["spared"]) == (0, 0, 33)
    assert told["spared"] >= 20
    assert "Coarse to fine: " in said
    assert json.loads((tmp_path / "out/plan.json").read_text())["refine"] is True


def test_a_prompt_is_judged_word_by_word(tmp_path):
    plan = PLAN | {"axes": [{"axis": "prompt_without", "values": "each word"}]}
    _, said, told = sweep(tmp_path, plan, "--json")
    assert told["made"] == 4
    assert "changes the picture most (colour distance" in said
    assert (tmp_path / "out/prompt_without/without-apple.png").is_file()


def test_repeats_are_timed_past_the_library(tmp_path):
    plan = PLAN | {"axes": [{"axis": "repeat", "values": "1-4"}]}
    sweep(tmp_path, PLAN | {"axes": []}, name="before.json")
    _, said, told = sweep(tmp_path, plan, "--json")
    assert told["made"] == 4
    assert re.search(r"Median [\d.]+ s, nine in ten within [\d.]+ s over 3 repeats; the", said)
    assert "Every repeat gave the same picture, pixel for pixel." in said
