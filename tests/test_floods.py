"""Small files that unpack into much: every reader has a bound on what it holds."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from sdplay.metadata import png
from sdplay.picture import png_bytes
from tests.suites import in_full

MOST_MEGABYTES = 200
FLOODING = Path(__file__).parent / "flooding.py"
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is read as Linux tells it"
)


def zipped(**files):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return whole.getvalue()


def many_names():
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for number in range(in_full(200_000, 100_000)):
            archive.writestr(f"{number}.txt", b"")
    return whole.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(*new):
    plain = png_bytes(Image.new("RGB", (8, 8)))
    end = next(png.chunks(plain)).end
    return plain[:end] + b"".join(new) + plain[end:]


def texts():
    packed = zlib.compress(b"a" * 3_900_000)
    return (chunk(b"zTXt", b"key%d\0\0" % n + packed) for n in range(200))


def noise(side):
    file = io.BytesIO()
    pixels = os.urandom(3 * side * side)
    Image.frombytes("RGB", (side, side), pixels).save(file, "PNG", compress_level=0)
    return file.getvalue()


FLOODS = {
    "one endless line": ("bring_in", lambda: zipped(pictures_json=b" " * 400_000_000)),
    "one line of many lists": ("bring_in", lambda: zipped(pictures_json=b"[" * 50_000_000)),
    "spaces called a picture": ("bring_in", lambda: zipped(a_png=b" " * 500_000_000)),
    "countless names": ("bring_in", many_names),
    "a wide black picture": ("take", lambda: png_bytes(Image.new("RGB", (8000, 8000)))),
    "a wide black picture in a zip": (
        "bring_in",
        lambda: zipped(a_png=png_bytes(Image.new("RGB", (8000, 8000)))),
    ),
    "the largest picture that is taken": ("take", lambda: noise(4096)),
    "many packed texts": ("read", lambda: with_chunks(*texts())),
    "a million empty chunks": ("read", lambda: with_chunks(chunk(b"abCd", b"") * 1_000_000)),
    "a text of many objects": (
        "read",
        lambda: with_chunks(chunk(b"tEXt", b"sdplay\0" + b"[" + b"{}," * 1_300_000 + b"{}]")),
    ),
}


@pytest.fixture(scope="module")
def flooding():
    """The process that reads each file in a new one; loading the modules once is enough."""
    process = subprocess.Popen(
        [sys.executable, FLOODING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    yield process
    process.communicate()


@pytest.mark.parametrize("name", FLOODS)
def test_a_small_file_never_takes_much_memory(name, tmp_path, flooding):
    reader, made = FLOODS[name]
    source = tmp_path / "file"
    source.write_bytes(made())
    print(reader, source, file=flooding.stdin, flush=True)
    told = json.loads(flooding.stdout.readline())
    assert told["said"]
    assert told["added"] < MOST_MEGABYTES
