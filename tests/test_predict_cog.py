"""The predict backend against a real Cog server, started from the predictor in tests/cog_predictor.

SDPLAY_COG_PYTHON=/path/to/python python -m pytest tests/test_predict_cog.py    (that Python has cog
0.23.1)
"""

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from sdplay.backends.guests import Connection
from sdplay.backends.guests.trial import tried
from sdplay.backends.predict import Predict
from sdplay.errors import BackendRefused
from sdplay.params import Params
from sdplay.picture import Picture
from tests.local_process import until

PYTHON = os.environ.get("SDPLAY_COG_PYTHON", "")
pytestmark = pytest.mark.skipif(
    not PYTHON, reason="SDPLAY_COG_PYTHON names no Python with cog==0.23.1"
)
FOLDER = Path(__file__).parent / "cog_predictor"
SMALL = Params(prompt="a fox", steps=4, seed=7, width=64, height=64, scheduler="euler_a")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A running server; it makes one picture at a time."""
    folder = shutil.copytree(FOLDER, tmp_path_factory.mktemp("cog") / "predictor")
    port = free_port()
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "PORT": str(port),
        "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
    }
    command = [PYTHON, "-m", "cog.server.http", "--host", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def cog(url):
    """The backend, once the server is ready."""
    backend = Predict("cog", url, every=0.1)
    until(lambda: backend.probe().status == "ready")
    return backend


def made(backend, params):
    *_, last = backend.generate(params)
    return last


def listens(url):
    with suppress(OSError), socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
        return True
    return False


def test_a_picture_is_made_even_while_the_server_still_starts(url):
    until(lambda: listens(url))
    assert isinstance(made(Predict("cog", url, pause=0.5), SMALL), Picture)


def test_it_tells_its_schedulers_and_inputs(cog):
    told = cog.probe()
    assert set(told.schedulers) == {"ddim", "euler", "dpmpp_2m", "euler_a", "pndm", "lms"}
    assert [entry["name"] for entry in told.inputs] == ["tile", "grain"]


def test_a_picture_comes_with_progress_and_an_honest_receipt(cog):
    *events, picture = cog.generate(SMALL.with_(steps=20))
    assert next(event.steps for event in events if event.steps) == 20
    assert picture.receipt.applied == {"seed": 7, "width": 64, "height": 64}
    assert (picture.receipt.warnings, picture.timing.sampling > 0.5) == ((), True)


def test_the_same_seed_gives_the_same_picture(cog):
    one, again, other = (made(cog, SMALL.with_(seed=seed)).image().tobytes() for seed in (7, 7, 8))
    assert (one == again, one == other) == (True, False)


def test_closing_stops_the_server_at_once(cog):
    events = cog.generate(SMALL.with_(steps=500))
    step = next(event.step for event in events if event.step)
    events.close()
    assert (cog.probe().status, step < 100) == ("ready", True)


def test_a_busy_server_is_waited_for(url, cog):
    first = cog.generate(SMALL.with_(steps=500))
    next(event for event in first if event.step)
    events = Predict("cog", url, pause=0.2).generate(SMALL)
    next(event for event in events if "busy with another picture: trying again" in event.message)
    first.close()
    *_, last = events
    assert isinstance(last, Picture)


def test_what_the_model_says_went_wrong_is_said(cog):
    with pytest.raises(BackendRefused, match="ValueError: no such thing can be drawn"):
        made(cog, SMALL.with_(prompt="raise"))


def test_a_request_that_the_model_refuses_names_the_field(cog):
    with pytest.raises(BackendRefused, match="422: num_outputs: 9 is greater than"):
        made(cog, SMALL.with_(extra='{"num_outputs": 9}'))


@pytest.mark.usefixtures("cog")
def test_a_visitor_connects_it_without_saying_what_it_is(url):
    entry = tried(Connection("", url, nearby=True), "f" * 32)
    assert (entry.connection.kind, entry.capabilities.status) == ("cog", "ready")
    assert made(entry.backend, SMALL).backend == entry.backend.name
    with pytest.raises(BackendRefused, match="It answers like this kind: Cog server"):
        tried(Connection("a1111", url, nearby=True), "f" * 32)


def test_several_pictures_are_said(cog):
    picture = made(cog, SMALL.with_(extra='{"num_outputs": 3}'))
    assert any("made 3 pictures" in said for said in picture.receipt.warnings)
