"""A1111's extras: a finished picture enlarged."""

import base64
import io
from typing import Any

from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel, Field

from sdplay.errors import BadParams
from sdplay.picture import png_bytes
from sdplay.server.a1111.body import picture_in
from sdplay.server.extras.enlarging import check_size
from sdplay.server.extras.upscalers import Upscalers
from sdplay.server.limits import Limits


class Extras(BaseModel):
    """How to enlarge: mode 0 by a factor, mode 1 to a size."""

    resize_mode: int = 0
    upscaling_resize: float = Field(2, gt=0)
    upscaling_resize_w: int = Field(512, ge=1)
    upscaling_resize_h: int = Field(512, ge=1)
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0
    gfpgan_visibility: float = 0
    codeformer_visibility: float = 0


class ExtrasSingleImageRequest(Extras):
    image: str = ""


class FileData(BaseModel):
    data: str
    name: str = ""


class ExtrasBatchImagesRequest(Extras):
    imageList: list[FileData]


def upscaling(upscalers: Upscalers, limits: Limits) -> APIRouter:
    """The two extras routes."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["a1111"])

    @routes.post("/extra-single-image")
    def single(body: ExtrasSingleImageRequest) -> dict[str, Any]:
        return {"html_info": "", "image": _enlarged(body.image, body, upscalers, limits)}

    @routes.post("/extra-batch-images")
    def batch(body: ExtrasBatchImagesRequest) -> dict[str, Any]:
        if len(body.imageList) > limits.pictures:
            raise BadParams(
                f"One request takes 1 to {limits.pictures} pictures, not {len(body.imageList)}."
            )
        images = [_enlarged(item.data, body, upscalers, limits) for item in body.imageList]
        return {"html_info": "", "images": images}

    return routes


def _enlarged(text: str, body: Extras, upscalers: Upscalers, limits: Limits) -> str:
    if body.upscaler_1 != "None":
        upscalers.check(body.upscaler_1)
    if body.gfpgan_visibility or body.codeformer_visibility or body.extras_upscaler_2_visibility:
        raise BadParams(
            "This process restores no faces and mixes no second upscaler: leave those fields out."
        )
    with Image.open(io.BytesIO(picture_in(text, "picture"))) as opened:
        image = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    size = _size(image, body)
    check_size(size, limits)
    enlarged = (
        image if body.upscaler_1 == "None" else upscalers.enlarged(image, size, body.upscaler_1)
    )
    return base64.b64encode(png_bytes(enlarged)).decode()


def _size(image: Image.Image, body: Extras) -> tuple[int, int]:
    if body.upscaler_1 == "None":
        return image.size
    if body.resize_mode == 1:
        return body.upscaling_resize_w, body.upscaling_resize_h
    return round(image.width * body.upscaling_resize), round(image.height * body.upscaling_resize)
