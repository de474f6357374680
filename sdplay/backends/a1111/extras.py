"""A1111's extras: a finished picture enlarged, its faces repaired, and how to stop that."""

import time
from collections.abc import Iterator
from typing import Any

from PIL import Image

from sdplay.backends.a1111.dialects import encoded
from sdplay.backends.a1111.fields import FACE_FIELDS
from sdplay.backends.a1111.probe import PROGRESS, Server
from sdplay.errors import BackendError, BadParams
from sdplay.http.call import Call
from sdplay.http.wire import Reply, Wire
from sdplay.picture import Enlargement, Progress, png_bytes

ROUTE = "sdapi/v1/extra-single-image"
JOB = "extras"
"""What the server calls the job that it does for us."""
POLL_SECONDS = 0.5
CLOSE_SECONDS = 10.0


def request(image: Image.Image, how: Enlargement, server: Server) -> dict[str, Any]:
    """The body of the request, or a sentence about what this server has not."""
    if how.upscaler in server.latent_modes and how.upscaler not in (server.upscalers or ()):
        raise BadParams(
            f"{how.upscaler} works only inside hires fix. Choose one of: "
            f"{', '.join(server.upscalers or ()) or 'Lanczos'}."
        )
    if how.faces and how.faces not in server.face_restorers:
        raise BadParams(
            f"There is no {how.faces} on this server to repair faces. There is: "
            f"{', '.join(server.face_restorers) or 'none'}."
        )
    return {
        "image": encoded(png_bytes(image)),
        "upscaler_1": how.upscaler,
        "upscaling_resize": how.factor,
        **FACE_FIELDS.get(how.faces, {}),
    }


def until(call: Call[Reply], server: Server) -> Iterator[Progress]:
    """Progress until the answer is there; the server does not say how far it is."""
    began = time.monotonic()
    yield Progress(message=f"Sent to {server.dialect.label}")
    while not call.wait(POLL_SECONDS):
        seconds = time.monotonic() - began
        yield Progress(message=f"{server.dialect.label} is enlarging ({seconds:.0f} s)")


def stop(call: Call[Reply], wire: Wire, server: Server) -> None:
    """Tell the server to stop while it works on extras; another person's picture is left alone."""
    ends = time.monotonic() + CLOSE_SECONDS
    while server.progress and time.monotonic() < ends and not call.wait(0):
        if _works_on_extras(wire):
            _interrupt(wire)
        call.wait(POLL_SECONDS)
    call.abandon()


def _works_on_extras(wire: Wire) -> bool:
    try:
        answer = wire.get(PROGRESS, seconds=2).json()
    except BackendError:
        return False
    state = answer.get("state") if isinstance(answer, dict) else None
    return isinstance(state, dict) and bool(state.get("job_count")) and state.get("job") == JOB


def _interrupt(wire: Wire) -> None:
    try:
        wire.post("sdapi/v1/interrupt", seconds=5)
    except BackendError:
        return  # asked again in a moment, as long as the work goes on
