"""The a1111 backend against a real stable-diffusion.cpp server, where one is built.

SDPLAY_SDCPP_SERVER=$(bash .ci/sd-server) python -m pytest tests/test_sdcpp.py
"""

import os
import socket
import subprocess
import time

import pytest

from sdplay.backends.a1111 import A1111
from sdplay.params import Params
from sdplay.picture import Picture

BINARY = os.environ.get("SDPLAY_SDCPP_SERVER", "")
pytestmark = pytest.mark.skipif(not BINARY, reason="SDPLAY_SDCPP_SERVER names no sd-server binary")
SMALL = Params(prompt="a fox", steps=1, cfg=1.0, width=64, height=64, seed=7, scheduler="euler_a")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server with a model of holes, ready."""
    pytest.importorskip("diffusers", reason="diffusers is in the local extra")
    import sparse_model

    folder = sparse_model.write(tmp_path_factory.mktemp("sd15"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BINARY, "-m", str(folder), "--listen-port", str(port), "-t", "2", "--mmap"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        backend = A1111(f"http://127.0.0.1:{port}")
        until = time.monotonic() + 120
        while backend.probe().status != "ready" and time.monotonic() < until:
            time.sleep(0.5)
        yield backend
        process.terminate()


def made(backend, params):
    return list(backend.generate(params))[-1]


def test_it_is_recognised_and_tells_its_schedulers(server):
    told = server.probe()
    assert "stable-diffusion.cpp" in told.message
    assert {"euler", "euler_a", "dpmpp_2m", "dpmpp_2m_karras", "ddim", "lcm"} <= set(
        told.schedulers
    )
    assert "default" not in told.schedulers


def test_a_picture_comes_with_a_receipt_read_from_its_text(server):
    picture = made(server, SMALL)
    assert isinstance(picture, Picture)
    assert picture.image().size == (64, 64)
    assert {
        name: picture.receipt.applied[name] for name in ("seed", "steps", "cfg", "scheduler")
    } == {"seed": 7, "steps": 1, "cfg": 1.0, "scheduler": "euler_a"}
    assert picture.receipt.warnings == ()


def test_the_same_seed_gives_the_same_picture(server):
    one, again, other = (
        made(server, SMALL.with_(seed=seed)).image().tobytes() for seed in (7, 7, 8)
    )
    assert (one == again, one == other) == (True, False)


def test_an_unknown_sampler_is_replaced_and_said(server):
    warnings = made(server, SMALL.with_(scheduler="Nope")).receipt.warnings
    assert any("instead of Nope" in said for said in warnings)


def test_a_start_image_is_taken(server):
    start = made(server, SMALL).data
    picture = made(server, SMALL.with_(init=start, strength=1.0))
    assert picture.receipt.sent["denoising_strength"] == 1.0
    assert picture.image().size == (64, 64)
