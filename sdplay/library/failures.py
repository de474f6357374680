"""Stores the requests that failed, with the reason and the time, until somebody removes them."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdplay.errors import BadParams, LibraryError
from sdplay.files.untrusted import read_json
from sdplay.library.files import Store
from sdplay.params import Params

KIND = "failures"
MOST = 30
"""The most failed requests of one owner. Older ones are removed."""
MOST_BYTES = 512 * 1024


@dataclass(frozen=True)
class Failure:
    """One request that gave no picture."""

    id: str
    at: int
    """The time of the failure, in microseconds since 1970."""
    backend: str
    params: Params
    """The settings, without start image, mask and guides, which are not stored."""
    sentence: str
    had_pictures: bool = False
    """Whether the request had a start image, a mask or guides, which must be given again."""


class Failures:
    """The failed requests of one library, by owner."""

    def __init__(self, files: Store) -> None:
        self._files = files
        self._lock = threading.Lock()

    def of(self, owner: str) -> list[Failure]:
        """The failed requests of this owner, newest first."""
        failures = (_failure(fields) for fields in self._read(owner))
        return [failure for failure in failures if failure]

    def add(self, owner: str, backend: str, params: Params, sentence: str) -> None:
        """Stores one failed request."""
        fields = {
            "id": uuid.uuid4().hex[:12],
            "at": time.time_ns() // 1000,
            "backend": backend,
            "params": params.changed(),
            "sentence": sentence,
            "had_pictures": bool(params.images()),
        }
        with self._lock:
            self._write(owner, [fields, *self._read(owner)][:MOST])

    def remove(self, owner: str, id: str) -> None:
        """Removes one failed request."""
        with self._lock:
            self._write(owner, [fields for fields in self._read(owner) if fields.get("id") != id])

    def _read(self, owner: str) -> list[dict[str, Any]]:
        name = _name(owner)
        if not self._files.has(KIND, name):
            return []
        try:
            listed = read_json(self._files.read(KIND, name).decode("utf-8", "replace"))
        except (ValueError, LibraryError):
            return []  # a trace is not worth an error
        return [fields for fields in listed if isinstance(fields, dict)]

    def _write(self, owner: str, listed: list[dict[str, Any]]) -> None:
        while listed and len(data := json.dumps(listed).encode()) > MOST_BYTES:
            listed = listed[:-1]
        self._files.write(KIND, _name(owner), data if listed else b"[]", again=True)


def _name(owner: str) -> str:
    """The file name for an owner: a digest, since the owner's name itself gives access to all that
    is theirs."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _failure(fields: Mapping[str, Any]) -> Failure | None:
    try:
        return Failure(
            str(fields["id"]),
            int(fields["at"]),
            str(fields["backend"]),
            Params.from_dict(fields["params"]),
            str(fields["sentence"]),
            bool(fields["had_pictures"]),
        )
    except (KeyError, TypeError, ValueError, BadParams):
        return None
