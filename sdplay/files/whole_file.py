"""Files that are whole or not there: written beside and renamed, whoever else writes at the same
time."""

import hashlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HALF = ".????????????.new"
"""What a file is called while it is written."""
STALE = 3600
"""Seconds after which nobody is still writing a file."""
_BINARY = getattr(os, "O_BINARY", 0)
"""Windows changes line ends without it."""


def write_whole(file: Path, data: bytes) -> None:
    """Others see the old file or the new one, never half of it; an OSError leaves the old one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as beside:
        beside.write_bytes(data)


def write_lasting(file: Path, data: bytes) -> None:
    """The same, and it survives a power cut; only this user can read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole(file) as beside:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
    _settle(file.parent)


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A path beside the file to write it at; it takes the file's name once all went well."""
    beside = file.with_name(f".{uuid.uuid4().hex[:12]}.new")
    try:
        yield beside
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _settle(folder: Path) -> None:
    """Make the renaming itself survive a power cut; Windows does not open folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_up(halves: Iterable[Path]) -> None:
    """Remove those of these half-written files that nobody is still writing: their processes were
    killed."""
    for half in halves:
        with suppress(OSError):  # another process may sweep at the same time
            if time.time() - half.stat().st_mtime > STALE:
                half.unlink(missing_ok=True)


def why(error: OSError) -> str:
    """What kept a file from being written, as the end of a sentence."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file stands where a folder should be"
    return error.strerror or str(error)


def put_aside(file: Path, data: bytes) -> Path:
    """Give a file another name, made of its bytes, so that its own is free; returns the new one."""
    digest = hashlib.sha256(data).hexdigest()[:8]
    return file.replace(file.with_name(f"{file.stem}~{digest}{file.suffix}"))
