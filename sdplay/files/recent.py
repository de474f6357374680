"""What was read last, held in memory up to so many bytes: one visitor's large files cannot fill
it."""

import threading
from collections.abc import Callable, Iterable


class Recent:
    """Reads by name, and remembers the latest of what it read.  Safe for many threads."""

    def __init__(self, read: Callable[[str], bytes], most_bytes: int) -> None:
        self._read, self._most = read, most_bytes
        self._held: dict[str, bytes] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, name: str) -> bytes:
        """The bytes of that name, the same object for all who ask while it is held."""
        with self._lock:
            if name in self._held:
                self._held[name] = self._held.pop(name)  # the latest stands last
                return self._held[name]
        data = self._read(name)
        with self._lock:
            self._keep(name, data)
            return self._held.get(name, data)

    def held(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those of them that are held now."""
        with self._lock:
            return {name: self._held[name] for name in names if name in self._held}

    def remember(self, name: str, data: bytes) -> None:
        """What was just written needs no reading."""
        with self._lock:
            self._keep(name, data)

    def _keep(self, name: str, data: bytes) -> None:
        if name in self._held or len(data) > self._most:
            return
        self._held[name] = data
        self._bytes += len(data)
        while self._bytes > self._most:
            self._bytes -= len(self._held.pop(next(iter(self._held))))
