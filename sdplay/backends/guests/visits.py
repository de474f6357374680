"""The connected servers of all visits, in memory only: few for each browser, forgotten in time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sdplay.backends import Backend, Capabilities
from sdplay.backends.guests.connection import Connection
from sdplay.errors import BadParams

MOST = 4
"""Servers of one browser."""
MOST_OF_AN_ADDRESS = 16
"""A browser is a cookie, which costs nothing."""
MOST_OF_ALL = 128
FORGOTTEN_AFTER = 2 * 3600.0
"""Seconds without use."""
ASKED_AGAIN_AFTER = 30.0
"""Seconds after which a server is asked anew what it can do."""


LARGEST_REPORT = 400_000
"""Letters of what a server may say that it can do: it is remembered as long as the visit."""


@dataclass(frozen=True, eq=False)
class Connected:
    """A server that answered, and what it said."""

    connection: Connection
    backend: Backend
    capabilities: Capabilities
    since: float = field(default_factory=time.monotonic)
    address: str = ""
    """The network address that the visit comes from; empty for this machine, or when unknown."""


def asked(connection: Connection, owner: str, backend: Backend | None = None) -> Connected:
    """A server and what it says now; one that says endlessly much counts as broken."""
    backend = backend or connection.backend(owner)
    capabilities = backend.probe()
    if len(repr(capabilities)) <= LARGEST_REPORT:
        return Connected(connection, backend, capabilities)
    sentence = "The server lists more models, names or inputs than this page can hold."
    return Connected(connection, connection.backend(owner), Capabilities("down", sentence))


class Visits:
    """Who is connected to what."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._entries: OrderedDict[tuple[str, str], Connected] = OrderedDict()
        self._used: dict[tuple[str, str], float] = {}

    def add(self, owner: str, entry: Connected) -> None:
        """Connect one more; refuses where this browser, or its network address, has enough."""
        key = (owner, entry.backend.name)
        with self._lock:
            self._forget()
            mine = [other for other in self._entries if other[0] == owner and other != key]
            if len(mine) >= MOST:
                raise BadParams(
                    f"You are connected to {len(mine)} servers already, as many as a visit may "
                    "have. Disconnect one first."
                )
            near = [other for other in self._entries.values() if other.address == entry.address]
            if entry.address and len(near) >= MOST_OF_AN_ADDRESS and key not in self._entries:
                raise BadParams(
                    f"{len(near)} servers are connected from your network address already, as many "
                    "as may be. Disconnect one first, or try again later."
                )
            self._entries[key] = entry
            self._touch(key)
            while len(self._entries) > MOST_OF_ALL:
                self._drop(next(iter(self._entries)))

    def of(self, owner: str, nearby: bool) -> dict[str, Connected]:
        """This browser's, by the backend's name; what stands beside the page's machine only for
        somebody who sits there."""
        with self._lock:
            self._forget()
            return {
                name: entry
                for (whose, name), entry in sorted(self._entries.items())
                if owner and whose == owner and (nearby or not entry.connection.nearby)
            }

    def reached(self, owner: str, name: str) -> Connected | None:
        """One of them, asked again after a while what it can do."""
        with self._lock:
            entry = self._entries.get((owner, name))
            if entry is None:
                return None
            self._touch((owner, name))
        if self._now() - entry.since < ASKED_AGAIN_AFTER:
            return entry
        fresh = replace(
            asked(entry.connection, owner, entry.backend), since=self._now(), address=entry.address
        )
        with self._lock:
            if (owner, name) in self._entries:
                self._entries[owner, name] = fresh
        return fresh

    def ask_again(self, owner: str) -> None:
        """Forget what this browser's servers said."""
        with self._lock:
            for key, entry in self._entries.items():
                if key[0] == owner:
                    self._entries[key] = replace(entry, since=float("-inf"))

    def remove(self, owner: str, name: str) -> None:
        """Forget address and key."""
        with self._lock:
            self._drop((owner, name))

    def _touch(self, key: tuple[str, str]) -> None:
        self._entries.move_to_end(key)
        self._used[key] = self._now()

    def _drop(self, key: tuple[str, str]) -> None:
        self._entries.pop(key, None)
        self._used.pop(key, None)

    def _forget(self) -> None:
        stale = self._now() - FORGOTTEN_AFTER
        for key in [key for key, used in self._used.items() if used < stale]:
            self._drop(key)
