"""A film as a file: GIF and WebP play anywhere and are made smaller where they are long; an MP4
keeps every pixel."""

from collections.abc import Sequence

from sdplay import metadata
from sdplay.compare.exports import video
from sdplay.compare.exports.animation import animate, smaller
from sdplay.errors import BadParams
from sdplay.library import Library, SavedPicture

FPS = (1.0, 50.0)
"""Frames a second; browsers slow a GIF down that asks for more."""


def check_fps(fps: float) -> None:
    """Refuse a speed that no player keeps."""
    if not FPS[0] <= fps <= FPS[1]:
        raise BadParams(f"Frames a second must be between 1 and 50, not {fps:g}.")


def film_file(frames: Sequence[SavedPicture], library: Library, kind: str, fps: float) -> bytes:
    """All frames in their order."""
    if not frames:
        raise BadParams("There is no frame to save yet. Wait for the first one.")
    check_fps(fps)
    images = (metadata.decoded(library.data(frame)) for frame in frames)
    if kind == "mp4":
        return video.mp4(images, fps)
    return animate(
        [("", smaller(image, len(frames))) for image in images], kind=kind, seconds=1 / fps
    )
