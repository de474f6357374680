"""Files that are either whole or absent: written under another name, synced and then renamed.
Pictures are named by their SHA-256."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sdplay.errors import LibraryError
from sdplay.files.whole_file import HALF, sweep_up, write_lasting

SUFFIXES = {
    "originals": ".png",
    "thumbnails": ".jpg",
    "inputs": ".bin",
    "frames": ".bin",
    "records": ".json",
    "links": ".txt",
    "failures": ".json",
}
"""The kinds of files, and the ending of their names."""
OLD_HALF = ".new-*"
"""How earlier versions named a file while they wrote it."""


class Store(Protocol):
    """Stores files by kind and name, in a folder or in an object store."""

    def keep(self, kind: str, data: bytes) -> str: ...
    def write(self, kind: str, name: str, data: bytes, again: bool = False) -> None: ...
    def read(self, kind: str, name: str) -> bytes: ...
    def has(self, kind: str, name: str) -> bool: ...
    def remove(self, kind: str, name: str) -> None: ...
    def names(self, kind: str) -> Iterator[str]: ...
    def sweep(self) -> None: ...
    def many(self, kind: str, names: list[str]) -> dict[str, bytes]: ...


class Files:
    """Stores files by kind and name in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, kind: str, data: bytes) -> str:
        """Stores the bytes under their SHA-256, and returns that name."""
        name = hashlib.sha256(data).hexdigest()
        self.write(kind, name, data)
        return name

    def write(self, kind: str, name: str, data: bytes, again: bool = False) -> None:
        """Stores the bytes under a name, so that nobody ever reads half a file. A file that is
        already there is replaced only if `again` is set."""
        path = self.place(kind, name)
        if path.exists() and not again:
            return
        try:
            write_lasting(path, data)
        except OSError as error:
            raise LibraryError(
                f"The picture could not be written to {self.folder}: {error.strerror}. Make "
                "room or "
                "choose another folder with SDPLAY_HOME, then try again."
            ) from error

    def read(self, kind: str, name: str) -> bytes:
        """Returns a file's bytes, or raises an error with a clear sentence if somebody removed the
        file."""
        try:
            return self.place(kind, name).read_bytes()
        except OSError as error:
            raise LibraryError(
                f"The file of this picture is missing from {self.folder / kind}. It was moved or "
                "deleted outside the app."
            ) from error

    def has(self, kind: str, name: str) -> bool:
        """Whether the store has this file."""
        return self.place(kind, name).exists()

    def remove(self, kind: str, name: str) -> None:
        """Removes a file for good. A file that is not there is no error."""
        try:
            self.place(kind, name).unlink(missing_ok=True)
        except OSError as error:
            raise LibraryError(
                f"A file could not be removed from {self.folder / kind}: {error.strerror}. "
                "Check the folder's permissions, then try again."
            ) from error

    def names(self, kind: str) -> Iterator[str]:
        """The names of all whole files of one kind."""
        for path in sorted(self.folder.glob(f"{kind}/??/*")):
            if path.suffix == SUFFIXES[kind] and not path.name.startswith("."):
                yield path.stem

    def sweep(self) -> None:
        """Removes the half-written files of processes that were killed."""
        for pattern in (HALF, OLD_HALF):
            sweep_up(self.folder.glob(f"*/??/{pattern}"))

    def many(self, kind: str, names: list[str]) -> dict[str, bytes]:
        """Reads several files, and leaves out those that are not there."""
        return {name: self.read(kind, name) for name in names if self.has(kind, name)}

    def place(self, kind: str, name: str) -> Path:
        """The path of a file. Names consist of letters and digits, so no name can lead out of the
        folder."""
        return self.folder / path_of(kind, name)


def path_of(kind: str, name: str) -> str:
    """The path of a file inside its store."""
    if not (name.isascii() and name.isalnum()):
        raise LibraryError("That is not the name of a picture in this library.")
    return f"{kind}/{name[:2]}/{name}{SUFFIXES[kind]}"
