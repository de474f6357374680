"""The page as a real server process, for browser tests and benchmarks."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from tests.commands import Fork, Program

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW = 120_000
"""Milliseconds until a browser test gives up: far more than an idle machine needs, for a busy
one."""


def started(home, script="streamlit_app.py", port=0, **settings):
    """A server on this port, or on a free one, still starting."""
    port, line = _line(script, port)
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", *line],
        cwd=ROOT,
        env={**os.environ, "SDPLAY_HOME": str(home), **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process, f"http://127.0.0.1:{port}/"


def served(home, script="streamlit_app.py", port=0, **settings):
    """A server that answers."""
    return _answering(*started(home, script, port, **settings))


def forked(home, **settings):
    """A server that answers, forked from a process that had read in Streamlit: nearly all that a
    start costs."""
    port, line = _line("streamlit_app.py")
    variables = {"SDPLAY_HOME": str(home), **settings}
    process = Fork(Program("streamlit", line, variables=variables))
    return _answering(process, f"http://127.0.0.1:{port}/")


def _line(script, port=0):
    """This port or a free one, and what Streamlit is asked to serve there."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    options = {
        "server.port": str(port),
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
        "server.fileWatcherType": "none",
    }
    return port, ["run", str(script), *(f"--{name}={value}" for name, value in options.items())]


def _answering(process, url):
    until = time.monotonic() + SLOW / 1000
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(f"{url}_stcore/health", timeout=5) as answer:
                if answer.read() == b"ok":
                    return process, url
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise TimeoutError(f"the server never answered; it ended with {process.wait()}")


def opened(page, url):
    """The page, drawn to its end: Generate is there before what stands below it."""
    page.goto(url)
    page.locator(".st-key-go button").wait_for(timeout=SLOW)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=SLOW)
    return page


def at_last(told, wanted):
    """What is told once it is what is wanted, or when there is no more time: a page may still be
    drawing."""
    until = time.monotonic() + SLOW / 1000
    while (now := told()) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    return now


def generated(page):
    """One click, and the picture is there."""
    page.locator(".st-key-go button").click()
    page.locator(".st-key-receipt_result").wait_for(timeout=SLOW)
