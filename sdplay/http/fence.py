"""Which addresses are on the open internet. An address typed by a visitor must not reach this
network."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sdplay.errors import BackendOffline, BadParams

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = (
    # NAT64 of a local network (RFC 8215) and addresses that were IPv4 once: what stands behind
    # them is for the network to decide, so nobody can say that it is public.
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def public(address: Address) -> bool:
    """Whether an address is on the open internet. IPv4 addresses inside IPv6 are unpacked first."""
    if isinstance(address, ipaddress.IPv6Address):
        packed = (
            address.ipv4_mapped
            or address.sixtofour
            or (address.teredo[1] if address.teredo else None)
        )
        if address in _NAT64:
            packed = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if packed is not None:
            return public(packed)
        if any(address in network for network in _NOT_PUBLIC):
            return False
    return address.is_global and not address.is_multicast


def anywhere(address: Address) -> bool:
    """Accepts every address, because the owner allows it."""
    return True


@dataclass(frozen=True)
class Guest:
    """The rules for a server that a visitor named: only open addresses, no redirect, no proxy, and
    no sentence that repeats its address."""

    allowed: Callable[[Address], bool]


_GUEST: ContextVar[Guest | None] = ContextVar("_GUEST", default=None)


@contextmanager
def fenced(guest: Guest | None) -> Iterator[None]:
    """Holds the connections that this thread opens inside the block to the rules for guests."""
    before = _GUEST.set(guest)
    try:
        yield
    finally:
        _GUEST.reset(before)


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses to connect to for a guest, each one checked; empty if the caller is no
    guest."""
    guest = _GUEST.get()
    if guest is None:
        return []
    try:
        addresses = resolve(host, port)
    except BadParams as error:
        raise BackendOffline(
            "There is no computer of that name. Check the address for typing mistakes."
        ) from error
    if not all(map(guest.allowed, addresses)):
        raise BackendOffline(
            "The address leads into a private network or to this server itself, where visitors' "
            "servers may not be reached. Give an address on the open internet, or open this page "
            "on the machine that serves it."
        )
    return list(dict.fromkeys(map(str, addresses)))


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a host."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadParams(
            f"There is no computer called {host!r}. Check the address for typing mistakes."
        ) from error
    return [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in entries]
