"""Web addresses as people write them, perhaps without the http://."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult:
    """The parts of an address. Scheme and host are empty if it cannot be read."""
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port(parts)
    except ValueError:
        return SplitResult("", "", text, "", "")
    return parts


def port(parts: SplitResult) -> int:
    """The port of an address; the scheme's usual one if none is given."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def on_this_machine(url: str) -> bool:
    """Whether an address is this computer's own, so that nothing leaves it."""
    host = split(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bare(url: str) -> str:
    """An address as a sentence may show it: without password and query, and cut if it is long."""
    parts = split(url)
    if not parts.scheme:  # nobody can tell where its password stands
        return "The address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:120]
