"""An object store instead of a folder: any address that fsspec understands, s3://bucket/pictures
for one."""

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
"""Stores that show a file whole or not at all; elsewhere it is written beside and moved."""
NEEDS = "SDPLAY_STORE_URL needs more packages: pip install '.[teams]'"


def _raised() -> tuple[type[BaseException], ...]:
    """What stores raise; S3's library has its own kinds for wrong keys and dead connections."""
    try:
        kinds = importlib.import_module("botocore.exceptions")
    except ImportError:
        return OSError, ValueError
    return OSError, ValueError, kinds.BotoCoreError, kinds.ClientError, kinds.HTTPClientError


_RAISED = _raised()
_UNREACHED = tuple(kind for kind in _RAISED if kind.__name__ == "HTTPClientError")


class Bucket:
    """Bytes by kind and name in an object store."""

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
        """Store the bytes under their SHA-256 and return it."""
        name = hashlib.sha256(data).hexdigest()
        self.write(kind, name, data)
        return name

    def write(self, kind: str, name: str, data: bytes, again: bool = False) -> None:
        """Store the bytes under a name.  `again` replaces what is there."""
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
        """The bytes, or a sentence when somebody removed the file."""
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
        """Whether it is there."""
        with _explained(self.address):
            return bool(self._fs.exists(self._path(kind, name)))

    def remove(self, kind: str, name: str) -> None:
        """Gone for good; nothing happens when it was not there."""
        with _explained(self.address):
            if self._fs.exists(path := self._path(kind, name)):
                self._fs.rm_file(path)

    def names(self, kind: str) -> Iterator[str]:
        """The name of every file of a kind."""
        with _explained(self.address):
            paths = sorted(self._fs.find(f"{self._root}/{kind}"))
        for path in paths:
            name = path.rpartition("/")[2]
            if name.endswith(SUFFIXES[kind]):
                yield name.removesuffix(SUFFIXES[kind])

    def sweep(self) -> None:
        """Stores show files whole or not at all; what was begun is theirs to forget."""

    def many(self, kind: str, names: list[str]) -> dict[str, bytes]:
        """Several at once, side by side; what is not there is left out."""
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
    """Translate what stores raise."""
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
    """Whether it may answer later: it is too busy, or the connection broke off or was never
    made."""
    busy = isinstance(error, OSError) and error.errno == errno.EBUSY
    return busy or isinstance(error, (*_UNREACHED, ConnectionError, TimeoutError))
