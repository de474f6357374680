"""The local process as the page starts it: real child processes, killed and started anew."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from sdplay.backends.local import Local
from sdplay.backends.local import process as local_process
from sdplay.backends.local.process import BUILTIN, Launch, LocalProcess
from sdplay.errors import BackendLost, BackendOffline, BadParams
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from tests.local_process import FAKE, free_port, until

ROOT = Path(__file__).parent.parent
SMALL = Params("a fox", scheduler="euler", steps=3, width=64, height=64)


@pytest.fixture
def address():
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def process():
    made = LocalProcess([str(FAKE)])
    yield made
    made.stop()


def ready(process, address, **launch):
    process.start(Launch(**launch), address)
    backend = Local(address, process=process, patience=120)
    until(lambda: backend.probe().status == "ready")
    return backend


def made(backend, params=SMALL):
    *_, picture = backend.generate(params)
    return picture


def pid(process):
    return process._child.pid


def kill(process):
    os.kill(pid(process), signal.SIGKILL)


def test_a_started_process_answers_with_its_own_token(process, address):
    backend = ready(process, address)
    assert process.state == "ready"
    assert made(backend).image().size == (64, 64)
    assert process.token not in " ".join(psutil.Process(pid(process)).cmdline())


def test_its_log_and_memory_can_be_seen(process, address):
    ready(process, address, model="x.safetensors")
    until(lambda: process.log(1) == "serving x.safetensors")
    assert process.log(5) == "loading\nLoading: 100%|####|\nserving x.safetensors"
    assert process.memory() > 2**20


def test_a_crash_in_the_middle_is_a_sentence_and_the_next_picture_works(process, address):
    backend = ready(process, address)
    run = backend.generate(SMALL.with_(prompt="endless"))
    next(event for event in run if event.step)
    kill(process)
    with pytest.raises(
        BackendLost, match="stopped: it was killed.* It was started anew. Make the picture again"
    ):
        list(run)
    assert made(backend).image().size == (64, 64)


def test_meanwhile_the_form_is_told_what_it_could_do(process, address):
    backend = ready(process, address)
    process.program = ("-c", "import time; time.sleep(600)")  # it stays at its start
    kill(process)
    until(lambda: process.state == "starting")
    told = backend.probe()
    assert (told.status, "started anew" in told.message, "size" in told.features) == (
        "starting",
        True,
        True,
    )


def test_one_that_is_too_busy_to_answer_is_called_busy(process, address, monkeypatch):
    backend = ready(process, address)
    monkeypatch.setattr("sdplay.backends.local.backend.PROBE_SECONDS", 0.2)
    os.kill(pid(process), signal.SIGSTOP)
    told = backend.probe()
    assert (told.status, "it is busy" in told.message, "size" in told.features) == (
        "busy",
        True,
        True,
    )


def test_what_a_dead_process_wrote_does_not_make_the_next_one_ready(process, address):
    ready(process, address)
    dead = process.child(address)
    kill(process)
    until(lambda: process.child(address) not in (0, dead))
    process.seen(address, dead)
    assert process.state == "starting"


def test_waiting_jobs_survive_a_crash(process, address, tmp_path):
    backend, jobs = ready(process, address), Jobs(Library(tmp_path))
    first, *others = [
        jobs.submit(SMALL.with_(seed=seed, prompt="a fox" if seed else "endless"), backend)
        for seed in range(5)
    ]
    until(lambda: first.progress.step)
    kill(process)
    until(lambda: not any(job.active for job in (first, *others)))
    assert (first.state, "was started anew" in first.error) == ("failed", True)
    assert [job.state for job in others] == ["done"] * 4
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "job-local"])
    jobs.library.close()


def test_a_job_that_had_not_begun_is_sent_again(process, address):
    backend = ready(process, address)
    run = backend.generate(SMALL)
    next(run)
    kill(process)
    *_, picture = run
    assert picture.image().size == (64, 64)


def test_a_process_that_always_crashes_stays_off_in_the_end(process, address):
    backend = ready(process, address)
    for _ in range(2):
        with pytest.raises(BackendLost, match="was started anew"):
            made(backend, SMALL.with_(prompt="crash"))
    with pytest.raises(BackendLost, match="stays off after 3 crashes"):
        made(backend, SMALL.with_(prompt="crash"))
    assert (process.state, backend.probe().status) == ("failed", "down")


def test_a_process_that_never_got_ready_is_not_started_anew(process, address):
    process.start(Launch("broken.safetensors"), address)
    until(lambda: process.state == "failed")
    told = Local(address, process=process).probe()
    assert (
        "The local process ended before it was ready: broken.safetensors is cut off. Fetch it "
        "again." in told.message
    )


def test_a_stopped_process_stays_off_and_its_picture_ends_with_a_sentence(process, address):
    backend = ready(process, address)
    run = backend.generate(SMALL.with_(prompt="endless"))
    next(event for event in run if event.step)
    process.stop()
    with pytest.raises(
        BackendLost, match="was stopped on this page. Start it, then make the picture again"
    ):
        list(run)
    assert process.state == "off"


def test_jobs_wait_a_while_for_a_process_of_somebody_else(process, address):
    backend = ready(process, address)
    foreign = Local(address, process.token, patience=0.5, process=LocalProcess())
    assert foreign.probe().status == "ready"
    process.stop()
    with pytest.raises(BackendOffline, match="Start one: python -m sdplay serve"):
        made(foreign)
    assert time.monotonic() - foreign.process.last_seen(address) >= 0.5
    assert backend.model_version(SMALL) != backend.model_version(SMALL)


def test_without_a_process_ever_seen_nobody_waits(address):
    with pytest.raises(BackendOffline, match="No local process answers"):
        made(Local(address, process=LocalProcess()))


def test_closing_while_it_waits_ends_the_wait(process, address):
    process.program = ("-c", "import time; time.sleep(60)")
    process.start(Launch(), address)
    run = Local(address, process=process).generate(SMALL)
    assert "come back" in next(event for event in run if "come back" in event.message).message
    run.close()


def test_the_child_ends_with_its_server_even_after_sigkill(address):
    code = (
        "import sys, time; from sdplay.backends.local.process import *; p = "
        "LocalProcess([sys.argv[1]]);"
        "p.start(Launch(), sys.argv[2]); print(p._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(FAKE), address], cwd=ROOT, stdout=subprocess.PIPE
    ) as server:
        child = psutil.Process(int(server.stdout.readline()))
        server.kill()
    assert child.wait(120) is None or not child.is_running()


def test_the_last_choice_is_remembered(process, address):
    assert local_process.last_launch() == Launch()
    launch = Launch("x.safetensors", "cpu", "bf16", "depth-folder", 512)
    process.start(launch, address)
    assert local_process.last_launch() == launch


def test_a_choice_of_an_earlier_version_is_remembered():
    before = '{"model": "x.safetensors", "device": "cpu", "dtype": ""}'
    (local_process.home() / "local-process.json").write_text(before)
    assert local_process.last_launch() == Launch("x.safetensors", "cpu")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"model": "x", "device": "", "dtype": "", "tile": 7}', '{"model": "x"}']
)
def test_a_damaged_memory_of_the_last_choice_is_no_trouble(text):
    (local_process.home() / "local-process.json").write_text(text)
    assert local_process.last_launch() == Launch()


def test_folder_of_depth_and_tiles_are_given_along(process, address):
    process.start(Launch(depth="a folder", tile=768), address)
    assert psutil.Process(pid(process)).cmdline()[-2:] == ["--depth=a folder", "--tile=768"]


def test_only_models_for_depth_are_offered_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    kinds = {"far": ["DPTForDepthEstimation"], "sam": ["SamModel"], "odd": None}
    for name, kind in kinds.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"architectures": kind}))
    assert local_process.depth_models() == [str(tmp_path / "far")]


@pytest.mark.parametrize("choice", [{"device": "--host=0.0.0.0"}, {"tile": 7}, {"model": " "}])
def test_only_choices_of_the_lists_are_started(choice):
    with pytest.raises(BadParams, match="of the lists"):
        Launch(**choice)


def test_the_models_folder_is_offered_and_given_along(process, address, tmp_path, monkeypatch):
    (tmp_path / "one.safetensors").touch()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "model_index.json").write_text("{}")
    (tmp_path / "notes.txt").touch()
    monkeypatch.setenv("SDPLAY_MODELS", str(tmp_path))
    one, two = str(tmp_path / "one.safetensors"), str(tmp_path / "two")
    assert local_process.offered() == [BUILTIN, one, two]
    assert ready(process, address, model=two).probe().models == (two, BUILTIN, str(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "can"),
    [
        ("http://127.0.0.1:{}", True),
        ("http://localhost:{}", True),
        ("http://10.0.0.5:{}", False),
        ("https://127.0.0.1:{}", False),
        ("http://127.0.0.1:{}/behind/a/proxy", False),
    ],
)
def test_only_a_plain_address_of_this_machine_can_be_started(pattern, can):
    assert local_process.startable(pattern.format(free_port())) is can


def test_an_address_that_is_taken_can_not_be_started():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not local_process.startable(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_what_the_extra_needs_is_looked_up_without_importing_it():
    code = (
        "import json, sys, sdplay.backends.local.process as p; p.missing(); "
        "print(json.dumps('torch' in sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) is False
