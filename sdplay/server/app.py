"""The web application: A1111's routes, our own, health, and sentences for everything that goes
wrong."""

import logging
import threading
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from sdplay import __doc__ as about
from sdplay.errors import BackendRefused, BadParams, PlayError
from sdplay.server import cutouts, stream
from sdplay.server.a1111 import routes
from sdplay.server.extras import enlarging
from sdplay.server.limits import ORDINARY, Doorman, Limits
from sdplay.server.queue import Queue

LOG = logging.getLogger(__name__)


def build(
    queue: Queue,
    *,
    token: str = "",
    limits: Limits = ORDINARY,
    any_host: bool = False,
    load_now: bool = True,
    replicas: int = 1,
) -> FastAPI:
    """The application around one queue; with `load_now` the first model is loaded at once.  It may
    be one of several `replicas`."""
    app = FastAPI(title="sdplay local process", description=about or "", version="1")
    app.include_router(stream.router(queue, limits, replicas))
    app.include_router(routes.router(queue, limits))
    app.include_router(cutouts.router(queue.models.cutter))
    app.include_router(enlarging.router(queue.models.upscalers, limits))
    app.add_exception_handler(PlayError, _explained)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_middleware(Doorman, token=token, limits=limits, any_host=any_host)
    loading = threading.Thread(target=_load, args=(queue,), name="load", daemon=True)

    @app.get("/health", tags=["health"])
    def health() -> JSONResponse:
        """200 when a picture would start at once, 503 while a model loads or when it could not
        be."""
        if queue.models.failure and not queue.models.loaded:
            return JSONResponse({"status": "failed", "message": queue.models.failure}, 503)
        if loading.is_alive() and not queue.models.loaded:
            return JSONResponse({"status": "loading", "message": "The model is being loaded."}, 503)
        return JSONResponse({"status": "ready", "message": queue.models.loaded})

    if load_now:
        loading.start()
    return app


def _load(queue: Queue) -> None:
    """Load the first model now, so that the first picture need not wait for it."""
    try:
        with queue.models.engine(""):
            LOG.info("ready with %s", queue.models.loaded)
    except PlayError as error:
        LOG.error("%s", error)  # noqa: TRY400  # the sentence is the whole story


def _unreadable(request: Request, error: Exception) -> JSONResponse:
    """Answer 422 with what is wrong in each field, without its value, which may hold half a
    character."""
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [
        f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in faults
    ]
    sentence = "; ".join(lines[:5]).encode("utf-8", "replace").decode()
    body = {"error": "BadParams", "detail": f"{sentence}.", "body": "", "errors": ""}
    return JSONResponse(body, 422)


def _explained(request: Request, error: Exception) -> JSONResponse:
    """An error in the shape of A1111's, with a sentence inside."""
    body: dict[str, Any] = {
        "error": type(error).__name__,
        "detail": str(error),
        "body": "",
        "errors": "",
    }
    if isinstance(error, BadParams):
        return JSONResponse(body, 422)
    if isinstance(error, routes.Ambiguous):
        return JSONResponse(body, 409)
    if isinstance(error, BackendRefused):
        return JSONResponse(body, 429, {"Retry-After": f"{error.retry_after or 5:g}"})
    return JSONResponse(body, 500)
