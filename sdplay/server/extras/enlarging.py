"""Enlarging as a stream: a line of JSON after every tile, and the large picture at the end."""

import asyncio
import base64
import contextlib
import io
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from sdplay.engine.torch.upscale import Size, Steps
from sdplay.errors import BadParams, PlayError
from sdplay.picture import png_bytes
from sdplay.server.a1111.body import picture_in
from sdplay.server.extras.upscalers import Upscalers
from sdplay.server.limits import Limits

BEAT_SECONDS = 1.0
"""A line comes at least so often, so that whoever reads notices when this process dies."""
Tell = Callable[[dict[str, Any]], None]


class EnlargeBody(BaseModel):
    """A picture, and how it is made larger."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(description="As base64, data URI or public web address.")
    upscaler: str
    factor: float = Field(2.0, gt=0)


def router(upscalers: Upscalers, limits: Limits) -> APIRouter:
    """The one route."""
    routes = APIRouter(prefix="/sdplay/v1", tags=["sdplay"])

    @routes.post("/enlarge", response_class=StreamingResponse)
    async def enlarge(body: EnlargeBody) -> StreamingResponse:
        image, size = await run_in_threadpool(_checked, body, upscalers, limits)

        steps = upscalers.enlarging(image, size, body.upscaler)
        return StreamingResponse(lines(steps), media_type="application/x-ndjson")

    return routes


def check_size(size: Size, limits: Limits) -> None:
    """Refuse a picture that would be larger than this process makes any."""
    if max(size) > 4 * limits.side:
        raise BadParams(
            f"This process enlarges up to {4 * limits.side} pixels a side, not {max(size)}."
        )


def _checked(body: EnlargeBody, upscalers: Upscalers, limits: Limits) -> tuple[Image.Image, Size]:
    upscalers.check(body.upscaler)
    with Image.open(io.BytesIO(picture_in(body.image, "picture"))) as opened:
        image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    width, height = (max(1, round(side * min(body.factor, 1e4))) for side in image.size)
    check_size((width, height), limits)
    return image, (width, height)


async def lines(steps: Steps) -> AsyncIterator[str]:
    """What comes of it, until it is over; whoever stops listening stops the work."""
    loop, gone = asyncio.get_running_loop(), threading.Event()
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(event: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone when the process ends
            loop.call_soon_threadsafe(events.put_nowait, event)

    threading.Thread(target=_work, args=(steps, tell, gone), name="enlarge", daemon=True).start()
    event = {"event": "waiting"}
    try:
        while event["event"] not in ("done", "failed"):
            with contextlib.suppress(TimeoutError):
                event = await asyncio.wait_for(events.get(), BEAT_SECONDS)
            yield json.dumps(event) + "\n"
    finally:
        gone.set()


def _work(steps: Steps, tell: Tell, gone: threading.Event) -> None:
    """Tile by tile, as long as somebody listens; a fault goes on to the log."""
    failure = "The picture could not be enlarged. See the log."  # of whatever kind the fault is
    try:
        with contextlib.closing(steps):
            for step in steps:
                if gone.is_set():
                    break
                tell(_event(step))
        failure = ""
    except PlayError as error:
        failure = str(error)
    finally:
        if failure:
            tell({"event": "failed", "error": failure})


def _event(step: float | Image.Image) -> dict[str, Any]:
    if isinstance(step, Image.Image):
        return {"event": "done", "image": base64.b64encode(png_bytes(step)).decode()}
    return {"event": "step", "share": round(step, 4)}
