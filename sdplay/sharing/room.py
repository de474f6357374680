"""How much one browser, one network address and everybody together may have waiting or open."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from sdplay.errors import BadParams
from sdplay.settings import setting
from sdplay.sharing.turns import for_sweeps
from sdplay.wording import many

BROWSERS_WORTH = 32
"""Everybody together may have as much as so many browsers: a browser is a cookie, which costs
nothing."""


@dataclass(frozen=True)
class Share:
    """What one visitor has or asks for: so many pictures, counted for a browser (its cookie) and
    for the address it comes from."""

    owner: str = ""
    address: str = ""
    """Empty where it is this machine's own or not known: then only browser and server count."""
    size: int = 1


@dataclass(frozen=True)
class Reached:
    """A limit that is reached, and how much counts against it already."""

    who: str
    """browser, address or everybody."""
    size: int


@dataclass(frozen=True)
class Room:
    """The largest number that one browser, one address, and everybody together may have."""

    browser: int
    address: int
    everybody: int

    def reached(self, wish: Share, present: Sequence[Share]) -> Reached | None:
        """The first of the three limits that has no room for this share; None when there is
        room."""
        mine = sum(share.size for share in present if share.owner == wish.owner)
        if mine + wish.size > self.browser:
            return Reached("browser", mine)
        near = sum(share.size for share in present if share.address == wish.address)
        if wish.address and near + wish.size > self.address:
            return Reached("address", near)
        everybody = sum(share.size for share in present)
        full = everybody + wish.size > self.everybody
        return Reached("everybody", everybody) if full else None

    def for_sweeps(self) -> "Room":
        """The smaller room that sweeps may fill, which leaves a part to single pictures."""
        return Room(self.browser, for_sweeps(self.address), for_sweeps(self.everybody))


class Gate:
    """Lets in only so many at once, for work that takes much memory while it lasts."""

    def __init__(self, room: Room, work: str) -> None:
        """`work` says what is done inside, like "import"."""
        self._room, self._work = room, work
        self._inside: list[Share] = []
        self._lock = threading.Lock()

    @contextmanager
    def entered(self, visitor: Share) -> Iterator[None]:
        """Hold one place while the block lasts; refuse when none is free."""
        with self._lock:
            full = self._room.reached(visitor, self._inside)
            if full is None:
                self._inside.append(visitor)
        if full:
            raise BadParams(self._sentence(full))
        try:
            yield
        finally:
            with self._lock:
                self._inside.remove(visitor)

    def _sentence(self, full: Reached) -> str:
        if full.who == "browser":
            return (
                f"{many(full.size, self._work)} of yours {'is' if full.size == 1 else 'are'} at "
                "work already. Wait until it has ended."
            )
        whose = "from your network address" if full.who == "address" else "of everybody"
        return (
            f"{many(full.size, self._work)} {whose} are at work already, as many as this server "
            "does at once. Try again in a minute."
        )


def queue_room() -> Room:
    """How many pictures may wait, by the settings."""
    browser = _whole_number("SDPLAY_MAX_QUEUED", 64)
    address = _whole_number("SDPLAY_MAX_QUEUED_ADDRESS", 256)
    return Room(browser, address, BROWSERS_WORTH * browser)


def network(address: str | None) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        ip = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return ""
    whole = int(ip) >> 64 << 64 if isinstance(ip, IPv6Address) else int(ip)
    return str(type(ip)(whole))


def _whole_number(name: str, example: int) -> int:
    value = setting(name)
    if not value.isdecimal() or int(value) < 1:
        raise BadParams(
            f"{name} must be a whole number from 1, not {value!r}. Set it like this: {example}"
        )
    return int(value)
