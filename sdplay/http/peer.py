"""The server at the other end of a call, and sentences that several steps of a call need."""

from typing import Protocol

from sdplay.http.fence import Guest


class Peer(Protocol):
    """What a call must know about a server to say what went wrong."""

    @property
    def label(self) -> str: ...

    @property
    def address(self) -> str:
        """The address as people may see it, without password, query and trailing slash."""

    @property
    def setting(self) -> str:
        """The environment variable that holds the address."""

    @property
    def connect_seconds(self) -> float: ...

    @property
    def guest(self) -> Guest | None:
        """The rules for a server that a visitor named; None for the owner's own."""


def too_slow(peer: Peer, seconds: float) -> str:
    """The sentence for an answer that was not complete in time."""
    return (
        f"{peer.label} has not finished its answer within {seconds:g} s. It may still be "
        "working: look at its console, or ask for fewer steps."
    )


def lost_way(peer: Peer) -> str:
    """The sentence for a redirect that names no address."""
    return (
        f"{peer.label} at {peer.address} sends us on to something that is no address. "
        f"Check {peer.setting}."
    )
