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
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.params import KNOBS, Params
from sdplay.picture import png_bytes
from sdplay.server.a1111.body import texts_in, writable
from sdplay.server.extras.addons import marks
from sdplay.server.limits import Limits
from sdplay.server.models import Models
from sdplay.server.queue import Queue, Ticket
from sdplay.server.render import Rendered
from sdplay.server.request import SCHEDULERS_HERE, PictureRequest, hires_upscalers

BEAT_SECONDS = 1.0
"""A line comes at least so often, so that whoever reads notices when this process dies."""
PREVIEW_SECONDS = 0.3
PREVIEWS_A_SECOND = 8.0
"""Of all pictures at work together: in a crowd, a page looks no more often."""
SHARP_COMPANY = 2
"""When more are watched at once, previews are rough: a decoded one can cost as much as a step."""
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


class PictureBody(BaseModel):
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


def router(queue: Queue, limits: Limits, replicas: int = 1) -> APIRouter:
    """The routes under /sdplay/v1; their answers are about all replicas together."""
    routes = APIRouter(prefix="/sdplay/v1", tags=["sdplay"])

    @routes.get("/about")
    def about() -> dict[str, Any]:
        models = queue.models
        entries = list(models.by_name.values())
        device = f"{replicas} × {models.device}" if replicas > 1 else models.device
        return {
            "version": f"sdplay {__version__}",
            "model": models.named("").title,
            "loaded": models.loaded,
            "failure": models.failure,
            "device": device,
            "models": [model.title for model in entries],
            "versions": {
                name: models.version(model)
                for model in entries
                for name in (model.name, model.title)
            },
            "schedulers": _schedulers(models),
            "features": features(models),
            "knobs": list(KNOBS),
            "asks": list(PictureBody.model_fields),
            "streams": ["pictures", "enlarge"],
            "upscalers": list(models.upscalers.names),
            "hires_upscalers": list(hires_upscalers(models)),
            "control_models": list(models.nets),
            "control_modules": list(models.preprocessors.names),
            "addons": marks({**models.embeddings, **models.loras}),
            "size": models.native,
            "loras": list(models.loras),
            "embeddings": list(models.embeddings),
            "limits": {"side": limits.side, "steps": limits.steps},
            "exact": models.machine.exact,
            "at_once": queue.at_once * replicas,
            "waiting": len(queue.tickets),
        }

    @routes.post("/pictures", response_class=StreamingResponse)
    async def paint(body: PictureBody, request: Request) -> StreamingResponse:
        client = request.client.host if request.client else ""
        picture = await run_in_threadpool(_picture_request, body, limits, client)
        (ticket,) = queue.submit(picture, id=body.id)
        return StreamingResponse(_lines(queue, ticket), media_type="application/x-ndjson")

    @routes.post("/pictures/{id}/cancel")
    def cancel(id: str) -> dict[str, bool]:
        ticket = queue.tickets.get(id)
        if ticket:
            queue.cancel(ticket)
        return {"cancelled": ticket is not None}

    return routes


def _schedulers(models: Models) -> list[str]:
    """With those of other families, when one is there."""
    return [
        *SCHEDULERS_HERE,
        *(["flow_euler"] if any(model.stock for model in models.by_name.values()) else []),
    ]


def features(models: Models) -> list[str]:
    """What this process can do; with a safety checker nothing is shown that it has not seen."""
    unseen = {"preview", "frames"} if models.checker else set()
    dependent = {"controlnet": models.nets, "cutouts": models.cutter.source}
    return [
        *(feature for feature in FEATURES if feature not in unseen),
        *(name for name, there in dependent.items() if there),
    ]


def _picture_request(body: PictureBody, limits: Limits, client: str) -> PictureRequest:
    unknown = sorted(set(body.params) - set(KNOBS))
    if unknown:
        raise BadParams(
            f"There is no setting called {unknown[0]!r}. There are: {', '.join(KNOBS)}."
        )
    try:
        images = {name: checked(from_base64(text)) for name, text in body.images.items()}
    except NotAPicture as error:
        raise BadParams(f"A picture in the request {error}.") from error
    text = next((text for text in texts_in(body.params) if not writable(text)), "")
    if text:
        raise BadParams(f"Half a character stands in {text[:40]!r}, which cannot be written.")
    params = Params.from_dict(body.params, images)  # whatever has another shape ends here
    units = body.params.get("control") or ()
    named = [body.params.get("init"), body.params.get("mask")]
    named += [unit["image"] for unit in units]
    missing = [name for name in named if name and name not in images]
    if missing:
        raise BadParams(
            f"The settings name the picture {missing[0]}, but the request does not carry it."
        )
    return PictureRequest(
        limits.check(params), body.owner or client, body.urgent, body.previews, body.frames
    )


async def _lines(queue: Queue, ticket: Ticket) -> AsyncIterator[str]:
    """What happens to a job, until it is over; whoever stops listening stops the job."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    # Half a pause ahead of a page that looks once in each; the only picture shows its first step.
    preview_sent = loop.time() - max(PREVIEW_SECONDS, _preview_pause(queue) / 2)

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone when the process ends
            loop.call_soon_threadsafe(changed.set)

    try:
        with ticket.watched(tell):
            while not ticket.over:
                changed.clear()
                due = loop.time() - preview_sent >= _preview_pause(queue)
                preview = ticket.step.preview if due else None
                yield _line(await run_in_threadpool(_status, queue, ticket, preview))
                preview_sent = loop.time() if preview else preview_sent
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
        yield _line(await run_in_threadpool(_end, queue, ticket))
    finally:
        if not ticket.over:
            queue.cancel(ticket)


def _preview_pause(queue: Queue) -> float:
    """Seconds between two previews of one picture."""
    return max(PREVIEW_SECONDS, queue.watched() / PREVIEWS_A_SECOND)


def _line(event: dict[str, Any]) -> str:
    return json.dumps(event) + "\n"


def _status(queue: Queue, ticket: Ticket, preview: Any) -> dict[str, Any]:
    if ticket.state == "queued":
        return {"event": "queued", "job": ticket.id, "position": queue.ahead(ticket)}
    step = ticket.step
    if not step.steps:
        model = queue.models.named(ticket.request.params.model).name
        return {
            "event": "loading" if queue.models.loaded != model else "started",
            "job": ticket.id,
            "model": model,
        }
    event = {
        "event": "step",
        "job": ticket.id,
        "step": step.step,
        "steps": step.steps,
        "seconds_left": step.seconds_left,
    }
    if preview is None:
        return event
    return {**event, "preview": _text(preview(queue.watched() > SHARP_COMPANY))}


def _end(queue: Queue, ticket: Ticket) -> dict[str, Any]:
    if ticket.rendered is None or ticket.state != "done":
        event = str(ticket.error) if ticket.error else "It was stopped."
        return {"event": ticket.state, "job": ticket.id, "error": event}
    rendered = ticket.rendered
    capabilities = Capabilities(features=frozenset(features(queue.models)), unknown=frozenset())
    frames = [
        {
            "step": frame.step,
            "sigma": frame.sigma,
            "seconds": frame.seconds,
            "clean": _text(frame.clean),
            "noisy": _text(frame.noisy),
        }
        for frame in rendered.frames
    ]
    seconds = {
        **rendered.seconds,
        "queued": ticket.started - ticket.created,
        "whole": ticket.ended - ticket.created,
    }
    return {
        "event": "done",
        "job": ticket.id,
        "image": _text(png_bytes(rendered.image)),
        "model": rendered.model,
        "version": rendered.version,
        "seconds": seconds,
        "applied": _applied(rendered, capabilities),
        "warnings": list(
            dict.fromkeys((*rendered.warnings, *capabilities.unused(ticket.request.params)))
        ),
        "frames": frames,
    }


def _applied(rendered: Rendered, capabilities: Capabilities) -> dict[str, Any]:
    """The settings that were really used, under our names, with the true size and model."""
    width, height = rendered.image.size
    settings = rendered.params.asked().items()
    done = {name: value for name, value in settings if capabilities.offers(KNOBS[name].needs)}
    return {**done, "width": width, "height": height, "model": rendered.model}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
