"""Bytes from a stranger become a picture only after they prove to be one."""

import base64
import binascii
import io
import struct
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sdplay.errors import BadParams

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
LARGEST_PIXELS = 40_000_000
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")


class NotAPicture(ValueError):
    """Ends a sentence that begins with who sent it: "is cut off", "is no picture" …"""


def checked(data: bytes) -> bytes:
    """The same bytes, once they decoded to the last pixel.  A bomb is refused before it is
    decoded."""
    try:
        with Image.open(
            io.BytesIO(data), formats=[kind for kind in FORMATS if kind in _readable()]
        ) as opened:
            width, height = opened.size
            if width * height > LARGEST_PIXELS:
                raise NotAPicture(_too_large(f"{width}×{height} pixels"))
            opened.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture(_too_large("gigantic")) from error
    except UnidentifiedImageError as error:
        raise NotAPicture(_unknown(data)) from error
    except (OSError, SyntaxError, EOFError, struct.error, zlib.error, IndexError) as error:
        raise NotAPicture(f"is cut off or damaged after {len(data):,} bytes") from error
    return data


def read_picture(file: Path, role: str) -> bytes:
    """The bytes of a picture file; a sentence that begins with its role when it is none."""
    try:
        return checked(file.read_bytes())
    except NotAPicture as error:
        raise BadParams(f"{role} {file} {error}.") from error
    except (OSError, ValueError) as error:  # a name may hold what no file name can
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadParams(f"{role} {file} could not be read: {reason}.") from error


def from_base64(text: str) -> bytes:
    """The bytes in base64 text, with or without a prefix that ends in a comma, line breaks and
    padding."""
    start = text.find(",", 0, 200) + 1
    body = "".join(text[start:].split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAPicture(f"is cut off or no base64 (it begins with {text[:16]!r})") from error


def _readable() -> set[str]:
    Image.init()
    return set(Image.OPEN)


def _unknown(data: bytes) -> str:
    if data.startswith(_BEGINNINGS):
        return f"is cut off or damaged after {len(data):,} bytes"
    return (
        f"is no picture (it begins with {data[:12].decode('ascii', 'replace')!r})"
        if data
        else "is empty"
    )


def _too_large(size: str) -> str:
    return f"is {size}; more than {LARGEST_PIXELS // 1_000_000} megapixels are not opened"
