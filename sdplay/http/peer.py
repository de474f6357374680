"""The other end of a call, and the sentences that several steps of a call may say of it."""

from typing import Protocol

from sdplay.http.fence import Guest


class Peer(Protocol):
    """What a call must know to say in words what went wrong."""

    @property
    def label(self) -> str: ...

    @property
    def address(self) -> str:
        """As people may see it: without password, query and trailing slash."""

    @property
    def setting(self) -> str:
        """The environment variable that holds the address."""

    @property
    def connect_seconds(self) -> float: ...

    @property
    def guest(self) -> Guest | None:
        """The rules for one that a visitor named."""


def too_slow(peer: Peer, seconds: float) -> str:
    """What to say when the answer is not whole in time."""
    return (
        f"{peer.label} has not finished its answer within {seconds:g} s. It may still be "
        "working: look at its console, or ask for fewer steps."
    )


def lost_way(peer: Peer) -> str:
    """What to say when a redirect names no address."""
    return (
        f"{peer.label} at {peer.address} sends us on to something that is no address. "
        f"Check {peer.setting}."
    )
