"""Pictures one after the other as GIF, WebP or MP4: along one axis in the order of its values, or
as they come."""

import io
import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageOps

from sdplay.compare.exports import video
from sdplay.compare.exports.sheet import write
from sdplay.compare.plan import Plan
from sdplay.compare.results import Pictures, Result
from sdplay.errors import BadParams

Frames = Sequence[tuple[str, Image.Image]]
KINDS = ("gif", "webp", "mp4")
LABELS = {"gif": "GIF", "webp": "WebP", "mp4": "MP4"}
MEDIA_TYPES = {"gif": "image/gif", "webp": "image/webp", "mp4": "video/mp4"}
BAR = 22
MOST_PIXELS = 16_000_000
"""Pixels of all frames together: more of them are made smaller."""


def kinds() -> tuple[str, ...]:
    """The kinds of file that can be written on this machine."""
    return tuple(kind for kind in KINDS if kind != "mp4" or video.can_write())


def ordered(
    plan: Plan,
    along: int,
    results: Mapping[tuple[int, ...], Result],
    pictures: Pictures,
    fixed: Mapping[int, int] | None = None,
) -> list[tuple[str, Image.Image]]:
    """The finished pictures along one axis with their labels, numbers by size and words as typed;
    each is small enough for all to fit into memory."""
    marks = plan.varied[along].marks
    numbers = all(isinstance(mark.value, int | float) for mark in marks)
    places = sorted(range(len(marks)), key=lambda at: marks[at].value if numbers else at)
    row = plan.table(None, along, fixed)[0]
    frames = []
    for at in places:
        result = results.get(row[at].at)
        picture = pictures(result) if result and result.done else None
        if picture:
            frames.append((marks[at].label, smaller(picture, len(marks))))
    return frames


def smaller(image: Image.Image, frames: int) -> Image.Image:
    """The picture, made smaller when so many of its size would not fit into memory."""
    share = math.sqrt(MOST_PIXELS / frames / (image.width * image.height))
    if share >= 1:
        return image
    size = (max(1, int(image.width * share)), max(1, int(image.height * share)))
    return image.resize(size, Image.Resampling.LANCZOS)


def animate(
    frames: Frames,
    *,
    kind: str = "gif",
    seconds: float = 0.5,
    ping_pong: bool = False,
    labels: bool = False,
) -> bytes:
    """The frames as an endless animation; ping-pong walks back instead of jumping to the start."""
    if kind not in KINDS:
        raise BadParams(f"An animation is a gif, webp or mp4, not {kind!r}.")
    if not frames:
        raise BadParams("There is no finished picture along this axis yet. Run the sweep first.")
    size = frames[0][1].size
    pictures = [_frame(image, size, label if labels else "") for label, image in frames]
    if ping_pong:
        pictures += pictures[-2:0:-1]
    if kind == "mp4":
        return video.mp4(pictures, 1 / seconds)
    return _looped(pictures, kind, seconds)


def _looped(pictures: list[Image.Image], kind: str, seconds: float) -> bytes:
    """A GIF or WebP that plays for ever."""
    buffer = io.BytesIO()
    options = {
        "save_all": True,
        "append_images": pictures[1:],
        "duration": max(20, round(seconds * 1000)),
        "loop": 0,
    }
    if kind == "gif":
        # One palette for all, so that a colour does not flicker from frame to frame.
        palette = _palette(pictures)
        pictures = [
            image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            for image in pictures
        ]
        options |= {"append_images": pictures[1:], "disposal": 1, "optimize": False}
    else:
        options |= {"quality": 90, "method": 4}
    pictures[0].save(buffer, kind.upper(), **options)
    return buffer.getvalue()


def _frame(image: Image.Image, size: tuple[int, int], label: str) -> Image.Image:
    frame = image.convert("RGB")
    if frame.size != size:
        frame = ImageOps.pad(frame, size)
    if label:
        frame = frame.copy()
        pen = ImageDraw.Draw(frame)
        pen.rectangle((0, size[1] - BAR, size[0], size[1]), (255, 255, 255))
        write(pen, (2, size[1] - BAR + 3, size[0] - 2, size[1]), label, 14, middle=True)
    return frame


def _palette(frames: Sequence[Image.Image]) -> Image.Image:
    """256 colours that suit all frames together."""
    small = [frame.resize((min(64, frame.width), min(64, frame.height))) for frame in frames[:64]]
    joined = Image.new(
        "RGB", (sum(image.width for image in small), max(image.height for image in small))
    )
    left = 0
    for each in small:
        joined.paste(each, (left, 0))
        left += each.width
    return joined.quantize(256)
