"""Start images and masks as the tick loop wants them: cut to the picture's shape, never
squeezed."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from sdplay.errors import BadParams
from sdplay.params import Params

FILTERS = {
    "Lanczos": Image.Resampling.LANCZOS,
    "Bicubic": Image.Resampling.BICUBIC,
    "Nearest": Image.Resampling.NEAREST,
}
"""Ways to enlarge a picture, by A1111's names."""


def start_pixels(params: Params) -> Any:
    """The start image as [3, h, w] in -1 to 1."""
    fitted = ImageOps.fit(
        _opened(params.init, "start image"), (params.width, params.height), Image.Resampling.LANCZOS
    )
    return np.asarray(fitted, np.float32).transpose(2, 0, 1) / 127.5 - 1


def guide_pixels(
    data: bytes, size: tuple[int, int], preprocess: Callable[[Image.Image], Any]
) -> Any:
    """What is made of a guide picture of that size, as [3, h, w] in 0 to 1."""
    fitted = ImageOps.fit(_opened(data, "guide picture"), size, Image.Resampling.LANCZOS)
    return np.asarray(preprocess(fitted), np.float32).transpose(2, 0, 1) / 255


def enlarged_latent(latent: Any, size: tuple[int, int]) -> Any:
    """A latent [1, c, h, w] at another size (width, height), each channel like a picture."""
    layers = [Image.fromarray(layer).resize(size, Image.Resampling.BILINEAR) for layer in latent[0]]
    return np.stack([np.asarray(layer, np.float32) for layer in layers])[None]


def mask_cells(params: Params, factor: int = 8) -> Any:
    """The mask at latent size: 1 where it is painted anew."""
    soft = _soft_mask(params, (params.width, params.height))
    small = soft.resize((params.width // factor, params.height // factor), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def with_surroundings(pixels: Any, params: Params) -> Any:
    """Finished pixels [h, w, 3] with the start image's own around the mask: a decoder moves colours
    even where nothing was painted."""
    size = pixels.shape[1], pixels.shape[0]
    fitted = ImageOps.fit(_opened(params.init, "start image"), size, Image.Resampling.LANCZOS)
    original = np.asarray(fitted, np.float32)
    share = np.asarray(_soft_mask(params, size), np.float32)[..., None] / 255
    return np.rint(original + (pixels - original) * share).astype(np.uint8)


def _soft_mask(params: Params, size: tuple[int, int]) -> Image.Image:
    """The mask at this size, its edge softened as asked."""
    fitted = ImageOps.fit(_opened(params.mask, "mask"), size, Image.Resampling.LANCZOS)
    if not params.mask_blur:
        return fitted
    return fitted.filter(ImageFilter.GaussianBlur(params.mask_blur))


def _opened(data: bytes, label: str) -> Image.Image:
    mode = "L" if label == "mask" else "RGB"
    try:
        with Image.open(io.BytesIO(data)) as opened:
            ImageOps.exif_transpose(opened, in_place=True)  # a copy would hold it once more
            opened.load()
            return opened if opened.mode == mode else opened.convert(mode)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadParams(
            f"The {label} could not be read. Choose a PNG, JPEG or WebP picture."
        ) from error
