"""A picture that stays on disk until it is used: a plan over a folder tree names thousands of
them."""

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from sdplay.errors import BadParams


@dataclass(frozen=True)
class PictureFile:
    """Stands where a picture's bytes would stand in a plan."""

    path: Path = field(compare=False)
    name: str
    """As records name it."""
    size: tuple[int, int] = field(compare=False)
    """Pixels across and down."""

    @classmethod
    def checked(cls, path: Path) -> "PictureFile":
        """A file that was read to its last pixel once; raises what Pillow raises."""
        data = _bytes(path)
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()  # opening alone would let a file pass that is cut off
            return cls(path, image_name(data), opened.size)

    def read(self) -> bytes:
        """The bytes; a sentence when they are gone or are others by now."""
        try:
            data = _bytes(self.path)
        except OSError as error:
            raise BadParams(
                f"The picture {self.path} could not be read: {error.strerror}."
            ) from error
        if image_name(data) != self.name:
            raise BadParams(
                f"The picture {self.path} has changed since the plan was read. Run the same "
                "command again."
            )
        return data


def _bytes(path: Path) -> bytes:
    """As it stands, or as PNG where no server would read it."""
    data = path.read_bytes()
    if path.suffix.lower() not in (".bmp", ".tif", ".tiff"):
        return data
    png = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.convert("RGBA" if opened.has_transparency_data else "RGB").save(png, "PNG")
    return png.getvalue()


def image_name(data: bytes) -> str:
    """The name under which a record mentions a picture that it does not carry."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
