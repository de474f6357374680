"""Several processes on one folder: each cell is made once and has one row, whoever dies in
between."""

import csv
import json
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from sdplay.sweeps.claims import Claims, Heartbeat, OtherPlan
from sdplay.sweeps.ledger import Ledger
from tests.commands import Command
from tests.fakes import a1111

SEEDS = 10
PLAN = {
    "base": {"prompt": "лиса", "steps": 2, "size": "64x64"},
    "axes": [{"axis": "seed", "values": f"1-{SEEDS}"}],
}
ELSEWHERE = {"plan": "a plan", "host": "elsewhere", "process": 1, "began": 0.0}


@pytest.fixture
def server():
    with a1111(step_seconds=0.08) as fake:
        yield fake


def begun(folder, server, home, *arguments):
    """A process of its own, with a library of its own, as on another machine."""
    line = ["sweep", folder / "plan.json", "--out", folder / "out", "--backend", "a1111", "--json"]
    settings = {"SDPLAY_HOME": str(folder / home), "SDPLAY_A1111_URL": server.url}
    return Command(*line, *arguments, **settings)


def ended(command):
    done = command.done()
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1] if lines else "{}"), done.stderr


def killed(command):
    command.kill()
    assert command.done().returncode == -signal.SIGKILL


def pictures(folder):
    return sorted(folder.glob("out/seed/*.png"))


def rows(folder):
    with (folder / "out/results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wait_until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def seeds_asked(server):
    return Counter(request["seed"] for request in server.requests())


def claimed_by(folder, run):
    """How many cells a run has claimed."""
    return sum(claim.read_text() == run for claim in (folder / "out/.sweep/claims").iterdir())


def test_two_machines_share_the_work_and_write_each_row_once(tmp_path, server):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    server.most = 0
    both = [begun(tmp_path, server, home) for home in ("one", "two")]
    wait_until(lambda: len(server.requests()) == 2)
    server.most = SEEDS
    (code, one, _), (other_code, two, _) = map(ended, both)
    assert (code, other_code) == (0, 0)
    assert one["made"] + two["made"] == SEEDS
    assert min(one["made"], two["made"]) > 0
    assert set(seeds_asked(server).values()) == {1}
    assert sorted(int(row["seed"]) for row in rows(tmp_path)) == list(range(1, SEEDS + 1))
    assert {row["state"] for row in rows(tmp_path)} == {"made"}
    assert all(row["ssim"] for row in rows(tmp_path))


def test_a_killed_machine_costs_no_more_than_what_it_had_claimed(tmp_path, server):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    server.most = 0
    victim, other = (begun(tmp_path, server, home) for home in ("one", "two"))
    live = tmp_path / "out/.sweep/live"
    wait_until(lambda: len(server.requests()) == 2)
    server.most = 4
    wait_until(lambda: len(pictures(tmp_path)) >= 4)
    killed(victim)
    dead = [
        file.name
        for file in live.iterdir()
        if json.loads(file.read_text())["process"] == victim.pid
    ]
    lost = claimed_by(tmp_path, dead[0])
    server.most = 3 * SEEDS
    code, _, said = ended(other)
    assert code == 0, said
    assert len(pictures(tmp_path)) == SEEDS
    again = {seed: count for seed, count in seeds_asked(server).items() if count > 1}
    assert len(again) <= max(lost, 1)
    assert set(again.values()) <= {2}
    assert Counter(row["file"] for row in rows(tmp_path)) == {
        f"seed/{seed}.png": 1 for seed in range(1, SEEDS + 1)
    }


def test_a_run_elsewhere_goes_on_with_nothing_but_the_folder(tmp_path, server):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    server.most = 5
    first = begun(tmp_path, server, "one")
    wait_until(lambda: len(pictures(tmp_path)) >= 5)
    killed(first)
    server.most = 3 * SEEDS
    there = len(pictures(tmp_path))
    code, second, said = ended(begun(tmp_path, server, "two"))
    assert (code, second["reused"], second["made"]) == (0, there, SEEDS - there), said
    assert f"{there} already made" in said
    assert len(rows(tmp_path)) == SEEDS


def test_a_picture_whose_row_was_lost_gets_one(tmp_path, server):
    server.hurry.set()
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    ended(begun(tmp_path, server, "one"))
    for record in list((tmp_path / "out/.sweep/cells").iterdir())[:5]:
        record.unlink()
    (tmp_path / "out/results.csv").unlink()
    _, again, _ = ended(begun(tmp_path, server, "two"))
    assert (again["made"], again["reused"]) == (0, SEEDS)
    assert len({row["file"] for row in rows(tmp_path)}) == len(rows(tmp_path)) == SEEDS


def test_another_plan_is_refused_while_one_runs_and_puts_aside_afterwards(tmp_path, server):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    server.most = 1
    first = begun(tmp_path, server, "one")
    wait_until(lambda: pictures(tmp_path))
    changed = {**PLAN, "base": {**PLAN["base"], "prompt": "сова"}}
    (tmp_path / "plan.json").write_text(json.dumps(changed))
    code, _, said = ended(begun(tmp_path, server, "two"))
    assert code == 2
    assert "is running into" in said
    server.most = 9 * SEEDS
    server.hurry.set()
    ended(first)
    before = {file.read_bytes() for file in pictures(tmp_path)}
    code, told, _ = ended(begun(tmp_path, server, "two"))
    assert (code, told["made"]) == (0, SEEDS)
    assert before < {file.read_bytes() for file in pictures(tmp_path)}
    assert len(pictures(tmp_path)) == 2 * SEEDS
    assert sorted(row["file"] for row in rows(tmp_path)) == sorted(
        file.relative_to(tmp_path / "out").as_posix() for file in pictures(tmp_path)
    )


def test_seeds_of_chance_are_drawn_once_for_both(tmp_path, server):
    plan = {
        "base": {**PLAN["base"], "seed": -1},
        "axes": [{"axis": "steps", "values": "1-8"}],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    both = [begun(tmp_path, server, home) for home in ("one", "two")]
    assert [code for code, _, _ in map(ended, both)] == [0, 0]
    assert len({request["seed"] for request in server.requests()}) == 1
    assert len(list(tmp_path.glob("out/steps/*.png"))) == 8


def test_a_claim_is_free_once_its_run_was_silent_for_long(tmp_path):
    mine = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    mine.join("a plan")
    (tmp_path / "live/other").write_text(json.dumps(ELSEWHERE))
    (tmp_path / "claims").mkdir(exist_ok=True)
    mine._claim("a cell").write_text("other")
    assert not mine.take("a cell")
    assert mine.others == 1
    long_ago = (tmp_path / "live/other").stat().st_mtime - 31
    os.utime(tmp_path / "live/other", (long_ago, long_ago))
    later = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    later.join("a plan")
    assert later.take("a cell")
    assert not mine.take("a cell")
    later.leave()
    mine.leave()


def test_another_machine_s_clock_does_not_matter(tmp_path, monkeypatch):
    """Only the times of files in the folder count, and those one clock writes."""
    mine = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    mine.join("a plan")
    assert mine.take("a cell")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    late = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    late.join("a plan")
    assert not late.take("a cell")
    late.leave()
    mine.leave()


def test_a_heartbeat_keeps_a_claim(tmp_path):
    mine = Claims(tmp_path, Heartbeat(heartbeat=0.05, expires=30))
    mine.join("a plan")
    file = tmp_path / "live" / mine.id
    os.utime(file, (1, 1))
    wait_until(lambda: file.stat().st_mtime > 1)
    mine.leave()
    assert not file.exists()


def test_of_many_threads_one_gets_a_dead_run_s_claim(tmp_path):
    runs = [Claims(tmp_path) for _ in range(8)]
    for run in runs:
        run.join("a plan")
    (tmp_path / "claims").mkdir(exist_ok=True)
    with ThreadPoolExecutor(len(runs)) as threads:
        for cell in map(str, range(10)):
            runs[0]._claim(cell).write_text("dead")
            taken = list(threads.map(Claims.take, runs, [cell] * len(runs)))
            assert taken.count(True) == 1
    for run in runs:
        run.leave()


def test_what_a_dead_run_left_is_swept_up(tmp_path):
    killed = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    killed.join("another plan")
    long_ago = (tmp_path / "live" / killed.id).stat().st_mtime - 31
    about = {**ELSEWHERE, "plan": "another plan"}
    (tmp_path / "live" / killed.id).write_text(json.dumps(about))
    os.utime(tmp_path / "live" / killed.id, (long_ago, long_ago))
    mine = Claims(tmp_path, Heartbeat(heartbeat=60, expires=30))
    mine.join("a plan")
    assert [file.name for file in (tmp_path / "live").iterdir()] == [mine.id]
    mine.leave()
    killed.leave()


def test_a_run_with_another_plan_is_refused_until_it_left(tmp_path):
    one, two = Claims(tmp_path / ".sweep"), Claims(tmp_path / ".sweep")
    one.join("a plan")
    with pytest.raises(OtherPlan, match="is running into"):
        two.join("another plan")
    one.leave()
    two.join("another plan")
    two.leave()


def test_two_ledgers_end_with_every_row_once(tmp_path):
    ledgers = [
        Ledger(tmp_path / "cells", tmp_path / "table.csv", ("when", "file")) for _ in range(3)
    ]

    def add(number):
        for cell in range(20):
            name = f"{cell % 10}of{number if cell % 3 else 0}"
            ledgers[number].put(name, {"row": {"when": f"{cell:02}", "file": name}})
            ledgers[number].merge()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with (tmp_path / "table.csv").open(newline="") as file:
        named = [row["file"] for row in csv.DictReader(file)]
    assert len(named) == len(set(named)) == len(list((tmp_path / "cells").glob("*.json")))


def test_a_damaged_picture_is_made_again(tmp_path, server):
    server.hurry.set()
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    ended(begun(tmp_path, server, "one"))
    file = tmp_path / "out/seed/3.png"
    file.write_bytes(file.read_bytes()[:100])
    _, again, _ = ended(begun(tmp_path, server, "two"))
    assert (again["made"], again["reused"]) == (1, SEEDS - 1)
    with Image.open(file) as opened:
        opened.load()
    assert len(rows(tmp_path)) == SEEDS
