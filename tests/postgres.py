"""A private PostgreSQL for tests: its own cluster in a temporary folder, reached by a socket, gone
afterwards."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of the path."""
    found = shutil.which("initdb")
    places = (
        [Path(found).parent]
        if found
        else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a database that is running and empty; None where PostgreSQL is not
    installed."""
    place = programs()
    if place is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="sdplay-pg-", dir="/tmp"))
    # PostgreSQL refuses to run as root, and must not outlive a test run that was killed.
    user = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        user += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody", "nogroup")
    data = folder / "data"
    made = subprocess.run(
        [
            *user,
            place / "initdb",
            "-D",
            data,
            "-U",
            "sdplay",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    server = subprocess.Popen(
        [
            *user,
            place / "postgres",
            "-D",
            data,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            f"unix_socket_directories={folder}",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(data):
            assert server.poll() is None, "PostgreSQL ended before it was ready"
            time.sleep(0.05)
        yield f"postgresql://sdplay@/postgres?host={quote(str(folder))}"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(data: Path) -> bool:
    """Its status file says so."""
    try:
        return "ready" in (data / "postmaster.pid").read_text()
    except OSError:
        return False
