"""Networks that enlarge pictures, ESRGAN and its relatives: run tile by tile, so that memory is
bounded."""

import sys
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError

from sdplay.errors import BackendError, BadParams

EXTRA = "needs the package spandrel: pip install '.[upscale]'"
TILE, SMALLEST_TILE = 192, 24
"""Pixels a side that go through the network at once, without the margin."""
MARGIN = 32
"""Pixels around a tile that the network sees too: with as many as it can see, tiles leave no seam
at all."""

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Steps = Generator[float | Image.Image, None, None]
"""The share that is done, again and again, and the picture at the end."""


class Upscaler:
    """One network, ready on its device."""

    def __init__(self, net: Any, tile: int = TILE, margin: int = MARGIN) -> None:
        self.net, self.scale, self.tile, self.margin = net, int(net.scale), tile, margin

    def enlarged(self, image: Image.Image, size: Size) -> Image.Image:
        """The RGB picture at that size: enlarged in as many passes as it takes, reduced where that
        was too much."""
        *_, large = self.enlarging(image, size)
        return cast(Image.Image, large)

    def enlarging(self, image: Image.Image, size: Size) -> Steps:
        """The same with the share that is done after every tile.  Closing it stops the work."""
        goals = self._goals(image.size, size)
        areas = [width * height for width, height in (image.size, *goals[:-1])]
        for number, goal in enumerate(goals):
            done, part = sum(areas[:number]) / sum(areas), areas[number] / sum(areas)
            for step in self._pass(image, goal):
                if isinstance(step, Image.Image):
                    image = step
                else:
                    yield done + part * step
        yield image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)

    def _goals(self, have: Size, size: Size) -> list[Size]:
        """The size after each pass through the network."""
        goals: list[Size] = []
        while not goals or (self.scale > 1 and (size[0] > have[0] or size[1] > have[1])):
            width, height = (
                min(max(side, there), there * self.scale)
                for side, there in zip(size, have, strict=True)
            )
            have = (width, height)
            goals.append(have)
        return goals

    def _pass(self, image: Image.Image, size: Size) -> Steps:
        """Once through the network; smaller tiles where the memory is short."""
        try:
            large = Image.new("RGB", size)
            boxes = list(_tiles(image.size, self.tile))
            for number, box in enumerate(boxes, 1):
                tile, corner = self._enlarged_tile(image, box, size)
                large.paste(tile, corner)
                yield number / len(boxes)
            yield large
            return
        except torch.OutOfMemoryError as error:
            if self.tile <= SMALLEST_TILE:
                raise BackendError(
                    "There is too little memory to enlarge even a small tile. Try again when the "
                    "other pictures are done."
                ) from error
            self.tile //= 2
        yield from self._pass(image, size)

    def _enlarged_tile(self, image: Image.Image, box: Box, size: Size) -> tuple[Image.Image, Size]:
        """The large picture's part for this box of the small one, and where it goes."""
        ratios = (size[0] / image.width, size[1] / image.height) * 2
        left, top, right, bottom = (
            round(side * ratio) for side, ratio in zip(box, ratios, strict=True)
        )
        around = (
            max(0, box[0] - self.margin),
            max(0, box[1] - self.margin),
            min(image.width, box[2] + self.margin),
            min(image.height, box[3] + self.margin),
        )
        enlarged = self._run(image.crop(around))
        # Where in what the network made: off its pixels when the size asked for is not quite its
        # scale.
        x0, y0, x1, y1 = (
            min((edge / ratio - begin) * self.scale, whole)
            for edge, ratio, begin, whole in zip(
                (left, top, right, bottom), ratios, around[:2] * 2, enlarged.size * 2, strict=True
            )
        )
        return enlarged.resize(
            (right - left, bottom - top), Image.Resampling.LANCZOS, (x0, y0, x1, y1)
        ), (left, top)

    def _run(self, image: Image.Image) -> Image.Image:
        values = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
        tensor = torch.from_numpy(values).to(self.net.device, self.net.dtype)
        with torch.inference_mode():
            pixels = self.net(tensor)[0].float().mul(255).round().clamp(0, 255).byte()
        return Image.fromarray(pixels.permute(1, 2, 0).contiguous().cpu().numpy())


def load_upscaler(file: Path, device: str) -> Upscaler:
    """The network in that file; a sentence when it cannot be."""
    if file.suffix.lower() != ".safetensors":
        raise BadParams(
            f"{file.name} is no .safetensors file, and others can run code when they are read. "
            "Convert it first."
        )
    try:
        spandrel = _spandrel()
    except ImportError as error:
        raise BadParams(f"The upscaler {file.stem} {EXTRA}") from error
    try:
        net = spandrel.ModelLoader().load_from_file(file)
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        SafetensorError,
        spandrel.UnsupportedModelError,
    ) as error:
        raise BadParams(
            f"{file.name} could not be read as an upscaler: it is cut off, or of a kind that "
            "spandrel does "
            "not know."
        ) from error
    if not isinstance(net, spandrel.ImageModelDescriptor) or (
        net.input_channels,
        net.output_channels,
    ) != (3, 3):
        raise BadParams(
            f"{file.name} is a {net.architecture.name} network, which enlarges no colour pictures."
        )
    half = (
        torch.float16
        if net.supports_half
        else torch.bfloat16
        if net.supports_bfloat16
        else torch.float32
    )
    return Upscaler(net.eval().to(device, half if device.startswith("cuda") else torch.float32))


def _spandrel() -> Any:
    """The package, also where torchvision is missing: two networks in it want that, and they
    enlarge nothing."""
    if "spandrel" in sys.modules or find_spec("torchvision"):
        import spandrel

        return spandrel
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    absent = {name: ModuleType(name) for name in names}
    for function in ("InterpolationMode", "rotate", "normalize"):
        setattr(absent[names[-1]], function, None)
    sys.modules.update(absent)
    try:
        import spandrel
    finally:
        for name in names:
            del sys.modules[name]
    return spandrel


def _tiles(size: Size, side: int) -> Iterator[Box]:
    """Boxes that cover a picture, row by row."""
    for top in range(0, size[1], side):
        for left in range(0, size[0], side):
            yield left, top, min(left + side, size[0]), min(top + side, size[1])
