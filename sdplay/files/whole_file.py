"""Files that are whole or not there: written beside and renamed, whoever else writes at the same
time."""

import hashlib
import uuid
from pathlib import Path


def write_whole(file: Path, data: bytes) -> None:
    """Others see the old file or the new one, never half of it; an OSError leaves the old one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{uuid.uuid4().hex[:12]}.new")
    try:
        beside.write_bytes(data)
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def why(error: OSError) -> str:
    """What kept a file from being written, as the end of a sentence."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file stands where a folder should be"
    return error.strerror or str(error)


def put_aside(file: Path, data: bytes) -> Path:
    """Give a file another name, made of its bytes, so that its own is free; returns the new one."""
    digest = hashlib.sha256(data).hexdigest()[:8]
    return file.replace(file.with_name(f"{file.stem}~{digest}{file.suffix}"))
