"""Pictures that browsers gave, found again after a reload: by an id that opens nothing for others,
as long as there is room."""

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

BROWSER_BYTES = 48 * 2**20
SERVER_BYTES = 192 * 2**20
FORGOTTEN_AFTER = 12 * 3600.0
"""Seconds without use."""


@dataclass(frozen=True)
class Given:
    """A picture, and how it is to be used."""

    data: bytes
    use: str = ""


class UploadMemory:
    """Bytes by browser and id; of too many, those go that were not used for the longest time."""

    def __init__(
        self, browser_bytes: int = BROWSER_BYTES, server_bytes: int = SERVER_BYTES
    ) -> None:
        self._browser_bytes, self._server_bytes = browser_bytes, server_bytes
        self._given: OrderedDict[tuple[str, str], Given] = OrderedDict()
        self._used: dict[tuple[str, str], float] = {}
        self._digests: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()

    def keep(self, browser: str, data: bytes, use: str = "") -> str:
        """Remember it, and return its id; nothing where nobody knows whose it is."""
        if not browser or not data:
            return ""
        with self._lock:
            id = hashlib.sha256(f"{self._digest(data)} {use}".encode()).hexdigest()[:20]
            self._use((browser, id), self._given.get((browser, id)) or Given(data, use))
            self._make_room(browser)
            return id

    def find(self, browser: str, id: str) -> Given | None:
        """What this browser gave under that id, while it is remembered."""
        with self._lock:
            given = self._given.get((browser, id))
            if given:
                self._use((browser, id), given)
            return given

    def size(self, browser: str | None = None) -> int:
        """The bytes that are held, of one browser or of all; the same bytes count once."""
        mine = [given.data for key, given in self._given.items() if browser in (None, key[0])]
        return sum(map(len, {id(data): data for data in mine}.values()))

    def _use(self, key: tuple[str, str], given: Given) -> None:
        self._given[key] = given
        self._given.move_to_end(key)
        self._used[key] = time.monotonic()

    def _make_room(self, browser: str) -> None:
        """The newest always stays."""
        stale = time.monotonic() - FORGOTTEN_AFTER
        for key in list(self._given)[:-1]:
            full = self.size() > self._server_bytes
            mine_full = key[0] == browser and self.size(browser) > self._browser_bytes
            if full or mine_full or self._used[key] < stale:
                del self._given[key], self._used[key]

    def _digest(self, data: bytes) -> str:
        """Each picture is read once only: Python remembers the hash of bytes with them."""
        short = (hash(data), len(data))
        if short not in self._digests:
            if len(self._digests) > 1000:
                self._digests.clear()
            self._digests[short] = hashlib.sha256(data).hexdigest()
        return self._digests[short]
