"""A private PostgreSQL for tests: its own cluster in a temporary folder, reached by a socket, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def postgres() -> Iterator[str | None]:
    """The address of a database that is running and empty; None where PostgreSQL is not installed."""
    place = programs()
    if place is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="sdplay-pg-", dir="/tmp"))
    # PostgreSQL refuses to run as root.
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "nobody", "nogroup")

    def call(*command: str) -> None:
        done = subprocess.run([*user, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    try:
        call(str(place / "initdb"), "-D", str(folder / "data"), "-U", "sdplay", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8")  # fmt: skip
        call(str(place / "pg_ctl"), "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-o",
             f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off", "start")  # fmt: skip
        yield f"postgresql://sdplay@/postgres?host={quote(str(folder))}"
    finally:
        subprocess.run([*user, str(place / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"],
                       cwd=folder, capture_output=True, check=False)  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
