"""Reads how a picture file was made, and writes our own settings into it."""

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import ExifTags, Image

from sdplay.errors import LibraryError
from sdplay.files.untrusted import read_json
from sdplay.metadata import dialects, png
from sdplay.metadata.infotext import checked, infotext
from sdplay.params import KNOBS, Params
from sdplay.picture import Picture, Receipt, Timing, png_bytes
from sdplay.settings import without_secrets

OURS = "sdplay"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""The endings of picture files that can hold settings."""
MAX_PIXELS = 64_000_000
"""The most pixels of a picture that the app makes and stores."""
VISITOR_PIXELS = 17_000_000
"""The most pixels of a visitor's picture: 4096 × 4096, which takes 50 MB once it is decoded."""
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    UserWarning,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""The errors that Pillow was seen to raise for damaged files."""


@dataclass(frozen=True)
class Found:
    """What a picture file says about how it was made."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Only the settings that the file names, under our names, each value checked."""
    text: str = ""
    """The text as it is in the file, infotext or JSON."""
    record: Mapping[str, Any] | None = None
    """Our own record, if we made the picture."""
    notes: tuple[str, ...] = ()
    """A sentence for everything that could not be read or does not fit."""
    dialect: str = ""
    """The program that wrote the file: sdplay, A1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus
    and others. Empty if none is known."""
    width: int = 0
    height: int = 0


def record(picture: Picture) -> dict[str, Any]:
    """Our full record of a picture: what was asked, sent and applied, and where the time went.

    Keys are removed from what a server said. The settings stay as they were asked.
    """
    server = {"model": picture.model, "receipt": picture.receipt.as_dict()}
    return {
        "params": picture.params.as_dict(),
        "backend": picture.backend,
        "timing": picture.timing.as_dict(),
        "partial": picture.partial,
        **json.loads(_without_keys(json.dumps(server))),
    }


def sign(data: bytes, picture: Picture, fields: Mapping[str, Any] | None = None) -> bytes:
    """Returns the picture as PNG with its settings inside; the pixels of a PNG stay untouched.

    Text that the backend itself wrote stays. Our record of an earlier picture is replaced.
    `fields` is the picture's record, where it was made already.
    """
    texts = _texts(data, [])
    written = texts.get("parameters") or texts.get("UserComment", "")
    if not png.whole(list(png.chunks(data))):
        data = png_bytes(_for_png(decoded(data)))
    text = written or infotext(picture.params, model=picture.model)
    ours = {"parameters": _without_keys(text), OURS: json.dumps(fields or record(picture))}
    return png.with_texts(data, ours, _without_keys)


def _without_keys(text: str) -> str:
    """Removes the owner's keys from a text, but not short ones, which may be ordinary words."""
    return without_secrets(text, shortest=8)


def read(data: bytes, most_pixels: int = MAX_PIXELS) -> Found:
    """Reads how a PNG, JPEG or WebP was made, without decoding a pixel. A file that is no picture
    raises an error with a clear sentence."""
    notes: list[str] = []
    width, height = _size(data, most_pixels)
    texts = _texts(data, notes)
    own = _record(texts.get(OURS, ""))
    if own:
        settings = checked(
            {name: value for name, value in own["params"].items() if name in KNOBS}, notes
        )
        return Found(settings, texts.get("parameters", ""), own, tuple(notes), OURS, width, height)
    dialect, settings, further, text = dialects.told(texts)
    notes += further if settings or notes else ["The picture carries no settings."]
    return Found(settings, text, None, tuple(notes), dialect, width, height)


def adopted(data: bytes) -> Picture:
    """A picture that was made elsewhere, or one of ours whose record is lost, with the settings
    found in its file."""
    contents = read(data)
    own = contents.record or {}
    params = _params(contents)
    receipt = own.get(
        "receipt",
        {"asked": dict(contents.settings), "sent": {}, "applied": {}, "warnings": contents.notes},
    )
    timing = own.get("timing", {"total": 0.0})
    try:
        return Picture(
            data,
            params,
            str(own.get("backend", contents.dialect or "file")),
            Timing.from_dict(timing),
            Receipt(**{**receipt, "warnings": tuple(receipt["warnings"])}),
            str(own.get("model", "")),
            partial=bool(own.get("partial", False)),
        )
    except (TypeError, KeyError, ValueError) as error:
        raise LibraryError("The record inside the picture is damaged.") from error


def decoded(data: bytes, most_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes all pixels. The size is checked before, and a file that is too large or damaged
    raises an error."""
    _size(data, most_pixels)
    try:
        opened = Image.open(io.BytesIO(data))
        # Loaded pixels belong to the image itself; a copy would hold all of them twice.
        opened.load()
        return opened
    except _BROKEN as error:
        raise LibraryError(
            "The picture is damaged or cut off. Save or generate it again."
        ) from error


def converted(data: bytes, kind: str, quality: int = 92) -> bytes:
    """Our PNG as JPEG or WebP, with its infotext in EXIF, where A1111 and Civitai look for it."""
    exif = Image.Exif()
    text = _texts(data, []).get("parameters", "")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode(
        "utf-16-be", "replace"
    )
    buffer = io.BytesIO()
    try:
        decoded(data).convert("RGB").save(buffer, kind, quality=quality, exif=exif)
    except (ValueError, struct.error) as error:
        raise LibraryError(
            f"The settings are too long for a {kind} file. Download the PNG."
        ) from error
    return buffer.getvalue()


def _params(found: Found) -> Params:
    """The settings in a file. Values of ours that are no longer valid are left out, and a missing
    size is the picture's own."""
    settings = {name: value for name, value in found.settings.items() if KNOBS[name].is_plain}
    near = {"width": round(found.width / 8) * 8, "height": round(found.height / 8) * 8}
    return Params(
        **checked(
            {**{name: min(4096, max(64, size)) for name, size in near.items()}, **settings}, []
        )
    )


def _size(data: bytes, most_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    size = png.size(data) if data.startswith(png.SIGNATURE) else _opened_size(data)
    if not all(size):
        raise LibraryError("The file could not be read as a picture. Choose a PNG, JPEG or WebP.")
    if size[0] * size[1] > most_pixels:
        raise LibraryError(
            f"The picture has {size[0]}×{size[1]} pixels; more than {most_pixels // 10**6} million "
            "are not opened. Make it smaller first."
        )
    return size


def _opened_size(data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return opened.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LibraryError(
            f"The picture has too many pixels; more than {MAX_PIXELS // 10**6} million are not "
            "opened. "
            "Make it smaller first."
        ) from error
    except _BROKEN:
        return 0, 0


def _texts(data: bytes, notes: list[str]) -> dict[str, str]:
    """Every text in the file by its key, also those in EXIF."""
    if not data.startswith(png.SIGNATURE):
        return _exif_of(data)
    chunks = list(png.chunks(data))
    if not png.whole(chunks):
        notes.append("The file is damaged or cut off; what stands before the damage was read.")
    exif = next((bytes(chunk.body) for chunk in chunks if chunk.kind == b"eXIf"), b"")
    return _exif_texts(exif) | png.texts(chunks, notes)


def _exif_of(data: bytes) -> dict[str, str]:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return _exif_texts(opened.info.get("exif", b""))
    except _BROKEN:
        return {}


def _exif_texts(data: bytes) -> dict[str, str]:
    """The comment in EXIF, and the two fields into which ComfyUI writes its graphs."""
    exif = Image.Exif()
    try:
        exif.load(data)
        comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        fields = [str(exif.get(tag, "")) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)]
    except _BROKEN:
        return {}
    told = {"UserComment": _comment(comment)} if comment else {}
    for text in fields:
        name, colon, value = text.partition(":")
        told |= {name.lower(): value} if colon and name.lower() in ("prompt", "workflow") else {}
    return told


def _comment(value: Any) -> str:
    """EXIF's UserComment: eight bytes name one of four encodings, then the text follows."""
    if isinstance(value, str):
        return value[: png.MAX_TEXT]
    if not isinstance(value, bytes):
        return ""
    head, body = value[:8], value[8 : 8 + png.MAX_TEXT]
    if head != b"UNICODE\0":
        return (body if head in (b"ASCII\0\0\0", b"\0" * 8) else value[: png.MAX_TEXT]).decode(
            "utf-8", "replace"
        )
    if 0 not in body:
        return body.decode("utf-8", "replace")
    # Every infotext has plain letters, whose other byte is zero: that tells the byte order.
    low_first = body[1::2].count(0) > body[::2].count(0)
    return body.decode("utf-16-le" if low_first else "utf-16-be", "replace").lstrip("\ufeff")


def _record(text: str) -> dict[str, Any] | None:
    try:
        fields = read_json(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and isinstance(fields.get("params"), dict) else None


def _for_png(image: Image.Image) -> Image.Image:
    """The picture in a colour mode that PNG supports."""
    return (
        image
        if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
        else image.convert("RGB")
    )
