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
from sdplay.server.a1111_body import (
    NoStartImage,
    Processing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
    picture_in,
    wishes,
)
from sdplay.server.a1111_lists import control, lists
from sdplay.server.a1111_upscale import upscaling
from sdplay.server.desk import Desk, Ticket
from sdplay.server.limits import Limits
from sdplay.server.paint import Painted


@dataclass(frozen=True)
class Caller:
    """Who asks, as far as a request tells: clients behind one address are told apart by their
    sign-in and their program."""

    address: str
    sign_in: str
    program: str


@dataclass(eq=False)
class Asked:
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
            1.0 if each.over else each.step.step / max(1, each.step.steps) for each in self.tickets
        ]
        return min(0.99, 0.01 + sum(done) / len(done))

    @property
    def now(self) -> Ticket:
        """The picture that is being made; the last one when all are."""
        return next(
            (ticket for ticket in self.tickets if ticket.state == "running"), self.tickets[-1]
        )

    def forget(self) -> None:
        """The answer is on its way: keep the numbers, not the pictures."""
        for ticket in self.tickets:
            ticket.painted, ticket.step = None, replace(ticket.step, preview=None)


class TaskAsked(BaseModel):
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

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.all: deque[Asked] = deque(maxlen=1000)

    def of(self, client: Caller) -> Asked | None:
        """What this client waits for longest, else its last request."""
        own = [asked for asked in self.all if asked.client == client]
        return next((asked for asked in own if not asked.over), own[-1] if own else None)

    def to_stop(self, client: Caller, name: str) -> Asked | None:
        """The request of that name, or the only one without a name that this caller waits for."""
        if name:
            return self.task(name)
        own = [
            asked
            for asked in self.all
            if asked.client == client and not asked.task and not asked.over
        ]
        if len(own) > 1:
            raise Ambiguous(
                f"{len(own)} requests without a name come from here. Give each a force_task_id, "
                "and stop one by it: /sdapi/v1/interrupt?id_task=NAME."
            )
        return own[0] if own else None

    def task(self, name: str) -> Asked | None:
        return next((asked for asked in reversed(self.all) if name and asked.task == name), None)

    async def made(self, asked: Asked, request: Request) -> None:
        """Wait until all its pictures are over; a client that leaves stops them."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone when the process ends
                loop.call_soon_threadsafe(changed.set)

        try:
            with contextlib.ExitStack() as stack:
                for ticket in asked.tickets:
                    stack.enter_context(ticket.watched(tell))
                while not asked.over and not await request.is_disconnected():
                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), 1.0)
        finally:
            for ticket in asked.tickets:
                if not ticket.over:
                    self.desk.cancel(ticket)


def router(desk: Desk, limits: Limits) -> APIRouter:
    """The routes under /sdapi/v1, and A1111's question about one task."""
    routes = APIRouter()
    requests = Requests(desk)
    _add_making(routes, desk, limits, requests)
    _add_watching(routes, desk, requests)
    routes.include_router(lists(desk.shelf))
    routes.include_router(control(desk.shelf))
    routes.include_router(upscaling(desk.shelf.upscalers, limits))
    return routes


def _add_making(routes: APIRouter, desk: Desk, limits: Limits, requests: Requests) -> None:
    async def make(body: Processing, request: Request) -> Response:
        began, client = time.perf_counter(), _client(request)
        try:
            wanted = await run_in_threadpool(wishes, body, limits, client.address)
        except NoStartImage as error:
            return JSONResponse(
                {"error": "HTTPException", "detail": str(error), "body": "", "errors": ""}, 404
            )
        asked = Asked(client, body.force_task_id or "", desk.submit(*wanted))
        requests.all.append(asked)
        try:
            await requests.made(asked, request)
            errors = [ticket.error for ticket in asked.tickets if ticket.error]
            if errors:
                raise errors[0]
            painted = [ticket.painted for ticket in asked.tickets if ticket.painted]
            answer = await run_in_threadpool(_answer, body, painted)
        finally:
            asked.forget()
        return JSONResponse(
            answer, headers={"X-Process-Time": f"{time.perf_counter() - began:.4f}"}
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


def _add_watching(routes: APIRouter, desk: Desk, requests: Requests) -> None:
    @routes.get("/sdapi/v1/progress", tags=["a1111"])
    def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        asked = requests.of(_client(request))
        if asked is None or asked.over:
            return {
                "progress": 0.0,
                "eta_relative": 0.0,
                "state": _state(asked),
                "current_image": None,
                "textinfo": None,
            }
        image = None if skip_current_image else _preview(asked.now)
        return {
            "progress": asked.fraction,
            "eta_relative": asked.now.step.seconds_left or 0.0,
            "state": _state(asked),
            "current_image": image,
            "textinfo": _queued(desk, asked) or None,
        }

    @routes.post("/internal/progress", tags=["a1111"])
    def task(question: TaskAsked) -> dict[str, Any]:
        asked = requests.task(question.id_task)
        active = asked is not None and not asked.over and not asked.waits
        image = _preview(asked.now) if asked and active and question.live_preview else None
        return {
            "active": active,
            "queued": asked is not None and asked.waits and not asked.over,
            "completed": asked is not None and asked.over,
            "progress": asked.fraction if asked and active else None,
            "eta": asked.now.step.seconds_left if asked and active else None,
            "live_preview": f"data:image/png;base64,{image}" if image else None,
            "id_live_preview": -1,
            "textinfo": _queued(desk, asked) if asked else "Waiting...",
        }

    @routes.post("/sdapi/v1/interrupt", tags=["a1111"])
    def interrupt(request: Request, id_task: str = "") -> dict[str, Any]:
        asked = requests.to_stop(_client(request), id_task)
        for ticket in asked.tickets if asked and not asked.over else ():
            desk.cancel(ticket)
        return {}

    @routes.post("/sdapi/v1/skip", tags=["a1111"])
    def skip(request: Request, id_task: str = "") -> None:
        asked = requests.to_stop(_client(request), id_task)
        if asked and not asked.over:
            desk.cancel(asked.now)


def _client(request: Request) -> Caller:
    headers = request.headers
    address = request.client.host if request.client else ""
    sign_in = hashlib.sha256(headers.get("authorization", "").encode()).hexdigest()
    return Caller(address, sign_in, headers.get("user-agent", ""))


def _queued(desk: Desk, asked: Asked) -> str:
    if not asked.waits:
        return ""
    ahead = min(desk.ahead(ticket) for ticket in asked.tickets)
    return f"In queue: {ahead + 1}/{max(ahead + 1, len(desk.tickets))}"


def _state(asked: Asked | None) -> dict[str, Any]:
    over = asked is None or asked.over
    step = asked.now.step if asked else None
    stopped = asked is not None and any(ticket.stop.is_set() for ticket in asked.tickets)
    return {
        "skipped": False,
        "interrupted": stopped,
        "stopping_generation": False,
        "job": "" if over else "Batch",
        "job_count": 0 if asked is None or over else (-1 if asked.waits else len(asked.tickets)),
        "job_timestamp": asked.born if asked else "0",
        "job_no": sum(ticket.over for ticket in asked.tickets) if asked and not over else 0,
        "sampling_step": step.step if step else 0,
        "sampling_steps": step.steps if step else 0,
    }


def _preview(ticket: Ticket) -> str | None:
    preview = ticket.step.preview
    if preview is None:
        return None
    with Image.open(io.BytesIO(preview())) as opened:
        return _text(png_bytes(opened))


def _answer(body: Processing, made: list[Painted]) -> dict[str, Any]:
    texts = [
        infotext(each.params.with_(model=""), model=each.model, version=f"sdplay {__version__}")
        for each in made
    ]
    images = [
        _text(png.with_texts(png_bytes(each.image), {"parameters": text}))
        for each, text in zip(made, texts, strict=True)
    ]
    echo = body.model_dump() | {"init_images": None, "mask": None}
    return {
        "images": images if body.send_images is not False else [],
        "parameters": echo,
        "info": json.dumps(_info(made, texts)),
    }


def _info(made: list[Painted], texts: list[str]) -> dict[str, Any]:
    if not made:
        return {
            "all_seeds": [],
            "infotexts": [],
            "index_of_first_image": 0,
            "version": f"sdplay {__version__}",
        }
    first, params = made[0], made[0].params
    told = parse_infotext(texts[0])
    name, _, mark = first.model.rstrip("]").partition(" [")
    return {
        "prompt": params.prompt,
        "all_prompts": [each.params.prompt for each in made],
        "negative_prompt": params.negative,
        "all_negative_prompts": [each.params.negative for each in made],
        "seed": params.seed,
        "all_seeds": [each.params.seed for each in made],
        "subseed": params.variation_seed,
        "all_subseeds": [each.params.variation_seed for each in made],
        "subseed_strength": params.variation_strength,
        "width": first.image.width,
        "height": first.image.height,
        "sampler_name": told.get("Sampler", ""),
        "cfg_scale": params.cfg,
        "steps": params.steps,
        "batch_size": len(made),
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": name,
        "sd_model_hash": mark,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": params.strength if params.init else None,
        "extra_generation_params": {"Schedule type": told.get("Schedule type", "Automatic")},
        "index_of_first_image": 0,
        "infotexts": texts,
        "styles": [],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S"),
        "clip_skip": params.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": f"sdplay {__version__}",
        "warnings": list(dict.fromkeys(warning for each in made for warning in each.warnings)),
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
