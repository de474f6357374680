"""The first question to a visitor's server: does it answer, and what does it speak?"""

from collections.abc import Iterator
from dataclasses import replace

from sdplay.backends import Capabilities
from sdplay.backends.guests.connection import KINDS, Connection
from sdplay.backends.guests.visits import Connected, asked
from sdplay.errors import (
    BackendBroken,
    BackendError,
    BackendLost,
    BackendOffline,
    BackendRefused,
    BadParams,
)
from sdplay.http.address import split
from sdplay.http.wire import Reply, Wire

FIRST_SECONDS = 4.0
RECOGNISED = ("local", "a1111", "cog", "openai-images")
"""Kinds that can be told by what they answer."""
NAMED = ("replicate", "hf-inference")
"""Kinds whose models have names, like owner/name, instead of addresses."""
ANSWERS = ("ready", "busy", "starting")


def tried(connection: Connection, owner: str) -> Connected:
    """The server, after it has said what it is; else a sentence that says what to do."""
    reply = None if connection.kind in NAMED else _first_reply(connection)
    if not connection.kind:
        return _recognised(connection, owner, reply)
    entry = asked(connection, owner)
    if speaks(connection.kind, entry.capabilities) and not _is_lost(connection.kind, reply):
        return entry
    raise BackendRefused(f"{_why_not(entry)}{_hint(connection, owner)}")


def speaks(kind: str, capabilities: Capabilities) -> bool:
    """Whether what it said is what such a server says."""
    if kind == "a1111":
        return capabilities.status in ANSWERS and capabilities.schedulers is not None
    if capabilities.status != "ready":
        return capabilities.status in ANSWERS
    return kind != "openai-images" or capabilities.models is not None


def _first_reply(connection: Connection) -> Reply:
    """Whether anything answers at all, asked where only a local process has something to say."""
    wire = _wire(connection)
    try:
        return wire.get("sdplay/v1/about", seconds=FIRST_SECONDS)
    except BackendOffline:
        raise
    except BackendLost as error:
        raise BackendBroken(
            "The server takes connections, but breaks off without an answer: it may speak "
            "something else than HTTP. Check scheme, host and port, and test again."
        ) from error
    except BackendBroken as error:
        if "sends us on" in str(error):
            raise
        raise BackendBroken(
            f"The server takes connections but has not answered within {FIRST_SECONDS:g} s. It may "
            "be loading a model, or speak something else than HTTP: wait a moment, check the "
            "address, and test again."
        ) from error


def _wire(connection: Connection) -> Wire:
    kind = connection.kind or ("local" if connection.key else "a1111")
    return replace(replace(connection, kind=kind).speaker().wire, label="The server")


def _recognised(connection: Connection, owner: str, reply: Reply | None) -> Connected:
    """What answers like one of the kinds that can be told; a wrong key is told at once."""
    refused: Connected | None = None
    for entry in _candidates(connection, owner):
        if speaks(entry.connection.kind, entry.capabilities):
            return entry
        if entry.capabilities.status == "unauthorised":
            refused = refused or entry
    if refused or (reply and reply.status in (401, 403)):
        raise BackendRefused(
            "The server does not let us in: "
            + ("check the key." if connection.key else "it asks for a key.")
            + " An A1111 server wants user:password."
        )
    raise BackendRefused(
        "Something answers at the address you gave, but it speaks none of the APIs that can be "
        "told apart. Start A1111 or Forge with --api, or choose its kind."
        f"{_root_hint(connection, owner)}"
    )


def _candidates(connection: Connection, owner: str) -> Iterator[Connected]:
    for kind in RECOGNISED:
        try:
            yield asked(replace(connection, kind=kind), owner)
        except BadParams:
            continue  # no address of that kind


def _is_lost(kind: str, reply: Reply | None) -> bool:
    """Whether a kind that tells nothing of itself surely is not there: nothing but web pages."""
    return kind == "octoai" and reply is not None and reply.is_page


def _why_not(entry: Connected) -> str:
    capabilities = entry.capabilities
    if capabilities.status != "ready" and capabilities.message:
        return capabilities.message
    label = KINDS[entry.connection.kind].label
    return (
        f"Something answers at the address you gave, but not like any {label}. Check host, port "
        "and path, or choose another kind."
    )


def _hint(connection: Connection, owner: str) -> str:
    """What it is instead, where that can be told."""
    if connection.kind in NAMED:
        return ""
    for entry in _candidates(connection, owner):
        kind = entry.connection.kind
        if kind != connection.kind and speaks(kind, entry.capabilities):
            return f" It answers like this kind: {KINDS[kind].label}."
    return _root_hint(connection, owner)


def _root_hint(connection: Connection, owner: str) -> str:
    """Whether the path is what is wrong."""
    parts = split(connection.url)
    if parts.path in ("", "/"):
        return ""
    root = replace(connection, url=f"{parts.scheme}://{parts.netloc}")
    try:
        found = any(
            speaks(entry.connection.kind, entry.capabilities) for entry in _candidates(root, owner)
        )
    except BackendError:
        return ""
    return f" Leave out the path {parts.path}: an API answers without it." if found else ""
