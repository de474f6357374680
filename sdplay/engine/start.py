"""Start images and masks as the tick loop wants them: cut to the picture's shape, never squeezed."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from sdplay.errors import BadParams
from sdplay.params import Params


def start_pixels(params: Params) -> Any:
    """The start image as [3, h, w] in -1 to 1."""
    fitted = ImageOps.fit(_opened(params.init, "start image"), (params.width, params.height), Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32).transpose(2, 0, 1) / 127.5 - 1


def mask_cells(params: Params, factor: int = 8) -> Any:
    """The mask at latent size: 1 where it is painted anew."""
    fitted = ImageOps.fit(_opened(params.mask, "mask"), (params.width, params.height), Image.Resampling.LANCZOS)
    if params.mask_blur:
        fitted = fitted.filter(ImageFilter.GaussianBlur(params.mask_blur))
    small = fitted.resize((params.width // factor, params.height // factor), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def _opened(data: bytes, label: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return ImageOps.exif_transpose(opened).convert("RGB" if label == "start image" else "L")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadParams(f"The {label} could not be read. Choose a PNG, JPEG or WebP picture.") from error
