"""Progress while a picture is made; Picture, Timing, Receipt and Frame when it is there."""

import dataclasses
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from PIL import Image

from sdplay.params import Params

GROUND = "#dcdce2"
"""What shows through a transparent picture where it must not."""


@dataclass(frozen=True)
class Progress:
    """Where the work stands.  None means: the backend does not tell."""

    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    seconds_left: float | None = None
    preview: bytes | Callable[[], bytes] | None = None
    """A small JPEG; or how to draw it, for a backend that draws only what somebody looks at."""
    position: int | None = None
    """Pictures ahead in the queue."""
    message: str = ""

    def look(self) -> bytes | None:
        """The preview, drawn now if need be."""
        return self.preview() if callable(self.preview) else self.preview


@dataclass(frozen=True)
class Enlargement:
    """How a finished picture is made larger."""

    upscaler: str
    factor: float = 2.0
    faces: str = ""
    """The network that repairs faces meanwhile; empty leaves them as they are."""

    @property
    def key(self) -> str:
        """The same for the same result."""
        return " ".join(filter(None, (self.upscaler, f"{self.factor:g}", self.faces)))


SECONDS = ("queued", "company", "network", "load", "sampling", "decode", "total")
"""The parts of a picture's time, in the order in which tables name them."""


@dataclass(frozen=True)
class Timing:
    """Where the seconds went.  None means: could not be told apart, it is inside `total`."""

    total: float
    queued: float | None = None
    """Before its turn came."""
    network: float | None = None
    load: float | None = None
    sampling: float | None = None
    """In the model; with shared batches only its own share of the calls."""
    decode: float | None = None
    company: float | None = None
    """While pictures made at the same time had their turns."""
    at_once: float | None = None
    """How many pictures the backend had at work meanwhile, this one included, on average: 1 is
    alone.  None: measured before this was noted."""
    share: float | None = None
    """Its part of the clock: a second in which four were at work counts a quarter for each.  So the
    shares of any pictures add up to no more than the time that went by.  None: as above."""

    @classmethod
    def from_dict(cls, values: Mapping[str, float | None]) -> "Timing":
        """Read as_dict() back, ignoring unknown names, so old and new records both load."""
        names = {field.name for field in dataclasses.fields(cls)}
        fields: dict[str, Any] = {name: value for name, value in values.items() if name in names}
        return cls(**fields)

    def as_dict(self) -> dict[str, float | None]:
        return {**self.parts(), "at_once": self.at_once, "share": self.share}

    def parts(self) -> dict[str, float | None]:
        """The seconds alone."""
        return {name: getattr(self, name) for name in SECONDS}

    @property
    def own(self) -> float:
        """What making the picture took: the model's time where it is told, else the whole without
        waiting and loading."""
        if self.sampling:
            return self.sampling + (self.decode or 0.0)
        waited = (self.queued or 0.0) + (self.company or 0.0) + (self.load or 0.0)
        return max(0.0, self.total - waited)

    @property
    def work(self) -> float:
        """Its part of the time that its backend was at work, without queue and loading: what may be
        added up over pictures."""
        if self.share is None or not self.total:
            return self.own
        idle = (self.queued or 0.0) + (self.load or 0.0)
        return self.share * max(0.0, 1 - idle / self.total)


def _frozen(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(values))


GAP = "…"
"""Stands in an applied prompt where something was left out."""
WRITTEN = "written_"
"""Stands before a prompt's name in a receipt: what a person wrote, where something else was
sent."""


@dataclass(frozen=True)
class Receipt:
    """What was asked, what was sent, what the backend says it applied; and a sentence for every
    difference."""

    asked: Mapping[str, Any]
    sent: Mapping[str, Any]
    """The payload as it went out, pictures named by their SHA-256, keys never in it."""
    applied: Mapping[str, Any]
    """In our knob names; only what the backend reported or the picture shows."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("asked", "sent", "applied"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))

    def as_written(self, texts: Mapping[str, str]) -> "Receipt":
        """The same, with the prompts as a person wrote them where others were sent."""
        return dataclasses.replace(self, asked={**self.asked, **texts}) if texts else self

    def as_dict(self) -> dict[str, Any]:
        return {
            "asked": dict(self.asked),
            "sent": dict(self.sent),
            "applied": dict(self.applied),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Frame:
    """One step on the way: the noisy latent and the picture the model predicts from it, as small
    JPEGs."""

    step: int
    sigma: float
    seconds: float
    clean: bytes
    noisy: bytes = b""


@dataclass(frozen=True)
class Picture:
    """A finished picture: the bytes as the backend gave them, and how they came to be."""

    data: bytes
    params: Params
    backend: str
    timing: Timing
    receipt: Receipt
    model: str = ""
    """Model name and version as reported; part of the recipe key."""
    frames: tuple[Frame, ...] = field(default=(), repr=False)
    version: str = ""
    """What made it, as `Backend.model_version` names it, where that is known only afterwards."""
    partial: bool = False
    """Stopped before the end; the backend gave what it had."""
    others: tuple["Picture", ...] = field(default=(), repr=False)
    """What the same request made besides, each with its own seed."""

    def image(self) -> Image.Image:
        """The decoded pixels."""
        with Image.open(io.BytesIO(self.data)) as opened:
            opened.load()
            return opened.copy()


@dataclass(frozen=True, eq=False)
class CutOut:
    """A thing cut out of a picture."""

    image: Image.Image
    """On a transparent ground, no larger than the thing."""
    box: tuple[int, int, int, int]
    """Where it was: left, top, right, bottom."""
    score: float
    """How sure the model is, up to about 1."""
    model: str
    """The name of the model."""


def png_bytes(image: Image.Image) -> bytes:
    """The picture as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def jpeg_bytes(image: Image.Image, longest: int = 256, quality: int = 84) -> bytes:
    """A small JPEG for previews and tiles: Streamlit passes JPEG through untouched."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    small = image if image.mode == mode else image.convert(mode)
    scale = min(1.0, longest / max(image.size))
    if scale < 1:
        # Shrunk before anything else: a copy at full size would hold a large picture twice.
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        small = small.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if mode == "RGBA":
        ground = Image.new("RGB", small.size, GROUND)
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=quality)
    return jpeg.getvalue()
