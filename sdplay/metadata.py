"""Settings in and out of picture files: A1111's infotext, which others read, and our full record beside it.

Infotext is the prompt, a line "Negative prompt: …", and one last line of "Key: value" items; a value with a comma,
colon or newline stands as a JSON string.
"""

import io
import json
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from sdplay.errors import BadParams, LibraryError
from sdplay.params import KNOBS, Params
from sdplay.picture import Picture, png_bytes
from sdplay.schedulers import SCHEDULERS, find

OURS = "sdplay"
MAX_PIXELS = 64_000_000
MAX_TEXT = 8_000_000
_ITEM = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_PNG = b"\x89PNG\r\n\x1a\n"

NAMES = {
    "Steps": "steps", "CFG scale": "cfg", "Seed": "seed", "Model": "model", "Variation seed": "variation_seed",
    "Variation seed strength": "variation_strength", "Denoising strength": "strength", "Clip skip": "clip_skip",
    "Eta": "eta", "Hires upscale": "hires_scale", "Hires steps": "hires_steps", "Hires upscaler": "hires_upscaler",
    "Refiner": "refiner", "Refiner switch at": "refiner_at", "Mask blur": "mask_blur",
}  # fmt: skip
"""Infotext keys that are one of our settings under another name."""


@dataclass(frozen=True)
class Found:
    """What a picture file tells about its making."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Our setting names; only what is told."""
    text: str = ""
    """The infotext as it stands."""
    record: Mapping[str, Any] | None = None
    """Our own record, when we made the picture."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that could not be read."""


def infotext(params: Params, *, model: str = "") -> str:
    """The settings as A1111 writes them; what stands at its default and says nothing is left out."""
    entry = SCHEDULERS.get(params.scheduler)
    sampler, schedule = entry.a1111 if entry and entry.a1111 else (entry.label if entry else params.scheduler, "")
    items: dict[str, Any] = {"Steps": params.steps, "Sampler": sampler}
    if schedule:
        items["Schedule type"] = schedule.capitalize()
    items |= {"CFG scale": _number(params.cfg), "Seed": params.seed, "Size": f"{params.width}x{params.height}"}
    items |= {"Model": params.model or model} if params.model or model else {}
    for key, name in NAMES.items():
        changed = getattr(params, name) != KNOBS[name].default
        if key not in items and changed and (name not in ("strength", "mask_blur") or params.init):
            items[key] = _number(getattr(params, name))
    if params.init and "Denoising strength" not in items:
        items["Denoising strength"] = _number(params.strength)
    if params.hires_scale > 1:
        items["Denoising strength"] = _number(params.hires_strength)
    lines = [params.prompt] + ([f"Negative prompt: {params.negative}"] if params.negative else [])
    return "\n".join([*lines, ", ".join(f"{key}: {_quoted(value)}" for key, value in items.items())])


def parse_infotext(text: str) -> dict[str, str]:
    """Every item by its key, with "Prompt" and "Negative prompt"; a text without settings is all prompt."""
    *lines, last = text.strip().split("\n")
    items = {key: _unquoted(value) for key, value in _ITEM.findall(last)}
    if len(items) < 3:
        lines, items = [*lines, last], {}
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:").strip()
        into.append(line)
    return {"Prompt": "\n".join(prompt), "Negative prompt": "\n".join(negative), **items}


def settings_from(text: str) -> tuple[dict[str, Any], list[str]]:
    """Our settings out of infotext, and a sentence for each value that is none of ours."""
    items = parse_infotext(text)
    told: dict[str, Any] = {"prompt": items.pop("Prompt"), "negative": items.pop("Negative prompt")}
    notes: list[str] = []
    if sampler := items.get("Sampler", ""):
        entry = find(sampler, items.get("Schedule type", "")) or find(sampler)
        if entry:
            told["scheduler"] = entry.id
        else:
            notes.append(f"The sampler {sampler!r} is none of ours; the scheduler was left as it is.")
    if size := re.fullmatch(r"(\d+)x(\d+)", items.get("Size", "")):
        told |= {"width": int(size[1]), "height": int(size[2])}
    for key, name in NAMES.items():
        if key in items:
            try:
                told[name] = KNOBS[name].check(items[key])
            except BadParams as error:
                notes.append(f"{key} in the picture was left out. {error}")
    if "Hires upscale" in items and "strength" in told:
        told["hires_strength"] = told.pop("strength")
    return told, notes


def record(picture: Picture) -> dict[str, Any]:
    """Our full record of a picture: what was asked, sent and applied, and where the time went."""
    return {"params": picture.params.as_dict(), "backend": picture.backend, "model": picture.model,
            "timing": picture.timing.as_dict(), "receipt": picture.receipt.as_dict(),
            "partial": picture.partial}  # fmt: skip


def sign(data: bytes, picture: Picture) -> bytes:
    """The picture as PNG with its settings inside; the pixels of a PNG are not touched."""
    if not data.startswith(_PNG):
        data = png_bytes(picture.image())
    texts = {OURS: json.dumps(record(picture), ensure_ascii=False)}
    if b"parameters\0" not in data[:65536]:
        texts = {"parameters": infotext(picture.params, model=picture.model), **texts}
    header = 8 + 25
    return data[:header] + b"".join(_chunk(key, text) for key, text in texts.items()) + data[header:]


def read(data: bytes) -> Found:
    """What a PNG, JPEG or WebP tells about its making; a sentence when it is no picture at all."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise LibraryError(f"The picture is too large: {opened.width}×{opened.height} pixels.")
            texts = {key: value for key, value in opened.info.items() if isinstance(value, str)}
            comment = opened.getexif().get_ifd(0x8769).get(0x9286, b"")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LibraryError("The file could not be read as a picture. Choose a PNG, JPEG or WebP.") from error
    text = texts.get("parameters") or _comment(comment)
    kept = _record(texts.get(OURS, ""))
    if kept:
        return Found(kept.get("params", {}), text, kept)
    settings, notes = settings_from(text) if text else ({}, ["The picture carries no settings."])
    return Found(settings, text, None, tuple(notes))


def _record(text: str) -> dict[str, Any] | None:
    try:
        kept = json.loads(text[:MAX_TEXT])
    except ValueError:
        return None
    return kept if isinstance(kept, dict) and isinstance(kept.get("params"), dict) else None


def _comment(value: Any) -> str:
    """EXIF's UserComment: eight bytes name the encoding, the text follows."""
    if not isinstance(value, bytes) or len(value) < 8:
        return ""
    if value.startswith(b"UNICODE"):
        body = value[8:]
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be", "replace")
    return value[8:].decode("utf-8", "replace")


def _chunk(key: str, text: str) -> bytes:
    """A PNG text chunk: plain where Latin-1 suffices, as A1111 writes it, else UTF-8."""
    try:
        kind, body = b"tEXt", key.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search("[,:\n]", text) else text


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
