"""The engine's thread: it starts wherever a process may run, and its death is never a silence."""

import ctypes
import os
import subprocess
import sys
import threading

import pytest

from sdplay.engine import cores
from sdplay.engine.loop import Engine, LoopJob, Made
from sdplay.engine.onnx_model import OnnxModel
from sdplay.errors import BackendLost

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="nice values a thread are Linux's own")
PICTURE = (
    "from sdplay.engine.loop import Engine, LoopJob, Made\n"
    "from sdplay.engine.onnx_model import OnnxModel\n"
    "*_, last = Engine(OnnxModel()).run(LoopJob('a fox', 'euler', 2, width=96, height=96))\n"
    "print(type(last).__name__)"
)


def painted_by(*command, **more):
    """What a process of its own says after one picture."""
    line = [*command, sys.executable, "-c", PICTURE]
    # A nice process gets nearly nothing of a busy machine.
    return subprocess.run(line, capture_output=True, text=True, timeout=600, **more).stdout.strip()


def kill(thread):
    raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    )
    assert raised == 1


@LINUX
@pytest.mark.parametrize("nice", [0, 6, 19])
def test_a_picture_is_made_at_any_nice_value_without_the_right_to_raise_it(nice):
    # Without its capabilities even root may not raise a priority.
    bound = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    drop = bound if os.geteuid() == 0 else ()
    home = {"HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.getcwd()}
    assert painted_by("nice", "-n", str(nice), *drop, env={**os.environ, **home}) == "Made"


@LINUX
def test_a_picture_is_made_on_one_core():
    core = min(os.sched_getaffinity(0))
    assert painted_by("taskset", "--cpu-list", str(core)) == "Made"


@LINUX
def test_one_core_gets_one_thread():
    core = min(os.sched_getaffinity(0))
    count = "from sdplay.engine.cores import threads; print(threads())"
    line = ["taskset", "--cpu-list", str(core), sys.executable, "-c", count]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(
    ("membership", "files", "allowed"),
    [
        ("0::/", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "max 100000\n"}, 0.5),
        ("0::/not/seen/inside", {"cpu.max": "200000 100000\n"}, 2.0),
        (
            "4:cpu,cpuacct:/job\n0::/",
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "100000\n",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            },
            1.0,
        ),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("3:cpuset:/\n0::/", {}, None),
    ],
)
def test_a_containers_quota_is_read_as_it_is_written(tmp_path, membership, files, allowed):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores.quota(tmp_path, membership) == allowed


class Held(OnnxModel):
    """Answers when it is let."""

    def __init__(self):
        super().__init__()
        self.asked, self.let = threading.Event(), threading.Event()

    def denoise(self, x, times, meanings):
        self.asked.set()
        self.let.wait()
        return super().denoise(x, times, meanings)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("jobs", [1, 5])
def test_a_dead_thread_ends_every_waiting_job_with_a_sentence_and_is_started_anew(jobs):
    model = Held()
    engine, errors = Engine(model), []

    def work(seed):
        try:
            list(engine.run(LoopJob("a fox", "euler", 50, seed=seed, owner=str(seed))))
        except BackendLost as error:
            errors.append(str(error))

    waiting = [threading.Thread(target=work, args=(seed,)) for seed in range(jobs)]
    for thread in waiting:
        thread.start()
    assert model.asked.wait(120)
    kill(engine._thread)
    model.let.set()
    for thread in waiting:
        thread.join()
    assert len(errors) == jobs
    assert all("Try again: it is started anew" in error for error in errors)
    *_, last = engine.run(LoopJob("a fox", "euler", 2))
    assert isinstance(last, Made)


def test_an_engine_that_is_closed_finishes_its_jobs_first():
    model = Held()
    engine = Engine(model)
    events = engine.run(LoopJob("a fox", "euler", 3))
    results = []
    worker = threading.Thread(target=lambda: results.extend(events))
    worker.start()
    assert model.asked.wait(120)
    engine.close()
    model.let.set()
    worker.join()
    assert isinstance(results[-1], Made)
