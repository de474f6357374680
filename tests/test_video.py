"""MP4 files: as many frames as there are pictures, at their speed, in their colours."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sdplay.compare.exports import animation, video
from sdplay.errors import BadParams

imageio_ffmpeg = pytest.importorskip(
    "imageio_ffmpeg", reason="MP4 needs imageio-ffmpeg: pip install '.[video]'"
)
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 220)]


def frames(size=(64, 48)):
    return [Image.new("RGB", size, colour) for colour in COLOURS]


def played(data, tmp_path):
    """What a player sees: size, frames a second, and each frame's middle colour."""
    file = tmp_path / "film.mp4"
    file.write_bytes(data)
    player = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-i",
        file,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    done = subprocess.run(player, capture_output=True, check=True)
    about = re.search(r"Video: h264.*?, (\d+)x(\d+).*?([\d.]+) fps", done.stderr.decode())
    width, height = int(about[1]), int(about[2])
    shape = (-1, height, width, 3)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(shape)
    middles = [tuple(map(int, frame[height // 2, width // 2])) for frame in frames]
    return (width, height), float(about[3]), middles


def test_a_film_has_every_frame_in_its_colour(tmp_path):
    size, fps, colours = played(video.mp4(iter(frames()), 12), tmp_path)
    assert (size, fps, len(colours)) == ((64, 48), 12, 4)
    for colour, painted in zip(colours, COLOURS, strict=True):
        assert colour == pytest.approx(painted, abs=8)


def test_an_odd_side_loses_its_last_line(tmp_path):
    assert played(video.mp4(frames((65, 49)), 5), tmp_path)[0] == (64, 48)


def test_a_player_may_begin_before_the_whole_file_is_there():
    data = video.mp4(frames(), 12)
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < data.index(b"mdat")


def test_an_animation_can_be_an_mp4(tmp_path):
    labelled = [(str(at), frame) for at, frame in enumerate(frames())]
    data = animation.animate(labelled, kind="mp4", seconds=0.25, ping_pong=True)
    _, fps, colours = played(data, tmp_path)
    assert (fps, len(colours)) == (4, 6)
    assert "mp4" in animation.kinds()


def test_no_frames_make_no_film():
    with pytest.raises(BadParams, match="no picture to make a film of"):
        video.mp4([], 12)


def test_without_the_encoder_a_sentence_says_what_to_install():
    said = (
        "import sys; sys.modules['imageio_ffmpeg'] = None\n"
        "from sdplay.compare.exports import animation, video\n"
        "from sdplay.errors import BadParams\n"
        "print(animation.kinds())\n"
        "try: video.mp4([], 5)\n"
        "except BadParams as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["('gif', 'webp')", video.EXTRA]
