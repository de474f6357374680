"""Makes pictures and saves them: looks in the library first, then asks the backend; and makes more
of saved pictures."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from PIL import Image

from sdplay import metadata
from sdplay.backends import Backend
from sdplay.engine.framing import cropped
from sdplay.errors import BackendBroken
from sdplay.files.picture_file import image_name
from sdplay.library import Library, Recipe, SavedPicture
from sdplay.metadata import png
from sdplay.params import Params
from sdplay.picture import Enlargement, Picture, Progress, Receipt, Timing, png_bytes
from sdplay.sharing.clock import Clock


def make(
    params: Params,
    backend: Backend,
    library: Library,
    owner: str = "",
    *,
    clock: Clock | None = None,
    anew: bool = False,
    written: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Progress | SavedPicture]:
    """Yield progress, then the kept picture.  Stop iterating and the backend stops too.

    The same recipe of the same owner is never made twice, unless frames are wanted that were not
    kept, or it is made `anew`.  `clock` is what the backend's pictures share; without one this
    picture is alone.  `written` are the prompts as a person wrote them, for the receipt.
    """
    recipe = Recipe(params, backend.name, backend.model_version(params))
    saved = None if anew else library.made(recipe, owner)
    if saved and (saved.has_frames or not backend.keep_frames):
        yield saved
        return
    share = (clock or Clock()).begin()
    events = backend.generate(params.loaded())
    try:
        for event in events:
            if isinstance(event, Picture):
                receipt = event.receipt.as_written(written)
                noted = replace(event, timing=share.noted(event.timing), receipt=receipt)
                for companion in event.others:
                    library.save(companion, owner)
                # Somebody may have changed the server's model since it was named.
                finished = replace(recipe, version=event.version or recipe.version)
                yield library.save(noted, owner, key=finished.key)
                return
            yield event
    finally:
        share.end()
        close = getattr(events, "close", None)
        if close:
            close()
    raise BackendBroken(
        f"{backend.label} ended without a picture. Try again, or check the backend."
    )


def enlarge(
    saved: SavedPicture, how: Enlargement, backend: Backend, library: Library, owner: str = ""
) -> Iterator[Progress | SavedPicture]:
    """Yield progress, then the kept picture enlarged, and kept beside it; the same is not made
    twice.  Stop iterating and the backend stops too."""
    key = f"{saved.file} {backend.name} {how.key}"
    if already := library.by_key(key, owner):
        yield already
        return
    data, started = library.data(saved), time.monotonic()
    steps = backend.enlarge(_coloured(data), how)
    try:
        for step in steps:
            if isinstance(step, Progress):
                yield step
                continue
            seconds = time.monotonic() - started
            after = _enlarged(step, how, saved, metadata.read(data).text)
            yield _keep(replace(after, key=key, seconds=seconds), saved, library, owner)
            return
    finally:
        close = getattr(steps, "close", None)
        if close:
            close()
    raise BackendBroken(f"{backend.label} ended without a picture. Try again.")


def _enlarged(large: Image.Image, how: Enlargement, saved: SavedPicture, text: str) -> "_After":
    """What is noted of it, in the words that A1111's extras add to a picture's text."""
    sentence = f"Enlarged from {saved.width} × {saved.height} pixels by {how.upscaler}."
    notes = {"upscaler": how.upscaler, "factor": how.factor}
    text += f", Postprocess upscale by: {how.factor:g}, Postprocess upscaler: {how.upscaler}"
    if how.faces:
        sentence += (
            f" {how.faces} was asked to repair faces; the server does not say whether there were "
            "any."
        )
        notes["faces"] = how.faces
        text += f", {how.faces} visibility: 1"
    return _After(large, "upscale", text, sentence, notes)


def cut_out(
    saved: SavedPicture, backend: Backend, library: Library, owner: str = ""
) -> list[SavedPicture]:
    """The things in a saved picture, each saved as a picture of its own; those that are there
    already stay."""
    data, started = library.data(saved), time.monotonic()
    cuts, text = backend.cut_out(_coloured(data)), metadata.read(data).text
    seconds, pictures = time.monotonic() - started, []
    for cut in cuts:
        key = f"{saved.file} {backend.name} {cut.model} {cut.box}"
        sentence = (
            f"Cut out by {cut.model} at {cut.box[0]}, {cut.box[1]} from a picture of "
            f"{saved.width} × {saved.height}."
        )
        how = {"model": cut.model, "box": list(cut.box), "score": round(cut.score, 4)}
        after = _After(cut.image, "cut-out", text, sentence, how, key, seconds / len(cuts))
        pictures.append(library.by_key(key, owner) or _keep(after, saved, library, owner))
    return pictures


def keep_original(params: Params, library: Library, owner: str = "") -> SavedPicture:
    """A start image that a mask is painted over, kept before what is made of it: it stands first in
    their group.  The same is not kept twice."""
    size = params.width, params.height
    key = f"{image_name(params.init)} {size[0]}x{size[1]} original of {params.prompt}"
    if already := library.by_key(key, owner):
        return already
    sentence = "This is the original, as it was before anything in it was made anew."
    picture = Picture(
        png_bytes(cropped(params.init, size)),
        Params(params.prompt, width=size[0], height=size[1]),
        "start image",
        Timing(0.0),
        Receipt({}, {}, {"width": size[0], "height": size[1]}, (sentence,)),
    )
    return library.save(picture, owner, ("original",), key)


@dataclass(frozen=True, eq=False)
class _After:
    """What was made of a saved picture, and how."""

    image: Image.Image
    kind: str
    text: str
    told: str
    how: Mapping[str, Any]
    key: str = ""
    seconds: float = 0.0


def _keep(after: _After, source: SavedPicture, library: Library, owner: str) -> SavedPicture:
    """Kept with its source's settings, under another backend's name: it says nothing about how fast
    that one paints."""
    size = {"width": after.image.width, "height": after.image.height}
    receipt = Receipt(
        source.receipt.asked,
        {"made_from": f"sha256:{source.file}", **after.how},
        {**source.receipt.applied, **size},
        (after.told, *source.receipt.warnings),
    )
    data = png.with_texts(png_bytes(after.image), {"parameters": after.text})
    backend = f"{source.backend} {after.kind}"
    picture = Picture(
        data,
        source.params,
        backend,
        Timing(after.seconds),
        receipt,
        source.model,
        partial=source.partial,
    )
    return library.save(picture, owner, (after.kind,), after.key)


def _coloured(data: bytes) -> Image.Image:
    image = metadata.decoded(data)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
