"""A picture in a frame of another shape: its edges are cut, or all of it is shown between bars."""

import io

from PIL import Image, ImageFilter, ImageOps

from sdplay.picture import png_bytes

BLUR = 24
"""Pixels: the bars show the picture itself, so blurred that only its colours are left."""
Size = tuple[int, int]


def fits(size: Size, frame: Size) -> bool:
    """Whether a picture of this size has the frame's shape, to the pixel."""
    scale = max(frame[0] / size[0], frame[1] / size[1])
    return all(round(side * scale) == goal for side, goal in zip(size, frame, strict=True))


def letterboxed(data: bytes, frame: Size, bars: str = "") -> bytes:
    """All of a picture in the frame, between bars of this colour or, without one, of its own; what
    has the shape already is left as it is."""
    image = upright(data)
    if fits(image.size, frame):
        return data
    inner = ImageOps.contain(image, frame, Image.Resampling.LANCZOS)
    whole = Image.new("RGB", frame, bars) if bars else _blurred(image, frame)
    whole.paste(inner, ((frame[0] - inner.width) // 2, (frame[1] - inner.height) // 2))
    return png_bytes(whole)


def cropped(data: bytes, frame: Size) -> Image.Image:
    """The middle of a picture in exactly the frame's pixels."""
    return ImageOps.fit(upright(data), frame, Image.Resampling.LANCZOS)


def upright(data: bytes) -> Image.Image:
    """As its camera meant it, on white where it is transparent."""
    with Image.open(io.BytesIO(data)) as opened:
        turned = ImageOps.exif_transpose(opened)
        if not turned.has_transparency_data:
            return turned.convert("RGB")
        coloured = turned.convert("RGBA")
    white = Image.new("RGB", coloured.size, "white")
    white.paste(coloured, mask=coloured.getchannel("A"))
    return white


def _blurred(image: Image.Image, frame: Size) -> Image.Image:
    return ImageOps.fit(image, frame).filter(ImageFilter.GaussianBlur(BLUR))
