"""An MP4, written by the encoder that the extra `video` brings."""

import subprocess
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from PIL import Image

from sdplay.errors import BackendError, BadParams

EXTRA = "An MP4 needs the package imageio-ffmpeg: pip install '.[video]'"
FINENESS = 20
"""x264's constant rate factor: a smaller one is finer and makes larger files."""


Size = tuple[int, int]


def can_write() -> bool:
    """Whether the encoder is installed."""
    return find_spec("imageio_ffmpeg") is not None


def mp4(frames: Iterable[Image.Image], fps: float) -> bytes:
    """The frames one after the other as H.264, which every browser plays; one is held at a time."""
    if not can_write():
        raise BadParams(EXTRA)
    pending = iter(frames)
    opening = next(pending, None)
    if opening is None:
        raise BadParams("There is no picture to make a film of yet.")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        _encode(file, chain([opening], pending), _even(opening.size), fps)
        return file.read_bytes()


def _encode(file: Path, frames: Iterable[Image.Image], size: Size, fps: float) -> None:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), *_options(size, fps), str(file)]
    with tempfile.TemporaryFile() as log:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        try:
            with encoder:  # on leaving, its input is closed and its end is waited for
                for frame in frames:
                    encoder.stdin.write(_fitted(frame, size).tobytes())  # type: ignore[union-attr]
        except BrokenPipeError:
            encoder.wait()
        except BaseException:
            encoder.kill()
            raise
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    if encoder.returncode:
        raise BackendError(
            f"The encoder could not write the film: {said[-200:]}. Try GIF or WebP instead."
        )


def _options(size: Size, fps: float) -> list[str]:
    """Raw frames in, H.264 out, in the colours that every player knows; the index stands in front,
    so that players begin before the whole file is there."""
    raw = f"-f rawvideo -pix_fmt rgb24 -s {size[0]}x{size[1]} -r {fps:g} -i -"
    film = f"-c:v libx264 -crf {FINENESS} -pix_fmt yuv420p -movflags +faststart"
    return f"-y -loglevel error {raw} -an {film}".split()


def _even(size: Size) -> Size:
    """H.264 halves the colours' resolution, so an odd side loses its last line."""
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def _fitted(frame: Image.Image, size: Size) -> Image.Image:
    colours = frame.convert("RGB")
    return colours if colours.size == size else colours.crop((0, 0, *size))
