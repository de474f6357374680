"""Enlarge a tree of pictures with a backend's upscaler; what lies there already is not made
again."""

import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from PIL import Image

from sdplay.backends import Backend
from sdplay.errors import BackendError, BadParams
from sdplay.picture import png_bytes


def upscale_tree(
    pictures: Mapping[str, bytes], backend: Backend, out: Path, factor: float, upscaler: str
) -> Iterator[tuple[str, str, str]]:
    """Yield name, state (made, reused or failed) and the sentence of a failure; the tree in `out`
    mirrors the names."""
    if "upscale" not in backend.probe().features:
        raise BadParams(
            f"{backend.label} cannot enlarge pictures. Choose another backend for that."
        )
    for name, place in places(pictures).items():
        file = out / place
        if file.is_file():
            yield name, "reused", ""
            continue
        try:
            with Image.open(io.BytesIO(pictures[name])) as opened:
                large = backend.upscale(opened.convert("RGB"), factor, upscaler)
        except BackendError as error:
            yield name, "failed", str(error)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.new")
        beside.write_bytes(png_bytes(large))
        beside.replace(file)
        yield name, "made", ""


def places(pictures: Iterable[str]) -> dict[str, PurePosixPath]:
    """Where each goes: the same path as PNG; a.jpg beside a.png keeps its ending in the name."""
    plain = [PurePosixPath(name).with_suffix(".png") for name in pictures]
    return {
        name: place if plain.count(place) == 1 else PurePosixPath(f"{name}.png")
        for name, place in zip(pictures, plain, strict=True)
    }
