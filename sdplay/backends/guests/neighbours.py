"""Servers that run beside the page on their usual ports: looked for in the background, and offered
to somebody who sits at the same machine."""

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdplay.backends.guests.connection import KINDS, Connection
from sdplay.backends.guests.trial import speaks
from sdplay.http.address import on_this_machine, port, split
from sdplay.settings import setting

USUAL = (("a1111", 7860), ("local", 7861), ("cog", 5000), ("a1111", 5001), ("a1111", 1234))
"""AUTOMATIC1111, Forge, SD.Next and Draw Things; ours; Cog; KoboldCpp; stable-diffusion.cpp."""
OWN = (("a1111", "SDPLAY_A1111_URL"), ("local", "SDPLAY_LOCAL_URL"))
"""Backends that the settings name already: those are chosen, not connected."""
CONNECT_SECONDS = 0.3
LOOKED_AGAIN_AFTER = 60.0


@dataclass(frozen=True)
class Neighbour:
    """A server that answered."""

    kind: str
    address: str
    message: str = ""
    """What it says of itself."""
    backend: str = ""
    """The backend that the settings have set up for it; empty where it must be connected."""

    @property
    def connection(self) -> Connection:
        return Connection(self.kind, self.address, nearby=True)

    @property
    def label(self) -> str:
        """As an offer calls it."""
        label = KINDS[self.kind].label
        return f"{label[0].upper()}{label[1:]} at {self.address.partition('://')[2]}"


def places(usual: Sequence[tuple[str, int]] = USUAL) -> list[Neighbour]:
    """Where to look: the addresses of the settings that are on this machine, and the usual ones."""
    own = [
        Neighbour(kind, f"http://127.0.0.1:{port(split(setting(name)))}", backend=kind)
        for kind, name in OWN
        if on_this_machine(setting(name)) and split(setting(name)).path in ("", "/")
    ]
    others = [Neighbour(kind, f"http://127.0.0.1:{number}") for kind, number in usual]
    by_address = {neighbour.address: neighbour for neighbour in reversed([*own, *others])}
    return [by_address[address] for address in sorted(by_address)]


def answering(neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """Those of them that are there and are what is looked for."""
    return [answer for neighbour in neighbours if (answer := _answer(neighbour))]


class Neighbourhood:
    """What was found when last looked; looking never holds anybody up."""

    def __init__(self, look: Callable[[], list[Neighbour]] = lambda: answering(places())) -> None:
        self._look, self._lock = look, threading.Lock()
        self._looked = float("-inf")
        self._present: tuple[Neighbour, ...] = ()
        self.looking = False

    def present(self) -> tuple[Neighbour, ...]:
        """What answered last; looks anew in the background when that was long ago."""
        with self._lock:
            old = time.monotonic() - self._looked > LOOKED_AGAIN_AFTER
            if old and not self.looking:
                self.looking = True
                threading.Thread(target=self._refresh, name="neighbours", daemon=True).start()
            return self._present

    def _refresh(self) -> None:
        try:
            self._present = tuple(self._look())
        finally:
            self._looked, self.looking = time.monotonic(), False


def _answer(neighbour: Neighbour) -> Neighbour | None:
    address = ("127.0.0.1", port(split(neighbour.address)))
    try:
        socket.create_connection(address, CONNECT_SECONDS).close()
    except OSError:
        return None
    capabilities = neighbour.connection.speaker().probe()
    return neighbour if speaks(neighbour.kind, capabilities) else None
