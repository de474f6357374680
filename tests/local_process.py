"""The local process as a real one, on a free port of this machine."""

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

ROOT = Path(__file__).parent.parent
FAKE = Path(__file__).parent / "fake_serve.py"
"""Answers like the local process, but without torch."""


class Process:
    """One `python -m sdplay serve`."""

    def __init__(self, *arguments, port=0, threads=1):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open as long as the process
        self.running = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "sdplay",
                "serve",
                "--port",
                str(self.port),
                *map(str, arguments),
            ],
            cwd=ROOT,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        atexit.register(self.end)

    def ready(self, seconds=400):
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.running.poll() is None:
            try:
                with urlopen(f"{self.url}/health", timeout=2) as answer:
                    json.load(answer)
                return self
            except (URLError, OSError):
                time.sleep(0.1)
        self.log.seek(0)
        ended, said = self.running.poll(), self.log.read()
        how = f"did not answer in {seconds} s" if ended is None else f"ended with {ended}"
        raise TimeoutError(f"the process {how}: {said[:2000]}\n[…]\n{said[-2000:]}")

    def end(self):
        if self.running.poll() is None:
            self.running.kill()
            self.running.wait()
        self.log.close()


def until(true, seconds=120, meanwhile=lambda: time.sleep(0.01)):
    """Wait for something that must come, far longer than an idle machine needs for it."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        meanwhile()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@cache
def tiny_models():
    """Two tiny checkpoints, `alpha` and `beta`; for them LoRA `ink`, embedding `paper` and upscaler
    `4x-tiny`."""
    from tests.tiny_checkpoint import small_embedding, small_esrgan, small_lora, small_sd

    folder = Path(tempfile.mkdtemp())
    for seed, name in enumerate(("alpha", "beta")):
        small_sd(folder / name, seed)
    for each in ("loras", "embeddings"):
        (folder / each).mkdir()
    small_lora(folder / "loras/ink.safetensors", folder / "alpha")
    small_esrgan(folder / "upscalers" / "4x-tiny.safetensors")
    small_embedding(folder / "embeddings/paper.safetensors")
    small_embedding(folder / "embeddings/for-sdxl.safetensors", wide=True)
    return folder


@cache
def tiny_controlnet():
    """A ControlNet for them, `lines`."""
    from tests.tiny_checkpoint import small_controlnet

    return small_controlnet(Path(tempfile.mkdtemp()) / "lines", tiny_models() / "alpha")


@cache
def tiny_segmenter():
    """Segment Anything in small."""
    from tests.tiny_checkpoint import small_sam

    return small_sam(Path(tempfile.mkdtemp()) / "tiny-sam")


@cache
def tiny_depth():
    """What tells how far things are, in small."""
    from tests.tiny_checkpoint import small_depth

    return small_depth(Path(tempfile.mkdtemp()) / "tiny-depth")


@cache
def shared():
    """One process for all tests that only ask."""
    return Process(
        "--model",
        tiny_models(),
        "--controlnet",
        tiny_controlnet(),
        "--segmenter",
        tiny_segmenter(),
        "--device",
        "cpu",
        "--max-side",
        "1024",
        "--queue",
        "300",
    ).ready()


def ask(url, body=None, method="", **headers):
    """Status and decoded answer."""
    data = None if body is None else json.dumps(body).encode()
    asked = Request(
        url, data, {"Content-Type": "application/json", **headers}, method=method or None
    )
    try:
        with urlopen(asked, timeout=120) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def lines(url, body):
    """The events of one picture, as they come."""
    asked = Request(
        f"{url}/sdplay/v1/pictures", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(asked, timeout=120) as answer:
        for line in answer:
            yield json.loads(line)
