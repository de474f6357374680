"""Web addresses as people write them, the http:// perhaps left out."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult:
    """The parts of an address; no scheme and no host where it cannot be read."""
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port(parts)
    except ValueError:
        return SplitResult("", "", text, "", "")
    return parts


def port(parts: SplitResult) -> int:
    """The port that is called, named or not."""
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
    """The address as a sentence may show it: no password, no query, and not endless."""
    parts = split(url)
    if not parts.scheme:  # nobody can tell where its password stands
        return "The address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:120]
