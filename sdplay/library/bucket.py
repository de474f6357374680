"""An object store in place of a folder, at any address that fsspec understands, for example
s3://bucket/pictures."""

import errno
import hashlib
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sdplay.errors import LibraryAway, LibraryError
from sdplay.library.files import SUFFIXES, path_of
from sdplay.settings import without_secrets

WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "memory"})
"""Stores in which a file is either whole or absent. In all others it is first written under another
name and then moved."""
NEEDS = "SDPLAY_STORE_URL needs more packages: pip install '.[teams]'"


def _raised() -> tuple[type[BaseException], ...]:
    """The errors that stores raise. S3's library has its own kinds for wrong keys and broken
    connections."""
    try:
        kinds = importlib.import_module("botocore.exceptions")
    except ImportError:
        return OSError, ValueError
    return OSError, ValueError, kinds.BotoCoreError, kinds.ClientError, kinds.HTTPClientError


_RAISED = _raised()
_UNREACHED = tuple(kind for kind in _RAISED if kind.__name__ == "HTTPClientError")


class Bucket:
    """Stores files by kind and name in an object store."""

    def __init__(self, address: str, **options: Any) -> None:
        try:
            fsspec = importlib.import_module("fsspec")
            with _explained(address):
                self._fs, self._root = fsspec.core.url_to_fs(
                    address, use_listings_cache=False, **options
                )
        except ImportError as error:
            raise LibraryError(f"{NEEDS} ({error.name or error}).") from error
        self.address = address
        protocols = self._fs.protocol
        self._whole = not WHOLE.isdisjoint([protocols] if isinstance(protocols, str) else protocols)

    def keep(self, kind: str, data: bytes) -> str:
        """Stores the bytes under their SHA-256, and returns that name."""
        name = hashlib.sha256(data).hexdigest()
        self.write(kind, name, data)
        return name

    def write(self, kind: str, name: str, data: bytes, again: bool = False) -> None:
        """Stores the bytes under a name. A file that is already there is replaced only if `again`
        is set."""
        path = self._path(kind, name)
        with _explained(self.address):
            if again or not self._fs.exists(path):
                if self._whole:  # where there are no folders
                    self._fs.pipe_file(path, data)
                else:
                    self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                    self._fs.pipe_file(f"{path}.new", data)
                    self._fs.mv(f"{path}.new", path)

    def read(self, kind: str, name: str) -> bytes:
        """Returns a file's bytes, or raises an error with a clear sentence if somebody removed the
        file."""
        path = self._path(kind, name)
        with _explained(self.address):
            try:
                return bytes(self._fs.cat_file(path))
            except FileNotFoundError as error:
                raise LibraryError(
                    f"The file of this picture is missing from {self.address}. It was moved or "
                    "deleted "
                    "outside the app."
                ) from error

    def has(self, kind: str, name: str) -> bool:
        """Whether the store has this file."""
        with _explained(self.address):
            return bool(self._fs.exists(self._path(kind, name)))

    def remove(self, kind: str, name: str) -> None:
        """Removes a file for good. A file that is not there is no error."""
        with _explained(self.address):
            if self._fs.exists(path := self._path(kind, name)):
                self._fs.rm_file(path)

    def names(self, kind: str) -> Iterator[str]:
        """The names of all files of one kind."""
        with _explained(self.address):
            paths = sorted(self._fs.find(f"{self._root}/{kind}"))
        for path in paths:
            name = path.rpartition("/")[2]
            if name.endswith(SUFFIXES[kind]):
                yield name.removesuffix(SUFFIXES[kind])

    def sweep(self) -> None:
        """Does nothing: in an object store a file is whole or absent, and the store itself clears
        away unfinished uploads."""

    def many(self, kind: str, names: list[str]) -> dict[str, bytes]:
        """Reads several files at the same time, and leaves out those that are not there."""
        if not names:
            return {}
        paths = {self._path(kind, name): name for name in names}
        with _explained(self.address):
            contents = self._fs.cat(list(paths), on_error="omit")
        contents = contents if isinstance(contents, dict) else {next(iter(paths)): contents}
        return {name: bytes(contents[path]) for path, name in paths.items() if path in contents}

    def _path(self, kind: str, name: str) -> str:
        return f"{self._root}/{path_of(kind, name)}"


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turns the errors of an object store into sentences for people."""
    try:
        yield
    except _RAISED as error:
        reason = without_secrets(str(error)).split("\n")[0] or type(error).__name__
        if _away(error):
            raise LibraryAway(
                f"The picture store {address} does not answer: {reason}. It may be busy or "
                "restarting: try again in a moment. Nothing that was kept is lost."
            ) from error
        raise LibraryError(
            f"The picture store {address} refused: {reason}. Check SDPLAY_STORE_URL and its keys, "
            "then try again."
        ) from error


def _away(error: BaseException) -> bool:
    """Whether the store may answer later, because it is too busy or because no connection could be
    held."""
    busy = isinstance(error, OSError) and error.errno == errno.EBUSY
    return busy or isinstance(error, (*_UNREACHED, ConnectionError, TimeoutError))
