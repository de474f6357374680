"""HTTP for every backend: answers are limited in size and time, failures become sentences, and keys
are never sent to another host.

BackendOffline means that nothing was sent, so that trying again is safe. Later failures are
BackendBroken, because the server may have begun to work.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urljoin

from sdplay.errors import BackendBroken, BackendOffline, BadParams
from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.http.address import bare, port, split
from sdplay.http.address import on_this_machine as on_this_machine
from sdplay.http.fence import Address, Guest, anywhere, public, resolve
from sdplay.http.peer import lost_way, too_slow
from sdplay.http.reply import Reply as Reply
from sdplay.http.reply import error_text as error_text
from sdplay.http.reply import refusal as refusal
from sdplay.http.reply import retry_after as retry_after
from sdplay.picture import Progress
from sdplay.settings import BLANK, KEY_IN_PATH, spellings, without_secrets

if TYPE_CHECKING:  # requests and urllib3 come with the first call: the page is on screen before
    from urllib3 import BaseHTTPResponse

LARGEST_ANSWER = 64 * 1024 * 1024
LARGEST_TO_GUEST = 2 * 1024 * 1024
"""The most bytes that a visitor's server may send as an answer to a question. Its pictures may be
larger."""
CONNECT_SECONDS = 5.0
_HARMLESS_HEADERS = {"accept", "content-type", "prefer", "user-agent", "cancel-after"}


@dataclass(frozen=True)
class Wire:
    """One server: its address, its credentials, and the sentences for its failures."""

    base: str = field(repr=False)
    label: str = field(kw_only=True)
    setting: str = field(kw_only=True)
    """The environment variable that holds the address. Sentences tell people to look there."""
    key_setting: str = field(default="", kw_only=True)
    """The environment variable that holds the key."""
    guest: Guest | None = field(default=None, kw_only=True)
    """The rules for a server that a visitor named."""
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True, repr=False)
    auth: tuple[str, str] | None = field(default=None, kw_only=True, repr=False)
    """User and password for HTTP Basic."""
    largest: int = field(default=LARGEST_ANSWER, kw_only=True)
    connect_seconds: float = field(default=CONNECT_SECONDS, kw_only=True)
    largest_told: int | None = field(default=None, kw_only=True)
    """The most bytes of an answer to GET, where the limit is lower than the usual one."""

    @property
    def address(self) -> str:
        """The base address as people may see it, without password, query and trailing slash."""
        if self.guest:
            return "the address you gave"
        parts = split(self.base)
        host = parts.netloc.rpartition("@")[2]
        return without_secrets(f"{parts.scheme}://{host}{parts.path}".rstrip("/"))

    def get(
        self, path: str = "", *, seconds: float = 20, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Sends a GET. The whole answer must be there within `seconds`."""
        return self.request("GET", path, seconds=seconds, headers=headers)

    def post(
        self,
        path: str = "",
        json: Any = None,
        *,
        seconds: float = 600,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Sends JSON, or a form if there are `files`. The whole answer must be there within
        `seconds`."""
        return self.request("POST", path, json=json, seconds=seconds, headers=headers, files=files)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        seconds: float = 20,
        headers: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Sends one request. `path` is relative to the base address, or a whole address; keys are
        sent only to the server's own host."""
        until = time.monotonic() + seconds
        url = self._url(path)
        for _ in range(5):
            answer = self._once(
                method, url, until, seconds, {"json": json, "files": files}, headers or {}
            )
            if answer.status not in (301, 302, 303, 307, 308) or "Location" not in answer.headers:
                return answer
            onward = self._onward(url, answer.headers["Location"])
            if not self._may_follow(method, answer.status, onward):
                raise BackendBroken(self._sent_on(onward))
            url = onward
        raise BackendBroken(
            f"{self.label} at {self.address} redirects in a circle. Check {self.setting}."
        )

    def lines(
        self, path: str, json: Any, *, silence: float = 60
    ) -> Generator[bytes | Reply, None, None]:
        """Sends a POST and yields the answer line by line as it comes. An answer that is no success
        is yielded as one Reply.

        After `silence` seconds without a byte the server counts as lost. Closing the iterator
        closes the connection.
        """
        from sdplay.http.transport import sent

        with sent(
            self,
            "POST",
            self._url(path),
            silence,
            auth=self._auth(),
            json=json,
            headers=self.headers,
            endless=True,
        ) as answer:
            if answer.status_code != 200:
                until = time.monotonic() + silence
                body = self._body(answer.raw, until, silence, self.largest)
                yield Reply(answer.status_code, answer.headers, body, self.label)
                return
            yield from self._split(answer.raw)

    def _split(self, raw: "BaseHTTPResponse") -> Iterator[bytes]:
        buffer = bytearray()
        while chunk := raw.read1(65536, decode_content=True):
            buffer += chunk
            while (end := buffer.find(b"\n")) >= 0:
                yield bytes(buffer[:end])
                del buffer[: end + 1]
            if len(buffer) > self.largest:
                raise BackendBroken(
                    f"{self.label} sends a line of more than {self.largest // 2**20} MB, which "
                    "is no "
                    "single picture, so it was cut off. Ask for a smaller size."
                )

    def clean(self, text: str) -> str:
        """The text without any key that was given for this server."""
        forms = {form for secret in self.secrets() for form in spellings(secret)}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, BLANK)
        return without_secrets(text)

    def same_host(self, url: str) -> bool:
        """Whether an address belongs to this server. A change from http to https is allowed."""
        ours, theirs = split(self.base), split(url)
        upgraded = (
            (ours.scheme, theirs.scheme) == ("http", "https") and not ours.port and not theirs.port
        )
        same_door = (ours.scheme, port(ours)) == (theirs.scheme, port(theirs))
        return ours.hostname == theirs.hostname and (same_door or upgraded)

    def _url(self, path: str) -> str:
        parts = split(self.base)
        if parts.scheme not in ("http", "https") or not re.fullmatch(
            r"[^\s/\\]+", parts.hostname or ""
        ):
            raise BackendOffline(
                f"{self.setting} is not a web address: {self.clean(self.base)[:80]!r}. "
                "Write it like this: http://127.0.0.1:7860"
            )
        if path.startswith(("http://", "https://")):
            return path
        base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        url = f"{base}/{path.lstrip('/')}" if path else base
        return f"{url}{'&' if '?' in url else '?'}{parts.query}" if parts.query else url

    def _onward(self, url: str, location: str) -> str:
        """The address that a redirect leads to."""
        try:
            return urljoin(url, location)
        except ValueError as error:
            raise BackendBroken(lost_way(self)) from error

    def _sent_on(self, onward: str) -> str:
        sentence = self.clean(f"{self.label} at {self.address} sends us on to {bare(onward)}.")
        if self.guest:
            return f"{sentence} If that is right, give that address instead."
        return f"{sentence} If that is right, put it into {self.setting}."

    def _may_follow(self, method: str, status: int, onward: str) -> bool:
        if self.guest:
            return False
        if method == "GET":
            return onward.startswith(("http://", "https://"))
        return status in (307, 308) and self.same_host(onward)

    def _once(
        self,
        method: str,
        url: str,
        until: float,
        seconds: float,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> Reply:
        from sdplay.http.transport import sent

        ours = self.same_host(url)
        started = time.monotonic()
        with sent(
            self,
            method,
            url,
            seconds,
            max(0.05, until - started),
            auth=self._auth() if ours else None,
            headers={**(self.headers if ours else {}), **headers},
            **body,
        ) as answer:
            largest = self.largest_told if method == "GET" else None
            data = self._body(answer.raw, until, seconds, largest or self.largest)
        return Reply(
            answer.status_code, answer.headers, data, self.label, time.monotonic() - started
        )

    def _body(self, raw: "BaseHTTPResponse", until: float, seconds: float, largest: int) -> bytes:
        buffer = bytearray()
        while chunk := raw.read1(65536, decode_content=True):
            buffer += chunk
            if len(buffer) > largest:
                raise BackendBroken(
                    f"{self.label} sends more than {largest // 2**20} MB, which is no single "
                    "picture, so it was cut off. Ask for a smaller size."
                )
            if time.monotonic() > until:
                raise BackendBroken(too_slow(self, seconds))
        return bytes(buffer)

    def _auth(self) -> tuple[str, str] | None:
        parts = split(self.base)
        if self.auth is None and parts.username:
            return unquote(parts.username), unquote(parts.password or "")
        return self.auth

    def secrets(self) -> set[str]:
        """The texts that nobody may read in what is said about this server."""
        words = [
            word
            for name, value in self.headers.items()
            if name.lower() not in _HARMLESS_HEADERS
            for word in (value, value.split(" ")[-1])
        ]
        user, password = self._auth() or ("", "")
        words += [f"{user}:{password}", password]
        parts = split(self.base)
        words += [value for _, value in parse_qsl(parts.query)]
        if self.guest:  # also where it is, for sentences and receipts may be kept
            words += [
                parts.netloc,
                parts.netloc.rpartition("@")[2],
                *KEY_IN_PATH.findall(parts.path),
            ]
        return {word for word in words if len(word) >= 4}


def picture_bytes(value: Any, wire: Wire) -> bytes:
    """The picture in an answer, which may be bytes, a data URI, a web address or base64. It is
    decoded once as a check."""
    try:
        return checked(_raw_picture(value, wire))
    except NotAPicture as error:
        raise BackendBroken(
            f"The picture from {wire.label} {error}. Try again; if it stays so, look at its "
            "console."
        ) from error


def waiting(seconds: float, message: str) -> Iterator[Progress]:
    """Yields once a second until the time is over, so that closing the generator around it ends the
    wait."""
    until, left = time.monotonic() + seconds, seconds
    while left > 0:
        yield Progress(seconds_left=left, message=f"{message} ({round(left)} s left)")
        time.sleep(min(1.0, max(0.0, until - time.monotonic())))
        left = until - time.monotonic()


def kind_of(value: Any) -> str:
    """A word for what a part of an answer is."""
    words = {
        dict: "an object",
        list: "a list",
        str: "text",
        type(None): "nothing",
        bool: "true or false",
    }
    return words.get(type(value), "a number")


def _raw_picture(value: Any, wire: Wire) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value.strip():
        raise NotAPicture(
            f"is missing (there is {kind_of(value)} in its place)" if value != "" else "is empty"
        )
    if not value.lstrip()[:8].lower().startswith(("http://", "https://")):
        return from_base64(value)
    if wire.same_host(value):
        reply = replace(wire, largest_told=None).get(value.strip(), seconds=60)
        if not reply.ok:
            raise refusal(reply, wire.label, wire.setting, wire.clean)
        return reply.body
    from sdplay.http.fetch import download

    try:
        return download(
            value.strip(),
            allowed=_reachable_from(wire),
            largest=wire.largest,
            seconds=60,
        )
    except BadParams as error:
        raise BackendBroken(
            f"{wire.label} made a picture that could not be fetched. {error}"
        ) from error


def _reachable_from(wire: Wire) -> Callable[[Address], bool]:
    """Which hosts may hold the pictures that a server names. A server in our own network may name
    its neighbours; one on the internet may not."""
    if wire.guest:
        return wire.guest.allowed
    parts = split(wire.base)
    addresses = resolve(parts.hostname or "", port(parts))
    return public if all(map(public, addresses)) else anywhere


def of_guest(wire: Wire, guest: Guest | None) -> Wire:
    """The same server under the rules for guests, if a visitor named it."""
    if guest is None:
        return wire
    return replace(
        wire,
        guest=guest,
        setting="the address",
        key_setting="the key field",
        largest=LARGEST_ANSWER // 2,
        largest_told=LARGEST_TO_GUEST,
    )
