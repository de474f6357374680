"""The most that one request may ask of this process, and who may ask at all."""

import asyncio
import base64
import binascii
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from sdplay.errors import BadParams
from sdplay.params import Params

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
OPEN = ("/health",)
"""Answered without a token: says only whether the process is ready."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class Limits:
    """The largest request that is served."""

    side: int = 2048
    """Longest side in pixels; the picture may have side × side of them."""
    steps: int = 150
    pictures: int = 64
    """Of one request."""
    megabytes: int = 64
    """Of one request's body."""
    letters: int = 20_000
    """Of prompt and negative prompt together."""
    body_seconds: float = 60.0
    """How long a body may take to arrive."""

    def check(self, params: Params) -> Params:
        """The same settings when they are within the limits; otherwise refuses them in a sentence
        that names the limit."""
        largest = max(params.width, params.height) * params.hires_scale
        if largest > self.side:
            raise BadParams(
                f"This process makes pictures of up to {self.side} pixels a side, not {largest:g}."
            )
        if params.steps > self.steps:
            raise BadParams(f"This process takes up to {self.steps} steps, not {params.steps}.")
        letters = len(params.prompt) + len(params.negative)
        if letters > self.letters:
            raise BadParams(
                f"The prompts have {letters:,} letters; this process reads up to {self.letters:,}."
            )
        return params


ORDINARY = Limits()


class Doorman:
    """Checks token and host, and cuts off bodies that are too large, before anything is read."""

    def __init__(
        self, app: App, token: str = "", limits: Limits = ORDINARY, any_host: bool = False
    ) -> None:
        self.app, self.token, self.limits, self.any_host = app, token, limits, any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        if refused := self._refusal(scope["path"], headers):
            await answer(send, *refused)
            return
        await self.app(scope, self._measured(receive), send)

    def _refusal(self, path: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        if self.token and path not in OPEN and not self._knows(headers.get("authorization", "")):
            return 401, "Not authenticated" if "authorization" not in headers else "Incorrect token"
        # Without a token a web page that points its own name at 127.0.0.1 could ask in a visitor's
        # browser.
        if not self.token and not self.any_host and _host(headers.get("host", "")) not in LOOPBACK:
            return 403, "Without a token this process answers only to this machine's own names."
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.limits.megabytes * 2**20:
            return 413, f"The request is larger than {self.limits.megabytes} MB."
        return None

    def _knows(self, header: str) -> bool:
        """Bearer TOKEN, or basic with the token as password or as user:password; compared in
        constant time."""
        kind, _, value = header.partition(" ")
        secrets = [value.strip()]
        if kind.lower() == "basic":
            try:
                pair = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                return False
            secrets = [pair, pair.partition(":")[2]]
        elif kind.lower() != "bearer":
            return False
        right = self.token.encode()
        return any(hmac.compare_digest(secret.encode(), right) for secret in secrets)

    def _measured(self, receive: Receive) -> Receive:
        """Counts a body without a stated length as it comes, and does not wait for one that never
        comes."""
        length, until, whole = 0, time.monotonic() + self.limits.body_seconds, False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal length, whole
            left = None if whole else max(0.0, until - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), left)
            except TimeoutError:
                return {"type": "http.disconnect"}
            whole = whole or not message.get("more_body", False)
            length += len(message.get("body", b""))
            if length > self.limits.megabytes * 2**20:
                return {"type": "http.disconnect"}
            return message

        return counted


def _host(header: str) -> str:
    host, colon, port = header.rpartition(":")
    return host if colon and port.isdigit() and (host.endswith("]") or ":" not in host) else header


async def answer(send: Send, status: int, detail: str) -> None:
    """A whole answer in the shape of A1111's errors."""
    body = json.dumps(
        {"error": "HTTPException", "detail": detail, "body": "", "errors": ""}
    ).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
