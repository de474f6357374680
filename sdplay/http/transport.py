"""Sends one HTTP request with the library requests, and turns its failures into sentences."""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
import urllib3

from sdplay.errors import BackendBroken, BackendError, BackendLost, BackendOffline
from sdplay.http.address import on_this_machine
from sdplay.http.cutting import Deadline
from sdplay.http.fence import fenced
from sdplay.http.peer import Peer, lost_way, too_slow
from sdplay.http.pools import Adapter

_NOT_CONNECTED = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
_TOO_SLOW = (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
_BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
    UnicodeError,
)


@contextmanager
def sent(
    peer: Peer,
    method: str,
    url: str,
    seconds: float,
    silence: float | None = None,
    *,
    auth: tuple[str, str] | None,
    endless: bool = False,
    **fields: Any,
) -> Iterator[requests.Response]:
    """Sends a request and returns the answer, whose body is still to be read.

    `seconds` is the time that an error sentence names. `silence` is the time allowed: for the whole
    answer, or only for the beginning of an `endless` one.
    """
    with Deadline(silence or seconds) as deadline, requests.Session() as session:
        session.mount("http://", Adapter())
        session.mount("https://", Adapter())
        # A proxy set for the internet is wrong for this machine; a netrc password is never
        # asked for (see _Auth).
        session.trust_env = peer.guest is None and not on_this_machine(url)
        try:
            with deadline.connections.noted(), fenced(peer.guest):
                answer = session.request(
                    method,
                    url,
                    stream=True,
                    allow_redirects=False,
                    auth=_Auth(auth),
                    timeout=(peer.connect_seconds, silence or seconds),
                    **fields,
                )
            with answer:
                if endless:
                    deadline.call_off()
                yield answer
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            UnicodeError,
            OSError,
        ) as error:
            if deadline.has_passed:
                raise BackendBroken(too_slow(peer, seconds)) from error
            raise _translated(peer, seconds, error) from error
        except ValueError as error:
            # requests reads where a redirect leads before anybody asks.
            raise BackendBroken(lost_way(peer)) from error
        if deadline.has_passed:
            # A cut answer that has no length looks as if it had ended.
            raise BackendBroken(too_slow(peer, seconds))


class _Auth(requests.auth.AuthBase):
    """Credentials that are always given, so that requests never looks for a password in a netrc
    file."""

    def __init__(self, pair: tuple[str, str] | None) -> None:
        self.pair = pair

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.pair is None:
            return request
        user, password = (part.encode() for part in self.pair)
        requests.auth.HTTPBasicAuth(user, password)(request)
        return request


def _translated(peer: Peer, seconds: float, error: BaseException) -> BackendError:
    causes = list(_causes(error))
    if any(
        isinstance(cause, (requests.exceptions.SSLError, urllib3.exceptions.SSLError))
        for cause in causes
    ):
        return BackendOffline(
            f"{peer.label} at {peer.address} has no valid TLS certificate. "
            f"Check {peer.setting}: http or https, host and port."
        )
    if any(isinstance(cause, _NOT_CONNECTED) for cause in causes):
        return BackendOffline(
            f"{peer.label} does not answer at {peer.address}. {_why_not(causes)} "
            f"Check {peer.setting}."
        )
    if any(isinstance(cause, _TOO_SLOW) for cause in causes):
        return BackendBroken(too_slow(peer, seconds))
    if any(isinstance(cause, _BAD_ADDRESS) for cause in causes):
        return BackendOffline(
            f"{peer.setting}, or the key that goes with it, has characters that cannot be sent. "
            "Write the address like this: http://127.0.0.1:7860"
        )
    return BackendLost(
        f"{peer.label} broke off in the middle of its answer. It may have crashed or run out of "
        "memory: look at its console, then try again."
    )


def _why_not(causes: Sequence[BaseException]) -> str:
    """The sentence for a request that could not be sent, and what to look at."""
    for cause in causes:
        if isinstance(cause, socket.gaierror | urllib3.exceptions.NameResolutionError):
            return "There is no computer of that name: look for typing mistakes."
        if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
            return "No way leads there from this machine: is the network or the VPN up?"
        if isinstance(cause, requests.exceptions.ConnectTimeout | TimeoutError):
            return "It may be switched off, or a firewall on the way lets nothing through."
    return "Is it running, and started with its API on?"


_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all errors inside it, because requests wraps urllib3, which wraps the
    socket."""
    visited: set[int] = set()
    stack: list[Any] = [error]
    while stack:
        cause = stack.pop()
        if isinstance(cause, BaseException) and id(cause) not in visited:
            visited.add(id(cause))
            yield cause
            stack += [
                cause.__cause__,
                cause.__context__,
                getattr(cause, "reason", None),
                *cause.args,
            ]
