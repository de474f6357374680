"""Which addresses belong to the open internet: what a visitor typed may not reach this network."""

import ipaddress
import socket

from sdplay.errors import BadParams

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = (
    # NAT64 of a local network (RFC 8215) and addresses that were IPv4 once: what stands behind
    # them is for the network to decide, so nobody can say that it is public.
    ipaddress.ip_network("64:ff9b:1::/48"),
    ipaddress.ip_network("::/96"),
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def public(address: Address) -> bool:
    """Whether an address belongs to the open internet, also when it is IPv4 packed into IPv6."""
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
    """The owner's word that every address is fine."""
    return True


def resolve(host: str, port: int) -> list[Address]:
    """Every address of a host."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise BadParams(
            f"There is no computer called {host!r}. Check the address for typing mistakes."
        ) from error
    return [ipaddress.ip_address(str(entry[4][0]).split("%")[0]) for entry in entries]
