"""A thread that dies: what waited for it ends with a sentence, and another takes its place."""

import json
import re
import threading
from pathlib import Path

import pytest

from sdplay.backends.local import Local
from sdplay.backends.local.process import Launch, LocalProcess
from sdplay.chain import Following, QueuedWorkshop, base, read_chain
from sdplay.errors import OUR_FAULT
from sdplay.film import Crew, FrameToFrame, Shooting
from sdplay.http.call import Call
from sdplay.jobs import Jobs
from sdplay.library import Library
from sdplay.params import Params
from sdplay.sharing.revived import revived
from sdplay.sweeps.claims import Claims, Heartbeat
from tests.local_process import FAKE, free_port, until
from tests.making import Painter

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

TRIED = {
    "jobs.py": "test_a_dead_worker_ends_its_job_with_a_sentence_and_the_next_one_runs",
    "server/queue.py": "test_a_dead_worker_ends_its_ticket_with_a_sentence_and_the_next_one_runs",
    "sweeps/run.py": "test_a_sweep_whose_thread_dies_says_so_and_goes_on_when_tried_again",
    "server/extras/enlarging.py": "test_an_enlargement_whose_thread_dies_ends_with_a_sentence",
    "engine/loop.py": (
        "test_a_dead_thread_ends_every_waiting_job_with_a_sentence_and_is_started_anew"
    ),
    "engine/torch/stock.py": "test_a_thread_that_dies_of_its_picture_hands_the_fault_over",
    "http/call.py": "test_a_call_whose_thread_dies_hands_the_fault_over",
    "sharing/undertakings.py": "test_a_film_whose_thread_dies_says_so_and_goes_on",
    "sharing/revived.py": "test_work_that_must_go_on_goes_on_in_another_thread",
}
"""Where threads are started, and the test that kills one."""
NOBODY_WAITS = {
    "server/app.py": "loads a model ahead of time; the first picture loads it otherwise",
    "backends/builtin.py": "loads the model ahead of time; the first picture does otherwise",
    "backends/guests/neighbours.py": "looks for servers here; the next look has its own thread",
    "http/cutting.py": "a timer that cuts connections",
    "cli/serve.py": "ends the process when its input ends or breaks",
}


def starts_threads(file):
    return re.search(r"threading\.(Thread|Timer)\(", file.read_text())


def test_every_thread_is_known_here():
    files = [
        file.relative_to(ROOT / "sdplay").as_posix()
        for file in (ROOT / "sdplay").rglob("*.py")
        if starts_threads(file)
    ]
    assert sorted(files) == sorted([*TRIED, *NOBODY_WAITS])


@pytest.mark.parametrize("test", TRIED.values())
def test_the_test_that_kills_it_exists(test):
    files = (ROOT / "tests").glob("test_*.py")
    assert any(f"def {test}(" in file.read_text() for file in files)


class Dies:
    """Work that takes its thread with it the first time."""

    def __init__(self, work=lambda *_: None):
        self.times, self.work = 0, work

    def __call__(self, *values):
        self.times += 1
        if self.times == 1:
            raise SystemExit
        return self.work(*values)


def is_alive(name):
    return name in [thread.name for thread in threading.enumerate()]


def test_work_that_must_go_on_goes_on_in_another_thread():
    work = Dies()
    revived("mortal", work, pause=0)
    until(lambda: work.times == 2)
    until(lambda: not is_alive("mortal"))
    assert work.times == 2


def test_a_call_whose_thread_dies_hands_the_fault_over():
    with pytest.raises(SystemExit):
        Call(Dies()).result()


def test_claims_whose_thread_dies_are_kept_alive(tmp_path):
    claims = Claims(tmp_path, Heartbeat(heartbeat=0.01))
    claims.join("plan")
    claims._show = Dies(claims._show)
    until(lambda: claims._show.times > 3)
    claims.leave()


def test_a_film_whose_thread_dies_says_so_and_goes_on(tmp_path):
    library, painter = Library(tmp_path), Painter()
    film = Shooting(
        FrameToFrame(Params("a fox", width=64, height=64), 2), Crew(Jobs(library), painter)
    )
    film._take = Dies(film._take)
    assert film.start().wait(120)
    assert film.trouble == OUR_FAULT
    until(lambda: not is_alive(film.group))  # its death is this test's, not the next one's
    assert film.start().wait(120)
    assert (film.done, film.trouble) == (True, "")
    library.close()


def test_a_chain_whose_thread_dies_says_so_and_goes_on(tmp_path):
    library, painter = Library(tmp_path), Painter()
    stages = [{"stage": "base", "prompt": "a fox", "size": "64x64"}, {"stage": "img2img"}]
    chain = read_chain(json.dumps({"name": "fox", "stages": stages}))
    workshop = QueuedWorkshop(painter, library, jobs=Jobs(library))
    following = Following(chain, base(chain, painter.probe()), workshop)
    following._take = Dies(following._take)
    assert following.start().wait(120)
    assert following.trouble == OUR_FAULT
    until(lambda: not is_alive(following._name))
    assert following.start().wait(120)
    assert (following.done, following.trouble) == (True, "")
    library.close()


def test_half_written_files_are_swept_up_though_the_thread_died(tmp_path, monkeypatch):
    monkeypatch.setenv("SDPLAY_HOME", str(tmp_path))
    Library(tmp_path).close()
    dies = Dies()
    monkeypatch.setattr("sdplay.library.files.Files.sweep", lambda _: dies())
    library = Library.mended()
    until(lambda: dies.times == 2)
    library.close()


def test_a_local_process_is_read_from_and_watched_though_a_thread_died():
    process, address = LocalProcess([str(FAKE)]), f"http://127.0.0.1:{free_port()}"
    process._write = Dies(process._write)
    process._tend = Dies(process._tend)
    try:
        process.start(Launch(), address)
        until(lambda: Local(address, process=process).probe().status == "ready")
        until(lambda: process.log(5) and process._tend.times == 2)
    finally:
        process.stop()
    assert "The local process is off" in process.sentence
