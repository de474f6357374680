"""What a ControlNet preprocessor of a server makes of a picture: its own route tells."""

import base64
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from sdplay.errors import BackendBroken
from sdplay.http.reply import Reply
from sdplay.http.wire import Wire, picture_bytes

Answered = Callable[[Reply], dict[str, Any]]
"""Reads a reply, or says why there is nothing to read."""


def preprocessed(wire: Wire, answered: Answered, picture: bytes, module: str) -> Image.Image:
    """Ask the server, in as many pixels as the picture has."""
    with Image.open(io.BytesIO(picture)) as opened:
        side = min(opened.size)
    body = {
        "controlnet_module": module,
        "controlnet_input_images": [base64.b64encode(picture).decode()],
        "controlnet_processor_res": side,
    }
    images = answered(wire.post("controlnet/detect", body)).get("images") or []
    if not images:
        raise BackendBroken(f"The preprocessor {module} gave no picture. Choose another one.")
    with Image.open(io.BytesIO(picture_bytes(images[0], wire))) as opened:
        return opened.convert("RGB")
