"""Pictures that browsers uploaded, found again after a reload by an id that is useless to others,
while there is room."""

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

BROWSER_BYTES = 48 * 2**20
SERVER_BYTES = 192 * 2**20
FORGOTTEN_AFTER = 12 * 3600.0
"""Seconds without use after which a picture is forgotten."""


@dataclass(frozen=True)
class Given:
    """An uploaded picture, and how to use it."""

    data: bytes
    use: str = ""


class UploadMemory:
    """Uploaded bytes by browser and id. If there are too many, the ones unused for the longest time
    are removed."""

    def __init__(
        self, browser_bytes: int = BROWSER_BYTES, server_bytes: int = SERVER_BYTES
    ) -> None:
        self._browser_bytes, self._server_bytes = browser_bytes, server_bytes
        self._given: OrderedDict[tuple[str, str], Given] = OrderedDict()
        self._used: dict[tuple[str, str], float] = {}
        self._digests: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()

    def keep(self, browser: str, data: bytes, use: str = "") -> str:
        """Remembers a picture and returns its id; empty if its owner is unknown."""
        if not browser or not data:
            return ""
        with self._lock:
            id = hashlib.sha256(f"{self._digest(data)} {use}".encode()).hexdigest()[:20]
            self._use((browser, id), self._given.get((browser, id)) or Given(data, use))
            self._make_room(browser)
            return id

    def find(self, browser: str, id: str) -> Given | None:
        """What this browser uploaded under that id, if it is still remembered."""
        with self._lock:
            given = self._given.get((browser, id))
            if given:
                self._use((browser, id), given)
            return given

    def size(self, browser: str | None = None) -> int:
        """The bytes of one browser or of all. Equal bytes count once."""
        mine = [given.data for key, given in self._given.items() if browser in (None, key[0])]
        return sum(map(len, {id(data): data for data in mine}.values()))

    def _use(self, key: tuple[str, str], given: Given) -> None:
        self._given[key] = given
        self._given.move_to_end(key)
        self._used[key] = time.monotonic()

    def _make_room(self, browser: str) -> None:
        """Removes old pictures until there is room, but never the newest."""
        stale = time.monotonic() - FORGOTTEN_AFTER
        for key in list(self._given)[:-1]:
            full = self.size() > self._server_bytes
            mine_full = key[0] == browser and self.size(browser) > self._browser_bytes
            if full or mine_full or self._used[key] < stale:
                del self._given[key], self._used[key]

    def _digest(self, data: bytes) -> str:
        """The digest of a picture. It is computed once, because Python remembers the hash of
        bytes."""
        short = (hash(data), len(data))
        if short not in self._digests:
            if len(self._digests) > 1000:
                self._digests.clear()
            self._digests[short] = hashlib.sha256(data).hexdigest()
        return self._digests[short]
