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


class Cluster:
    """A server of our own, which can be stopped and started."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder, self.data, self._programs = folder, folder / "data", programs
        self.address = f"postgresql://sdplay@/postgres?host={quote(str(folder))}"
        # PostgreSQL refuses to run as root, and must not outlive a test run that was killed.
        self._user = ["setpriv", "--pdeathsig", "INT"]
        if os.geteuid() == 0:
            self._user += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            shutil.chown(folder, "nobody", "nogroup")
        options = ["-U", "sdplay", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(
            [*self._user, programs / "initdb", "-D", self.data, *options],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Until it is ready."""
        settings = ("listen_addresses=", "fsync=off", f"unix_socket_directories={self.folder}")
        options = [part for setting in settings for part in ("-c", setting)]
        self._server = subprocess.Popen(
            [*self._user, self._programs / "postgres", "-D", self.data, *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not _ready(self.data):
            assert self._server.poll() is None, "PostgreSQL ended before it was ready"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGINT cuts every connection in an orderly way, SIGQUIT is a crash."""
        self._server.send_signal(how)
        self._server.wait()


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """A server that is running and empty; None where PostgreSQL is not installed."""
    place = programs()
    if place is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="sdplay-pg-", dir="/tmp"))
    try:
        server = Cluster(place, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a database that is running and empty; None where PostgreSQL is not
    installed."""
    with cluster() as server:
        yield server.address if server else None


def _ready(data: Path) -> bool:
    """Its status file says so."""
    try:
        return "ready" in (data / "postmaster.pid").read_text()
    except OSError:
        return False
