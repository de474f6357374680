"""Where a visit comes from: this machine, or elsewhere."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

OURSELVES = ("localhost", "127.0.0.1", "::1")
PASSED_ON = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)


def from_this_machine() -> bool:
    """Whether the browser runs on the computer that serves the page."""
    return direct(st.context.ip_address, dict(st.context.headers))


def direct(address: str | None, headers: Mapping[str, str]) -> bool:
    """Nobody in between: the peer is loopback, which Streamlit tells as None, the page was
    called by a name of this machine, and no proxy, which is a peer on this machine too, has left
    its mark."""
    told = {name.lower(): value for name, value in headers.items()}
    called = [
        urlsplit(f"//{told.get('host', '')}").hostname,
        urlsplit(told.get("origin", "")).hostname,
    ]
    return (
        address is None
        and all(name in OURSELVES for name in called)
        and not set(told) & set(PASSED_ON)
    )
