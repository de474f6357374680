"""Cut-outs: a picture comes in, the things in it go out as separate transparent PNGs."""

import base64
import io
from typing import Any

from fastapi import APIRouter
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from sdplay.picture import png_bytes
from sdplay.server.a1111.body import picture_in
from sdplay.server.extras.cutter import Cutter


class CutoutBody(BaseModel):
    """A picture, and what to cut out of it; without points and boxes, everything that is found."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(description="As base64, data URI or public web address.")
    points: list[tuple[float, float]] = Field(
        [], max_length=64, description="[x, y] in pixels: the thing there."
    )
    boxes: list[tuple[float, float, float, float]] = Field(
        [], max_length=64, description="[left, top, right, bottom] in pixels: the thing inside."
    )
    most: int = Field(16, ge=1, le=64, description="At most so many.")


def router(cutter: Cutter) -> APIRouter:
    """The one route."""
    routes = APIRouter(prefix="/sdplay/v1", tags=["sdplay"])

    @routes.post("/cutouts")
    def cutouts(body: CutoutBody) -> dict[str, Any]:
        with Image.open(io.BytesIO(picture_in(body.image, "picture"))) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        things = cutter.cut(image, body.points, body.boxes, body.most)
        return {
            "cutouts": [
                {
                    "image": base64.b64encode(png_bytes(cutout.image)).decode(),
                    "box": cutout.box,
                    "score": cutout.score,
                    "model": cutout.model,
                }
                for cutout in things
            ]
        }

    return routes
