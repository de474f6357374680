"""How A1111 treats a mask: what lies under it at first, and whether only the part around it is
painted, at full size."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from sdplay.errors import BadParams
from sdplay.picture import png_bytes

Size = tuple[int, int]


@dataclass(frozen=True)
class Masking:
    """What a request says about its mask."""

    fill: int = 0
    """0 the colours around, 1 the original."""
    only_masked: bool = True
    """Paint only the mask's neighbourhood, enlarged to the whole size, and put it back."""
    padding: int = 0
    inverted: bool = False
    blur: int = 4
    mode: int = 0
    """How a picture comes to the asked size: 0 stretched, 1 cropped."""


@dataclass(frozen=True)
class Masked:
    """Start image and mask in the requested size, and how the finished picture is put back."""

    init: bytes
    mask: bytes
    finish: Callable[[Image.Image], Image.Image] | None = None


def resized(image: Image.Image, size: Size, mode: int) -> Image.Image:
    """The picture in the requested size."""
    if mode not in (0, 1):
        raise BadParams(f"resize_mode must be 0 (stretch) or 1 (crop) here, not {mode}.")
    if image.size == size:
        return image
    if mode == 0:
        return image.resize(size, Image.Resampling.LANCZOS)
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def upright(data: bytes, kind: str = "RGB") -> Image.Image:
    """The picture turned the way up that its camera recorded."""
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).convert(kind)


def masked(start: Image.Image, mask: Image.Image, size: Size, masking: Masking) -> Masked:
    """Start image and mask as the request means them."""
    if masking.fill not in (0, 1):
        raise BadParams(
            f"inpainting_fill must be 0 (colours around) or 1 (original) here, not {masking.fill}."
        )
    mask = mask.resize(start.size, Image.Resampling.LANCZOS)
    mask = ImageOps.invert(mask) if masking.inverted else mask
    below = start if masking.fill == 1 else filled(start, mask)
    box = _neighbourhood(mask, size, masking.padding) if masking.only_masked else None
    if box is None:
        return Masked(
            png_bytes(resized(below, size, masking.mode)),
            png_bytes(resized(mask, size, masking.mode)),
        )
    soft = mask.filter(ImageFilter.GaussianBlur(masking.blur)).crop(box)

    def put_back(rendered: Image.Image) -> Image.Image:
        whole = start.copy()
        whole.paste(rendered.resize(soft.size, Image.Resampling.LANCZOS), box, soft)
        return whole

    near, under = (
        layer.crop(box).resize(size, Image.Resampling.LANCZOS) for layer in (below, mask)
    )
    return Masked(png_bytes(near), png_bytes(under), put_back)


def filled(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with the colours from around the mask blurred into it, from far to near."""
    around = ImageOps.invert(mask)
    outside = Image.composite(image, Image.new("RGB", image.size), around)
    colours = np.asarray(image, np.float32)
    for radius in (128, 32, 8, 2):
        blurred = np.asarray(outside.filter(ImageFilter.GaussianBlur(radius)), np.float32)
        share = (
            np.asarray(around.filter(ImageFilter.GaussianBlur(radius)), np.float32)[..., None] / 255
        )
        colours = np.where(share > 0.02, blurred / np.maximum(share, 0.02), colours)
    soft = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    return Image.composite(soft, image, mask)


def _neighbourhood(mask: Image.Image, size: Size, padding: int) -> tuple[int, int, int, int] | None:
    """The mask's box with padding, grown to the asked shape inside the picture; None where nothing
    is masked."""
    box = mask.point(lambda value: 255 * (value > 0)).getbbox()
    if box is None:
        return None
    left, top, right, bottom = (
        box[0] - padding,
        box[1] - padding,
        box[2] + padding,
        box[3] + padding,
    )
    width, height = right - left, bottom - top
    wide, high = max(width, height * size[0] / size[1]), max(height, width * size[1] / size[0])
    (left, right), (top, bottom) = (
        _span(left, width, wide, mask.width),
        _span(top, height, high, mask.height),
    )
    return left, top, right, bottom


def _span(start: float, length: float, target: float, whole: int) -> tuple[int, int]:
    """Grow a stretch to the target length around its middle, moved so that it lies inside the
    whole."""
    target = min(round(target), whole)
    begin = min(max(round(start + length / 2 - target / 2), 0), whole - target)
    return int(begin), int(begin + target)
