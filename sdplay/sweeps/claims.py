"""Claims: several processes, on one machine or many, share a folder without doing a thing twice."""

import contextlib
import hashlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sdplay.errors import BadParams, LibraryError
from sdplay.files.whole_file import why, write_whole
from sdplay.sharing.revived import revived

HEARTBEAT_SECONDS = 15.0
EXPIRES_SECONDS = 180.0
"""A run on another machine that was silent so long is taken for dead, and its claims are free."""
CUT_OFF_SECONDS = 5.0
"""A file that is empty for so long belongs to a process that died while it wrote it."""
PATIENCE_SECONDS = 60.0
ASK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Heartbeat:
    """How often a run shows that it is alive, and how long others believe it without."""

    heartbeat: float = HEARTBEAT_SECONDS
    expires: float = EXPIRES_SECONDS


class Claims:
    """One run's claims in a folder that others may share.

    A file in `live` whose time moves on says that a run is alive; a file in `claims` says whose a
    thing is.  Ages are told by the folder's own clock: this run's file is touched, and its time is
    now.
    """

    def __init__(self, folder: Path, pace: Heartbeat = Heartbeat()) -> None:
        self.folder, self.pace = folder, pace
        self.id = uuid.uuid4().hex[:16]
        self._live = folder / "live"
        self._own = self._live / self.id
        self._about: dict[str, Any] = {}
        self._claimed: set[str] = set()
        self._busy: dict[str, float] = {}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._alive_until: dict[str, float] = {}
        self._count, self._count_again = 0, 0.0

    def join(self, plan: str) -> None:
        """Say that this run is here; refuses while one with another plan is at work."""
        self._about = {"plan": plan, **_this_process()}
        with _explained(self.folder):
            for part in ("live", "claims"):
                (self.folder / part).mkdir(parents=True, exist_ok=True)
            self._show()
            with self.alone():
                for run, about in self._others().items():
                    if not self._is_alive(run):
                        (self._live / run).unlink(missing_ok=True)
                    elif about.get("plan") != plan:
                        self._own.unlink(missing_ok=True)
                        raise OtherPlan(_occupied(self.folder.parent, about))
        revived("claims", self._beat)

    def leave(self) -> None:
        """Give up all of this run's claims, so that other runs take them over."""
        self._ended.set()
        for thing in list(self._claimed):
            self.give_back(thing)
        with contextlib.suppress(OSError):
            self._own.unlink(missing_ok=True)

    def take(self, thing: str) -> bool:
        """Claim a thing for this run; False where another run that is alive has it."""
        if time.monotonic() < self._busy.get(thing, 0.0):
            return False
        with _explained(self.folder):
            claimed = self._take(self._claim(thing))
        with self._lock:
            if claimed:
                self._claimed.add(thing)
            else:
                self._busy[thing] = time.monotonic() + ASK_AGAIN_SECONDS
        return claimed

    def give_back(self, thing: str) -> None:
        """Give up the claim on a thing that is done or was left, so that others may take it."""
        claim = self._claim(thing)
        with contextlib.suppress(OSError):
            if _text(claim) == self.id:
                claim.unlink()
        with self._lock:
            self._claimed.discard(thing)

    @property
    def others(self) -> int:
        """How many other runs are at work in this folder."""
        if time.monotonic() > self._count_again:
            self._count = sum(self._is_alive(run) for run in self._others())
            self._count_again = time.monotonic() + ASK_AGAIN_SECONDS
        return self._count

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """For a moment no other run is in here."""
        lock, until = self.folder / "lock", time.monotonic() + PATIENCE_SECONDS
        while not _created(lock, self.id):
            owner = _text(lock)
            if self._is_dead(lock, owner) and _text(lock) == owner:
                lock.unlink(missing_ok=True)
            elif time.monotonic() > until:
                raise LibraryError(
                    f"Another run has held {lock} for a minute. If none is at work, remove that "
                    "file and run the same command again."
                )
            else:
                time.sleep(0.02)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)

    def _take(self, claim: Path) -> bool:
        if _created(claim, self.id):
            return True
        owner = _text(claim)
        if owner == self.id or not self._is_dead(claim, owner):
            return owner == self.id
        with self.alone():  # of all who see a dead run's claim, one takes it over
            if _text(claim) == owner:
                claim.unlink(missing_ok=True)
            return _created(claim, self.id)

    def _claim(self, thing: str) -> Path:
        return self.folder / "claims" / hashlib.sha256(thing.encode()).hexdigest()[:24]

    def _others(self) -> dict[str, dict[str, Any]]:
        records = {}
        for file in self._live.iterdir() if self._live.is_dir() else ():
            if file.name != self.id and not file.name.startswith("."):
                with contextlib.suppress(ValueError):
                    records[file.name] = dict(json.loads(_text(file) or "{}"))
        return records

    def _is_dead(self, claim: Path, owner: str) -> bool:
        if owner:
            return not self._is_alive(owner)
        try:
            return self._age(claim) > CUT_OFF_SECONDS
        except OSError:
            return False  # it went away meanwhile

    def _is_alive(self, run: str) -> bool:
        """Whether that run shows itself; a process of this machine is asked for directly."""
        if run == self.id or time.monotonic() < self._alive_until.get(run, 0.0):
            return True
        file = self._live / run
        try:
            silent = self._age(file)
            about = json.loads(_text(file) or "{}")
        except (OSError, ValueError):
            return False
        alive = silent < self.pace.expires and _runs(about) is not False
        if alive:
            self._alive_until[run] = time.monotonic() + ASK_AGAIN_SECONDS
        return alive

    def _age(self, file: Path) -> float:
        self._show()
        return self._own.stat().st_mtime - file.stat().st_mtime

    def _show(self) -> None:
        """Touch this run's file, with the time of the machine on which the folder lies."""
        try:
            os.utime(self._own)
        except FileNotFoundError:
            write_whole(self._own, json.dumps(self._about).encode())

    def _beat(self) -> None:
        while not self._ended.wait(self.pace.heartbeat):
            with contextlib.suppress(OSError):  # the share may be away for a while
                self._show()


class OtherPlan(BadParams):
    """A run with another plan is at work in this folder."""


def _created(file: Path, text: str) -> bool:
    """Make the file and write this into it; False when it is there already."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as opened:
        opened.write(text)
    return True


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "space": _process_space(),
        "process": os.getpid(),
        "began": psutil.Process().create_time(),
    }


def _process_space() -> str:
    """Names the set of processes in which a number means one process: this boot, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _runs(about: dict[str, Any]) -> bool | None:
    """Whether the process is there; None when this machine cannot tell."""
    if not about.get("space") or about["space"] != _process_space():
        return None
    try:
        process = psutil.Process(int(about["process"]))
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and abs(process.create_time() - float(about["began"])) < 1
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _occupied(folder: Path, about: dict[str, Any]) -> str:
    return (
        f"Another plan, or the same one with another model, is running into {folder} just now "
        f"(on {about.get('host', 'another machine')}). Choose another folder with --out, or wait "
        "until it ends."
    )


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LibraryError(
            f"{error.filename or folder} could not be written: {why(error)}. Choose another folder "
            "with --out."
        ) from error
