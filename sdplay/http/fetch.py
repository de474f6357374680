"""Fetches a picture from an address that a visitor typed, without letting it reach this network.

Every address that a name resolves to must be public, and the connection goes to the very address
that was checked, so that a name which resolves differently a moment later gains nothing. The same
holds after each redirect.
"""

import time
from collections.abc import Callable
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi
import urllib3

from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked
from sdplay.http.address import bare
from sdplay.http.cutting import Deadline
from sdplay.http.fence import Address, anywhere, public, resolve
from sdplay.http.pools import Pool, SecurePool
from sdplay.settings import setting

LARGEST_BYTES = 32 * 1024 * 1024
MOST_REDIRECTS = 4


def fetch_public(url: str) -> bytes:
    """The checked picture at that address. A private or silent address, or one with no picture or a
    too large one, raises an error with a clear sentence."""
    data = download(
        url, allowed=anywhere if setting("SDPLAY_ALLOW_PRIVATE_URLS") == "1" else public
    )
    try:
        return checked(data)
    except NotAPicture as error:
        raise BadParams(
            f"What {bare(url)} sent {error}. Give the address of a PNG, JPEG or WebP picture."
        ) from error


def download(
    url: str,
    *,
    allowed: Callable[[Address], bool] = public,
    largest: int = LARGEST_BYTES,
    seconds: float = 30,
) -> bytes:
    """The bytes at that address, if `allowed` accepts it and every address that it redirects to."""
    until = time.monotonic() + seconds
    with Deadline(seconds) as deadline:
        for _ in range(MOST_REDIRECTS + 1):
            with deadline.connections.noted():
                response = _open(url, allowed, until)
            try:
                if response.status not in (301, 302, 303, 307, 308):
                    return _body(response, url, largest, until)
                url = _onward(url, response.headers.get("Location", ""))
            finally:
                response.close()
    raise BadParams(f"{bare(url)} redirects too often. Give the address of the picture itself.")


def _open(url: str, allowed: Callable[[Address], bool], until: float) -> urllib3.BaseHTTPResponse:
    parts, port = _parts(url)
    host = parts.hostname or ""
    addresses = resolve(host, port)
    hidden = [address for address in addresses if not allowed(address)]
    if hidden:
        raise BadParams(
            f"{bare(url)} leads to {hidden[0]}, which is not on the open internet, so it is "
            "not fetched. "
            "Upload the picture instead; the owner of this page can allow it with "
            "SDPLAY_ALLOW_PRIVATE_URLS=1."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc.rpartition("@")[2], "Accept": "image/*", "User-Agent": "sdplay"}
    try:
        return _pool(parts.scheme, str(addresses[0]), port, host).urlopen(
            "GET",
            path,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=5, read=max(0.1, min(15, until - time.monotonic()))),
        )
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        raise BadParams(
            f"{bare(url)} does not answer. Check the address, or upload the picture instead."
        ) from error


def _pool(scheme: str, address: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
    if scheme == "http":
        return Pool(address, port)
    return SecurePool(
        address, port, assert_hostname=host, server_hostname=host, ca_certs=certifi.where()
    )


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise BadParams(
            f"{url[:80]!r} is not a web address. Write it like this: https://example.com/a.png"
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadParams(
            f"{url[:80]!r} is not a web address. Write it like this: https://example.com/a.png"
        )
    return parts, port


def _body(response: urllib3.BaseHTTPResponse, url: str, largest: int, until: float) -> bytes:
    if response.status != 200:
        raise BadParams(
            f"{bare(url)} answered {response.status} instead of a picture. Check the address."
        )
    buffer = bytearray()
    try:
        while chunk := response.read1(65536):
            buffer += chunk
            if len(buffer) > largest:
                raise BadParams(
                    f"{bare(url)} sends more than {largest // 2**20} MB. Give a smaller picture."
                )
            if time.monotonic() > until:
                raise BadParams(f"{bare(url)} sends too slowly. Upload the picture instead.")
    except urllib3.exceptions.HTTPError as error:
        raise BadParams(
            f"{bare(url)} broke off in the middle. Try again, or upload the picture instead."
        ) from error
    if time.monotonic() > until:
        # A cut answer that has no length looks as if it had ended.
        raise BadParams(f"{bare(url)} sends too slowly. Upload the picture instead.")
    return bytes(buffer)


def _onward(url: str, location: str) -> str:
    """The address that a redirect leads to."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise BadParams(
            f"{bare(url)} redirects to something that is no address. Upload the picture instead."
        ) from error
