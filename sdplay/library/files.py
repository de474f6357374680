"""Files that are whole or not there: written beside, synced, renamed; named by their content."""

import hashlib
import os
import tempfile
from pathlib import Path

from sdplay.errors import LibraryError


class Files:
    """Bytes by name in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, kind: str, data: bytes, suffix: str) -> str:
        """Store the bytes under their SHA-256 and return it."""
        name = hashlib.sha256(data).hexdigest()
        self.write(kind, name, suffix, data)
        return name

    def write(self, kind: str, name: str, suffix: str, data: bytes) -> None:
        """Store the bytes under a name; nobody ever sees half of them."""
        place = self.place(kind, name, suffix)
        if place.exists():
            return
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(beside, place)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise LibraryError(f"The picture could not be written to {self.folder}: {error.strerror}. Make room or "
                               "choose another folder with SDPLAY_HOME, then try again.") from error  # fmt: skip

    def read(self, kind: str, name: str, suffix: str) -> bytes:
        """The bytes, or a sentence when somebody removed the file."""
        try:
            return self.place(kind, name, suffix).read_bytes()
        except OSError as error:
            raise LibraryError(f"The file of this picture is missing from {self.folder / kind}. It was moved or "
                               "deleted outside the app.") from error  # fmt: skip

    def place(self, kind: str, name: str, suffix: str) -> Path:
        """Where it lies; names come from hashes, so nothing can climb out of the folder."""
        if not name.isalnum():
            raise LibraryError("That is not the name of a picture in this library.")
        return self.folder / kind / name[:2] / f"{name}{suffix}"
