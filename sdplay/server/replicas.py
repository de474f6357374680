"""Many replicas of the application on Ray Serve, one a card, behind one router.

The router is ours because what belongs together must meet the same replica for certain: a sweep's
cells share U-Net calls there, a cancel must find its job, and A1111's progress is its asker's.
Serve's own routing makes that only likely.  So every replica is a deployment of its own, reached by
its handle, and Serve starts it again when it dies.

It also sends a request again when its replica died.  The same settings make the same picture,
so nothing is changed by that, and here it serves every client alike: neither the page nor A1111's
clients notice more than progress that begins again.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import parse_qs

import torch

from sdplay.errors import BadParams
from sdplay.server.app import build
from sdplay.server.limits import Limits, Message, Receive, Scope, Send, answer
from sdplay.server.models import Machine, Models
from sdplay.server.queue import Queue

LOG = logging.getLogger(__name__)
JOB_NAMES = ("id", "force_task_id", "id_task")
LIVES = 3
"""Replicas that one request may lose; after so many it is taken for the reason."""
PICTURES = "/sdplay/v1/pictures"
MAKING = (PICTURES, "/sdapi/v1/txt2img", "/sdapi/v1/img2img")
OPTIONS = "/sdapi/v1/options"
FOR_ALL = (
    OPTIONS,
    *(
        f"/sdapi/v1/{name}"
        for name in ("refresh-checkpoints", "refresh-loras", "unload-checkpoint")
    ),
)
"""Posted to every replica."""
SCOPE_KEYS = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
)
"""What of a request's scope travels: the rest are objects of the web server's."""
ALONE = {
    # Ray's word for: one machine only, so it listens to that one alone
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # On a busy machine its own processes begin slowly; it kills one that takes longer, and hangs.
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_worker_register_timeout_seconds": "600",
}
"""Ray's ports run any code for those who reach them, and by default it reports its use to its
makers."""


class Lost(Exception):
    """A replica died in the middle of its answer."""


class Slot(Protocol):
    """How to reach one replica."""

    name: str

    def ask(self, scope: Scope, body: bytes) -> AsyncGenerator[Message, None]:
        """The answer as it comes; closing it hangs up.  Raises Lost."""


class Replica:
    """The application of one process, asked through Ray instead of a socket."""

    def __init__(
        self,
        sources: Sequence[str],
        machine: Machine,
        at_once: int,
        waiting: int,
        limits: Limits,
        replicas: int,
    ) -> None:
        queue = Queue(Models(sources, machine), at_once=at_once, most_waiting=waiting)
        self.app = build(queue, limits=limits, any_host=True, replicas=replicas)

    async def ask(self, scope: Scope, body: bytes) -> AsyncGenerator[Message, None]:
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return unread.pop() if unread else await asyncio.Future()

        running = asyncio.create_task(self.app(scope, receive, messages.put))
        running.add_done_callback(lambda _: messages.put_nowait(None))
        try:
            while message := await messages.get():
                yield message
        finally:
            running.cancel()  # who hangs up stops the job
            await asyncio.wait([running])


class RaySlot:
    """A replica's handle at Ray Serve."""

    def __init__(self, name: str, handle: Any) -> None:
        self.name, self.handle = name, handle.options(stream=True)

    async def ask(self, scope: Scope, body: bytes) -> AsyncGenerator[Message, None]:
        from ray.exceptions import RayActorError

        messages = self.handle.ask.remote(
            {key: scope[key] for key in SCOPE_KEYS if key in scope}, body
        )
        try:
            async for message in messages:
                yield message
        except RayActorError as error:
            raise Lost(self.name) from error
        finally:
            messages.cancel()


class Incoming:
    """One incoming request, and what it belongs to."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope, self.body = scope, body
        self.path: str = scope["path"]
        self.posted = scope["method"] == "POST"
        self.makes = self.posted and self.path in MAKING
        self.slot: Slot | None = None
        self.fields = _json_object(body) if self.posted else {}
        self.client = (scope.get("client") or ("",))[0]
        self.group = str(self.fields.get("group") or "")
        self.job = (
            next((str(self.fields[name]) for name in JOB_NAMES if self.fields.get(name)), "")
            or self._named()
        )

    def _named(self) -> str:
        """The job that a watching or cancelling request's address names."""
        if self.path.startswith(f"{PICTURES}/"):
            return self.path.split("/")[4]
        query: bytes = self.scope["query_string"]
        return parse_qs(query.decode("latin-1")).get("id_task", [""])[0]

    def follows(self, incoming: "Incoming") -> bool:
        """Whether this request must meet the replica that has the other one."""
        if self.makes:
            return bool(self.group) and self.group == incoming.group
        return self.job == incoming.job if self.job else self.client == incoming.client


class Router:
    """Sends every request to a replica, and to another one when the first one died."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots = slots
        self.under_way: list[Incoming] = []
        """Pictures being made, the oldest first."""
        self.down: dict[Slot, asyncio.Task[None]] = {}
        """Replicas that died, until they are back."""
        self._options: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        if body is None:
            return
        incoming = Incoming(scope, body)
        serve = (
            self._serve_everywhere if incoming.posted and incoming.path in FOR_ALL else self._serve
        )
        serving, leaving = (
            asyncio.create_task(serve(incoming, send)),
            asyncio.create_task(_left(receive)),
        )
        await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    async def _serve(self, incoming: Incoming, send: Send) -> None:
        begun = False
        for _ in range(LIVES):
            slot = incoming.slot = self._slot(incoming)
            self.under_way += [incoming] if incoming.makes else []
            head: Message = {}
            try:
                async with aclosing(slot.ask(incoming.scope, incoming.body)) as messages:
                    async for message in messages:
                        if message["type"] == "http.response.start":
                            signed = (b"sdplay-replica", slot.name.encode())
                            head = {**message, "headers": [*message["headers"], signed]}
                            continue
                        if (
                            not begun
                        ):  # held back until here: an answer that was lost before can begin anew
                            await send(head)
                            begun = True
                        await send(message)
                return
            except Lost:
                self._mend(slot)
            finally:
                self.under_way = [other for other in self.under_way if other is not incoming]
        await _give_up(incoming, send, begun)

    async def _serve_everywhere(self, incoming: Incoming, send: Send) -> None:
        """Send a request that sets or refreshes something to every replica; the first answer
        stands for all."""
        answers = []
        for slot in self._up():
            try:
                answers.append(await _answer(slot, incoming.scope, incoming.body))
            except Lost:
                self._mend(slot)
        if not answers:
            await _give_up(incoming, send, False)
            return
        if incoming.path == OPTIONS and answers[0][0]["status"] == 200:
            self._options |= incoming.fields
        for message in answers[0]:
            await send(message)

    def _up(self) -> Sequence[Slot]:
        """The replicas that are alive; all of them where none is, for one will be started anew."""
        return [slot for slot in self.slots if slot not in self.down] or self.slots

    def _slot(self, incoming: Incoming) -> Slot:
        """The replica that belongs to this request, or else the one with the least to do."""
        up, busy = self._up(), Counter(other.slot.name for other in self.under_way if other.slot)
        kin = (
            other.slot for other in self.under_way if other.slot in up and incoming.follows(other)
        )
        return next(kin, None) or min(up, key=lambda slot: busy[slot.name])

    def _mend(self, slot: Slot) -> None:
        if slot not in self.down:
            LOG.warning("%s died; its pictures are made again.", slot.name)
            self.down[slot] = asyncio.create_task(self._welcome(slot))

    async def _welcome(self, slot: Slot) -> None:
        """Wait until Serve has started it again, and tell it the options that the others were
        told."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": OPTIONS,
            "raw_path": OPTIONS.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-type", b"application/json")],
        }
        while slot in self.down:
            try:
                await _answer(slot, scope, json.dumps(self._options).encode())
                del self.down[slot]
            except Lost:
                await asyncio.sleep(0.5)


async def _answer(slot: Slot, scope: Scope, body: bytes) -> list[Message]:
    return [message async for message in slot.ask(scope, body)]


async def _give_up(incoming: Incoming, send: Send, begun: bool) -> None:
    sentence = (
        f"{LIVES} replicas in a row died over this request, so it was given up. Their log says "
        "why; a smaller size "
        "may help."
    )
    if not begun:
        await answer(send, 500, sentence)
        return
    line = json.dumps({"event": "failed", "job": incoming.job, "error": sentence}) + "\n"
    await send({"type": "http.response.body", "body": line.encode()})


async def _whole(receive: Receive) -> bytes | None:
    """The request's body; None when its sender left.  The doorman has limited it."""
    body, is_more_to_come = bytearray(), True
    while is_more_to_come:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        is_more_to_come = message.get("more_body", False)
    return bytes(body)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; an empty one when there is none, which the replica then
    judges."""
    try:
        fields = json.loads(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


@contextmanager
def serve_replicas(queue: Queue, limits: Limits, count: int) -> Iterator[Router]:
    """The router to so many processes with a queue like this one, each on a card of its own; Ray
    ends with it."""
    models = queue.models
    share = _share(models.device, count)
    # Ray gives each replica one card, which is the first and only one it sees.
    machine = replace(models.machine, device=models.device.partition(":")[0])
    os.environ.update(ALONE, RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise BadParams(
            f"Many replicas need Ray: pip install '.[local,ray]' ({error.name} is missing)."
        ) from error
    ray.init(
        address="local",
        include_dashboard=False,
        object_store_memory=2**28,
        num_cpus=max(1, count * share["num_cpus"]),
        logging_level=logging.WARNING,
    )
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    try:
        quiet = {"log_level": "WARNING", "enable_access_log": False}
        serve.start(proxy_location="Disabled", logging_config=quiet)
        deployed = serve.deployment(Replica).options(
            ray_actor_options=share,
            max_ongoing_requests=10_000,
            health_check_period_s=2,
            logging_config=quiet,
            graceful_shutdown_timeout_s=1,
            graceful_shutdown_wait_loop_s=0.1,
        )
        names = [f"replica-{at}" for at in range(count)]
        bound = deployed.bind(
            models.sources, machine, queue.at_once, queue.most_waiting, limits, count
        )
        targets = [
            serve.RunTarget(bound, name=name, route_prefix=None, logging_config=quiet)
            for name in names
        ]
        yield Router(
            [
                RaySlot(name, handle)
                for name, handle in zip(names, serve.run_many(targets), strict=True)
            ]
        )
    finally:
        serve.shutdown()
        ray.shutdown()


def _share(device: str, count: int) -> dict[str, int]:
    """The share of the machine that one replica gets."""
    if not device.startswith("cuda"):
        return {"num_cpus": max(1, (os.cpu_count() or 1) // count)}
    cards = torch.cuda.device_count()
    if count > cards:
        raise BadParams(
            f"There are {cards} cards here, so --ray can be {cards} at most, not {count}."
        )
    return {"num_cpus": 0, "num_gpus": 1}
