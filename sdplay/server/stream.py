"""Our own API: one request per picture, answered with a line of JSON for every thing that happens
to it."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from sdplay import __version__
from sdplay.backends import Capabilities
from sdplay.backends.decode import NotAPicture, checked, from_base64
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.picture import png_bytes
from sdplay.server.a1111_body import texts_in, writable
from sdplay.server.addons import marks
from sdplay.server.desk import Desk, Ticket
from sdplay.server.limits import Limits
from sdplay.server.paint import Painted
from sdplay.server.shelf import Shelf
from sdplay.server.wish import CONTROL_MODULES, SCHEDULERS_HERE, Wish, hires_upscalers

BEAT_SECONDS = 1.0
"""A line comes at least so often, so that whoever reads notices when this process dies."""
PREVIEW_SECONDS = 0.3
FEATURES = (
    "negative",
    "seed",
    "steps",
    "cfg",
    "scheduler",
    "size",
    "models",
    "img2img",
    "inpaint",
    "mask_blur",
    "variation",
    "eta",
    "clip_skip",
    "hires",
    "refiner",
    "progress",
    "preview",
    "cancel",
    "frames",
    "upscale",
    "payload",
)


class Wanted(BaseModel):
    """One picture, in our own setting names."""

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = Field(
        description="Our settings; what is left out stands at its default."
    )
    images: dict[str, str] = Field(
        {}, description="Base64 by the name that the settings give them: sha256:…"
    )
    id: str = Field(
        "", pattern=r"^[\w-]{0,64}$", description="A name for this job, to cancel it by."
    )
    owner: str = Field("", max_length=100, description="Owners take turns.")
    group: str = Field(
        "",
        max_length=100,
        description="Pictures that belong together, as a sweep's cells: of many "
        "replicas one makes them all.",
    )
    urgent: bool = Field(True, description="False for a sweep's cells: people's pictures go first.")
    previews: bool = True
    frames: bool = False


def router(desk: Desk, limits: Limits, replicas: int = 1) -> APIRouter:
    """The routes under /sdplay/v1; what they tell is of all replicas together."""
    routes = APIRouter(prefix="/sdplay/v1", tags=["sdplay"])

    @routes.get("/about")
    def about() -> dict[str, Any]:
        shelf = desk.shelf
        models = list(shelf.models.values())
        device = f"{replicas} × {shelf.device}" if replicas > 1 else shelf.device
        return {
            "version": f"sdplay {__version__}",
            "model": shelf.named("").title,
            "loaded": shelf.loaded,
            "failure": shelf.failure,
            "device": device,
            "models": [model.title for model in models],
            "versions": {
                name: shelf.version(model) for model in models for name in (model.name, model.title)
            },
            "schedulers": _schedulers(shelf),
            "features": features(shelf),
            "upscalers": list(shelf.upscalers.names),
            "hires_upscalers": list(hires_upscalers(shelf)),
            "control_models": list(shelf.nets),
            "control_modules": list(CONTROL_MODULES),
            "addons": marks({**shelf.embeddings, **shelf.loras}),
            "size": shelf.native,
            "loras": list(shelf.loras),
            "embeddings": list(shelf.embeddings),
            "limits": {"side": limits.side, "steps": limits.steps},
            "exact": shelf.machine.exact,
            "at_once": desk.at_once * replicas,
            "waiting": len(desk.tickets),
        }

    @routes.post("/pictures", response_class=StreamingResponse)
    async def paint(wanted: Wanted, request: Request) -> StreamingResponse:
        client = request.client.host if request.client else ""
        wish = await run_in_threadpool(_wish, wanted, limits, client)
        (ticket,) = desk.submit(wish, id=wanted.id)
        return StreamingResponse(_lines(desk, ticket), media_type="application/x-ndjson")

    @routes.post("/pictures/{id}/cancel")
    def cancel(id: str) -> dict[str, bool]:
        ticket = desk.tickets.get(id)
        if ticket:
            desk.cancel(ticket)
        return {"cancelled": ticket is not None}

    return routes


def _schedulers(shelf: Shelf) -> list[str]:
    """With those of other families, when one is there."""
    return [
        *SCHEDULERS_HERE,
        *(["flow_euler"] if any(model.stock for model in shelf.models.values()) else []),
    ]


def features(shelf: Shelf) -> list[str]:
    """What this process can do; with a safety checker nothing is shown that it has not seen."""
    unseen = {"preview", "frames"} if shelf.checker else set()
    more = {"controlnet": shelf.nets, "cutouts": shelf.cutter.source}
    return [
        *(each for each in FEATURES if each not in unseen),
        *(name for name, there in more.items() if there),
    ]


def _wish(wanted: Wanted, limits: Limits, client: str) -> Wish:
    unknown = sorted(set(wanted.params) - set(KNOBS))
    if unknown:
        raise BadParams(
            f"There is no setting called {unknown[0]!r}. There are: {', '.join(KNOBS)}."
        )
    try:
        images = {name: checked(from_base64(text)) for name, text in wanted.images.items()}
    except NotAPicture as error:
        raise BadParams(f"A picture in the request {error}.") from error
    text = next((text for text in texts_in(wanted.params) if not writable(text)), "")
    if text:
        raise BadParams(f"Half a character stands in {text[:40]!r}, which cannot be written.")
    params = Params.from_dict(wanted.params, images)  # whatever has another shape ends here
    units = wanted.params.get("control") or ()
    named = [wanted.params.get("init"), wanted.params.get("mask")]
    named += [unit["image"] for unit in units]
    missing = [name for name in named if name and name not in images]
    if missing:
        raise BadParams(
            f"The settings name the picture {missing[0]}, but the request does not carry it."
        )
    return Wish(
        limits.check(params), wanted.owner or client, wanted.urgent, wanted.previews, wanted.frames
    )


async def _lines(desk: Desk, ticket: Ticket) -> AsyncIterator[str]:
    """What happens to a job, until it is over; whoever stops listening stops the job."""
    loop, changed, shown = asyncio.get_running_loop(), asyncio.Event(), -PREVIEW_SECONDS

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone when the process ends
            loop.call_soon_threadsafe(changed.set)

    try:
        with ticket.watched(tell):
            while not ticket.over:
                changed.clear()
                preview = ticket.step.preview if loop.time() - shown >= PREVIEW_SECONDS else None
                yield _line(await run_in_threadpool(_status, desk, ticket, preview))
                shown = loop.time() if preview else shown
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
        yield _line(await run_in_threadpool(_end, desk, ticket))
    finally:
        if not ticket.over:
            desk.cancel(ticket)


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told) + "\n"


def _status(desk: Desk, ticket: Ticket, preview: Any) -> dict[str, Any]:
    if ticket.state == "queued":
        return {"event": "queued", "job": ticket.id, "position": desk.ahead(ticket)}
    step = ticket.step
    if not step.steps:
        model = desk.shelf.named(ticket.wish.params.model).name
        return {
            "event": "loading" if desk.shelf.loaded != model else "started",
            "job": ticket.id,
            "model": model,
        }
    told = {
        "event": "step",
        "job": ticket.id,
        "step": step.step,
        "steps": step.steps,
        "seconds_left": step.seconds_left,
    }
    return told if preview is None else {**told, "preview": _text(preview())}


def _end(desk: Desk, ticket: Ticket) -> dict[str, Any]:
    if ticket.painted is None or ticket.state != "done":
        told = str(ticket.error) if ticket.error else "It was stopped."
        return {"event": ticket.state, "job": ticket.id, "error": told}
    painted = ticket.painted
    here = Capabilities(features=frozenset(features(desk.shelf)), unknown=frozenset())
    frames = [
        {
            "step": frame.step,
            "sigma": frame.sigma,
            "seconds": frame.seconds,
            "clean": _text(frame.clean),
            "noisy": _text(frame.noisy),
        }
        for frame in painted.frames
    ]
    seconds = {
        **painted.seconds,
        "queued": ticket.started - ticket.created,
        "whole": ticket.ended - ticket.created,
    }
    return {
        "event": "done",
        "job": ticket.id,
        "image": _text(png_bytes(painted.image)),
        "model": painted.model,
        "version": painted.version,
        "seconds": seconds,
        "applied": _applied(painted, here),
        "warnings": list(dict.fromkeys((*painted.warnings, *here.unused(ticket.wish.params)))),
        "frames": frames,
    }


def _applied(painted: Painted, here: Capabilities) -> dict[str, Any]:
    """What was done, in our names: what was asked of what there is here, with the true size and
    model."""
    width, height = painted.image.size
    asked = painted.params.asked().items()
    done = {name: value for name, value in asked if here.offers(KNOBS[name].needs)}
    return {**done, "width": width, "height": height, "model": painted.model}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
