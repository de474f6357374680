"""A1111's routes, so that every client of A1111 can use this process.  Progress and cancel belong
to the asker."""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from sdplay import __version__
from sdplay.errors import BackendRefused
from sdplay.metadata import infotext, parse_infotext, png, read
from sdplay.picture import png_bytes
from sdplay.server.a1111.body import (
    NoStartImage,
    Processing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    picture_in,
    picture_requests,
)
from sdplay.server.a1111.lists import control, lists
from sdplay.server.a1111.upscale import upscaling
from sdplay.server.limits import Limits
from sdplay.server.queue import Queue, Ticket
from sdplay.server.render import Rendered


@dataclass(frozen=True)
class Caller:
    """Who asks, as far as a request tells: clients at one address are told apart by their sign-in
    and their program."""

    address: str
    sign_in: str
    program: str


@dataclass(eq=False)
class Batch:
    """One request under way: its pictures belong together."""

    client: Caller
    task: str
    """The name that its sender gave it: whoever does not know it cannot stop it."""
    tickets: list[Ticket]
    born: str = field(default_factory=lambda: time.strftime("%Y%m%d%H%M%S"))

    @property
    def over(self) -> bool:
        return all(ticket.over for ticket in self.tickets)

    @property
    def waits(self) -> bool:
        return all(ticket.state == "queued" for ticket in self.tickets)

    @property
    def fraction(self) -> float:
        done = [
            1.0 if ticket.over else ticket.step.step / max(1, ticket.step.steps)
            for ticket in self.tickets
        ]
        return min(0.99, 0.01 + sum(done) / len(done))

    @property
    def now(self) -> Ticket:
        """The picture that is being made, or the last one when all are done."""
        return next(
            (ticket for ticket in self.tickets if ticket.state == "running"), self.tickets[-1]
        )

    def forget(self) -> None:
        """Drop the pictures of a request that was answered; its counts are still asked for."""
        for ticket in self.tickets:
            ticket.rendered, ticket.step = None, replace(ticket.step, preview=None)


class TaskQuestion(BaseModel):
    """A question about one request, by the name its sender gave it."""

    id_task: str = ""
    id_live_preview: int | None = -1
    live_preview: bool | None = True


class PNGInfoRequest(BaseModel):
    image: str


class Ambiguous(BackendRefused):
    """Nobody can tell which request is meant."""


class Requests:
    """The requests under way, and the last ones."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.all: deque[Batch] = deque(maxlen=1000)

    def of(self, client: Caller) -> Batch | None:
        """The request that this client has waited for the longest, or else its last one."""
        own = [batch for batch in self.all if batch.client == client]
        return next((batch for batch in own if not batch.over), own[-1] if own else None)

    def to_stop(self, client: Caller, name: str) -> Batch | None:
        """The request of that name, or the only one without a name that this caller waits for."""
        if name:
            return self.task(name)
        own = [
            batch
            for batch in self.all
            if batch.client == client and not batch.task and not batch.over
        ]
        if len(own) > 1:
            raise Ambiguous(
                f"{len(own)} requests without a name come from here. Give each a force_task_id, "
                "and stop one by it: /sdapi/v1/interrupt?id_task=NAME."
            )
        return own[0] if own else None

    def task(self, name: str) -> Batch | None:
        return next((batch for batch in reversed(self.all) if name and batch.task == name), None)

    async def finished(self, batch: Batch, request: Request) -> None:
        """Wait until all its pictures are over; a client that leaves stops them."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone when the process ends
                loop.call_soon_threadsafe(changed.set)

        try:
            with contextlib.ExitStack() as stack:
                for ticket in batch.tickets:
                    stack.enter_context(ticket.watched(tell))
                while not batch.over and not await request.is_disconnected():
                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), 1.0)
        finally:
            for ticket in batch.tickets:
                if not ticket.over:
                    self.queue.cancel(ticket)


def router(queue: Queue, limits: Limits) -> APIRouter:
    """The routes under /sdapi/v1, and A1111's question about one task."""
    routes = APIRouter()
    requests = Requests(queue)
    _add_making(routes, queue, limits, requests)
    _add_watching(routes, queue, requests)
    routes.include_router(lists(queue.models))
    routes.include_router(control(queue.models))
    routes.include_router(upscaling(queue.models.upscalers, limits))
    return routes


def _add_making(routes: APIRouter, queue: Queue, limits: Limits, requests: Requests) -> None:
    async def make(body: Processing, request: Request) -> Response:
        started, client = time.perf_counter(), _client(request)
        try:
            pictures = await run_in_threadpool(picture_requests, body, limits, client.address)
        except NoStartImage as error:
            return JSONResponse(
                {"error": "HTTPException", "detail": str(error), "body": "", "errors": ""}, 404
            )
        batch = Batch(client, body.force_task_id or "", queue.submit(*pictures))
        requests.all.append(batch)
        try:
            await requests.finished(batch, request)
            errors = [ticket.error for ticket in batch.tickets if ticket.error]
            if errors:
                raise errors[0]
            rendered = [ticket.rendered for ticket in batch.tickets if ticket.rendered]
            answer = await run_in_threadpool(_answer, body, rendered)
        finally:
            batch.forget()
        return JSONResponse(
            answer, headers={"X-Process-Time": f"{time.perf_counter() - started:.4f}"}
        )

    @routes.post("/sdapi/v1/txt2img", tags=["a1111"])
    async def txt2img(body: StableDiffusionProcessingTxt2Img, request: Request) -> Response:
        return await make(body, request)

    @routes.post("/sdapi/v1/img2img", tags=["a1111"])
    async def img2img(body: StableDiffusionProcessingImg2Img, request: Request) -> Response:
        return await make(body, request)

    @routes.post("/sdapi/v1/png-info", tags=["a1111"])
    def png_info(body: PNGInfoRequest) -> dict[str, Any]:
        text = read(picture_in(body.image, "picture")).text
        items = parse_infotext(text) if text else {}
        return {"info": text, "items": {"parameters": text} if text else {}, "parameters": items}


def _add_watching(routes: APIRouter, queue: Queue, requests: Requests) -> None:
    @routes.get("/sdapi/v1/progress", tags=["a1111"])
    def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        batch = requests.of(_client(request))
        if batch is None or batch.over:
            return {
                "progress": 0.0,
                "eta_relative": 0.0,
                "state": _state(batch),
                "current_image": None,
                "textinfo": None,
            }
        image = None if skip_current_image else _preview(batch.now)
        return {
            "progress": batch.fraction,
            "eta_relative": batch.now.step.seconds_left or 0.0,
            "state": _state(batch),
            "current_image": image,
            "textinfo": _queued(queue, batch) or None,
        }

    @routes.post("/internal/progress", tags=["a1111"])
    def task(question: TaskQuestion) -> dict[str, Any]:
        batch = requests.task(question.id_task)
        active = batch is not None and not batch.over and not batch.waits
        image = _preview(batch.now) if batch and active and question.live_preview else None
        return {
            "active": active,
            "queued": batch is not None and batch.waits and not batch.over,
            "completed": batch is not None and batch.over,
            "progress": batch.fraction if batch and active else None,
            "eta": batch.now.step.seconds_left if batch and active else None,
            "live_preview": f"data:image/png;base64,{image}" if image else None,
            "id_live_preview": -1,
            "textinfo": _queued(queue, batch) if batch else "Waiting...",
        }

    @routes.post("/sdapi/v1/interrupt", tags=["a1111"])
    def interrupt(request: Request, id_task: str = "") -> dict[str, Any]:
        batch = requests.to_stop(_client(request), id_task)
        for ticket in batch.tickets if batch and not batch.over else ():
            queue.cancel(ticket)
        return {}

    @routes.post("/sdapi/v1/skip", tags=["a1111"])
    def skip(request: Request, id_task: str = "") -> None:
        batch = requests.to_stop(_client(request), id_task)
        if batch and not batch.over:
            queue.cancel(batch.now)


def _client(request: Request) -> Caller:
    headers = request.headers
    address = request.client.host if request.client else ""
    sign_in = hashlib.sha256(headers.get("authorization", "").encode()).hexdigest()
    return Caller(address, sign_in, headers.get("user-agent", ""))


def _queued(queue: Queue, batch: Batch) -> str:
    if not batch.waits:
        return ""
    ahead = min(queue.ahead(ticket) for ticket in batch.tickets)
    return f"In queue: {ahead + 1}/{max(ahead + 1, len(queue.tickets))}"


def _state(batch: Batch | None) -> dict[str, Any]:
    over = batch is None or batch.over
    step = batch.now.step if batch else None
    stopped = batch is not None and any(ticket.stop.is_set() for ticket in batch.tickets)
    return {
        "skipped": False,
        "interrupted": stopped,
        "stopping_generation": False,
        "job": "" if over else "Batch",
        "job_count": 0 if batch is None or over else (-1 if batch.waits else len(batch.tickets)),
        "job_timestamp": batch.born if batch else "0",
        "job_no": sum(ticket.over for ticket in batch.tickets) if batch and not over else 0,
        "sampling_step": step.step if step else 0,
        "sampling_steps": step.steps if step else 0,
    }


def _preview(ticket: Ticket) -> str | None:
    preview = ticket.step.preview
    if preview is None:
        return None
    with Image.open(io.BytesIO(preview(False))) as opened:
        return _text(png_bytes(opened))


def _answer(body: Processing, finished: list[Rendered]) -> dict[str, Any]:
    texts = [
        infotext(result.params.with_(model=""), model=result.model, version=f"sdplay {__version__}")
        for result in finished
    ]
    images = [
        _text(png.with_texts(png_bytes(result.image), {"parameters": text}))
        for result, text in zip(finished, texts, strict=True)
    ]
    echo = body.model_dump() | {"init_images": None, "mask": None}
    return {
        "images": images if body.send_images is not False else [],
        "parameters": echo,
        "info": json.dumps(_info(finished, texts)),
    }


def _info(finished: list[Rendered], texts: list[str]) -> dict[str, Any]:
    if not finished:
        return {
            "all_seeds": [],
            "infotexts": [],
            "index_of_first_image": 0,
            "version": f"sdplay {__version__}",
        }
    first, params = finished[0], finished[0].params
    fields = parse_infotext(texts[0])
    name, _, mark = first.model.rstrip("]").partition(" [")
    return {
        "prompt": params.prompt,
        "all_prompts": [result.params.prompt for result in finished],
        "negative_prompt": params.negative,
        "all_negative_prompts": [result.params.negative for result in finished],
        "seed": params.seed,
        "all_seeds": [result.params.seed for result in finished],
        "subseed": params.variation_seed,
        "all_subseeds": [result.params.variation_seed for result in finished],
        "subseed_strength": params.variation_strength,
        "width": first.image.width,
        "height": first.image.height,
        "sampler_name": fields.get("Sampler", ""),
        "cfg_scale": params.cfg,
        "steps": params.steps,
        "batch_size": len(finished),
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": name,
        "sd_model_hash": mark,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": params.strength if params.init else None,
        "extra_generation_params": {"Schedule type": fields.get("Schedule type", "Automatic")},
        "index_of_first_image": 0,
        "infotexts": texts,
        "styles": [],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
        "clip_skip": params.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": f"sdplay {__version__}",
        "warnings": list(
            dict.fromkeys(warning for result in finished for warning in result.warnings)
        ),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
