"""Reads and writes a PNG file chunk by chunk: limits the length of its texts, and adds chunks
without touching a pixel."""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 4_000_000
"""The most letters of all texts in one file together."""
MAX_CHUNKS = 100_000
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_EXIF_CODES = ("latin-1", "utf-16-le", "utf-16-be")


@dataclass(frozen=True)
class Chunk:
    """One chunk. `start` and `end` include its length and its checksum."""

    kind: bytes
    body: memoryview
    start: int
    end: int


def chunks(data: bytes) -> Iterator[Chunk]:
    """All whole chunks in order. It stops at the first that is cut off or damaged, and at more
    chunks than any picture needs."""
    view, at = memoryview(data), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        (size,) = struct.unpack_from(">I", data, at)
        end = at + 12 + size
        if (
            end > len(data)
            or zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]
        ):
            return
        kind = bytes(view[at + 4 : at + 8])
        yield Chunk(kind, view[at + 8 : end - 4], at, end)
        if kind == b"IEND":
            return
        at = end


def whole(listed: list[Chunk]) -> bool:
    """Whether these chunks reach the end of the picture."""
    return bool(listed) and listed[0].kind == b"IHDR" and listed[-1].kind == b"IEND"


def size(data: bytes) -> tuple[int, int]:
    """Width and height from the header; (0, 0) if there is no whole header."""
    head = next(chunks(data), None)
    if head is None or head.kind != b"IHDR" or len(head.body) != 13:
        return 0, 0
    width, height = struct.unpack_from(">II", head.body)
    return int(width), int(height)


def texts(listed: list[Chunk], notes: list[str]) -> dict[str, str]:
    """Every text by its key. The first text of a key counts, and `notes` gets a sentence for each
    text that is too long."""
    by_key: dict[str, str] = {}
    room = MAX_TEXT
    for chunk in listed:
        if chunk.kind in _TEXTS and key_of(chunk) not in by_key:
            key, value = _text(chunk, room)
            if len(value) > room:
                notes.append(
                    f"The texts inside the picture are longer than {MAX_TEXT // 10**6} MB: "
                    f"{key[:40]!r} and what follows were not read."
                )
                break
            room -= len(value)
            by_key[key] = _decoded(chunk.kind, value)
    return by_key


def key_of(chunk: Chunk) -> str:
    """The key of a text chunk; empty for any other chunk."""
    return (
        bytes(chunk.body[:80]).split(b"\0", 1)[0].decode("latin-1") if chunk.kind in _TEXTS else ""
    )


def with_texts(data: bytes, values: Mapping[str, str], clean: Callable[[str], str] = str) -> bytes:
    """The same picture with these texts behind its header, in place of any texts with the same
    keys.

    All other texts are passed through `clean`. EXIF that `clean` would change is removed.
    """
    view, head, *rest = memoryview(data), *chunks(data)
    others = (chunk for chunk in rest if key_of(chunk) not in values)
    unchanged = [_cleaned(chunk, clean) or view[chunk.start : chunk.end] for chunk in others]
    new = [_chunk(key, text) for key, text in values.items()]
    return b"".join([SIGNATURE, view[head.start : head.end], *new, *unchanged])


def _cleaned(chunk: Chunk, clean: Callable[[str], str]) -> bytes:
    """The chunk after cleaning, if that changes it; empty if the chunk may stay as it is."""
    if chunk.kind in _TEXTS:
        key, value = _text(chunk, MAX_TEXT)
        text = _decoded(chunk.kind, value)
        return _chunk(key, clean(text)) if clean(text) != text else b""
    if chunk.kind != b"eXIf":
        return b""
    texts = [bytes(chunk.body).decode(code, "replace") for code in _EXIF_CODES]
    # A text chunk without words stands in its place.
    return _chunk("Comment", "") if any(clean(text) != text for text in texts) else b""


def _text(chunk: Chunk, room: int) -> tuple[str, bytes]:
    """Key and raw text. No more is unpacked than fits, and one byte that shows whether there was
    more."""
    key, _, rest = bytes(chunk.body[: room + 200]).partition(b"\0")
    packed = chunk.kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif chunk.kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]
    if packed:
        try:
            rest = zlib.decompressobj().decompress(rest, room + 1)
        except zlib.error:
            rest = b""
    return key.decode("latin-1"), rest


def _decoded(kind: bytes, value: bytes) -> str:
    """The text is Latin-1 by the standard, but many programs write UTF-8 into every kind of
    chunk."""
    if kind == b"iTXt":
        return value.decode("utf-8", "replace")
    try:
        return value.decode("utf-8") if not value.isascii() else value.decode("ascii")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _chunk(key: str, text: str) -> bytes:
    """A plain text chunk if ASCII suffices, as A1111 writes it, otherwise one in UTF-8."""
    if text.isascii():
        kind, body = b"tEXt", key.encode("latin-1") + b"\0" + text.encode()
    else:
        kind, body = (
            b"iTXt",
            key.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8", "replace"),
        )
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
