"""Whatever one visitor sends, the page's process holds little more than before: a real server, its
own memory."""

import base64
import hashlib
import io
import json
import os
import threading
import time
import zipfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest
from PIL import Image
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX

from sdplay.picture import png_bytes
from tests.fakes import a1111, send
from tests.local_process import until
from tests.serving import forked
from tests.suites import in_full
from tests.visiting import Visitor, forget_peak, megabytes

MOST_MEGABYTES = 200
STARTS = STROKES = in_full(3, 2)
LARGE = {
    "view": "Sketch",
    "live": "true",
    "backend": "a1111",
    "steps": 2,
    "width": 2048,
    "height": 2048,
}
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is read as Linux tells it"
)


@pytest.fixture(scope="module")
def mute():
    """An A1111 that takes every picture, says that it is at work, and never answers."""
    over = threading.Event()
    with ExitStack() as stack:
        fake = stack.enter_context(a1111())
        stack.callback(over.set)
        fake.running = True
        fake.site.routes["POST /sdapi/v1/txt2img"] = lambda http, asked: over.wait()
        yield fake


@pytest.fixture
def repainting(mute):
    """It answers each drawing with a large picture."""
    mute.running, before = False, mute.site.routes["POST /sdapi/v1/img2img"]
    answer = {"images": [base64.b64encode(large_drawing()).decode()], "parameters": {}}
    mute.site.routes["POST /sdapi/v1/img2img"] = lambda http, asked: send(
        http, answer | {"info": mute.info(mute.applied(asked.json()))}
    )
    yield mute
    mute.running, mute.site.routes["POST /sdapi/v1/img2img"] = True, before


@pytest.fixture(scope="module")
def server(tmp_path_factory, mute):
    """A page on which a picture was made and one from a start image, so that what everybody needs
    is there."""
    process, url = forked(tmp_path_factory.mktemp("home"), SDPLAY_A1111_URL=mute.url)
    try:
        with Visitor(url) as visitor:
            make(visitor)
            start_from(visitor, 128)
        yield process.pid, url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def visitor(server):
    pid, url = server
    before = megabytes(pid)
    forget_peak(pid)
    with Visitor(url) as visitor:
        yield visitor
    assert megabytes(pid, "VmHWM") - before < MOST_MEGABYTES


def until_gone(visitor, key):
    """Until the control of what is at work is gone. Each look is a run of the whole page."""
    until(lambda: key not in visitor.run().drawn, meanwhile=lambda: time.sleep(0.3))


def make(visitor):
    """One click, and the picture is there."""
    visitor.press("go")
    until_gone(visitor, "cancel")


def noise(side):
    whole = io.BytesIO()
    pixels = os.urandom(3 * side * side)
    Image.frombytes("RGB", (side, side), pixels).save(whole, "PNG", compress_level=0)
    return whole.getvalue()


def start_from(visitor, side):
    """One picture made from an uploaded one."""
    uploader = next(key for key in visitor.ids if key.startswith("init_file"))
    assert visitor.upload(noise(side), uploader) == 204
    visitor.run()
    make(visitor)


def large_drawing(side=2048):
    """White below; noise above, so that it is nearly as large as a browser sends."""
    image = Image.new("RGB", (side, side), "white")
    image.paste(Image.frombytes("RGB", (side, 1400), os.urandom(3 * side * 1400)), (0, 0))
    return png_bytes(image)


def draw(visitor, pad, number, data, background=""):
    """One stroke, as a browser sends it."""
    drawing = {
        "number": number,
        "picture": f"data:image/png;base64,{base64.b64encode(data).decode()}",
        "why": "change",
        "width": 2048,
        "height": 2048,
        "background": background,
    }
    id = f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{visitor.ids[pad]}__events"
    state = visitor.widgets.widgets.add(id=id)
    state.json_trigger_value = json.dumps([{"event": "drawing", "value": drawing}])
    visitor.run()
    others = [widget for widget in visitor.widgets.widgets if widget.id != id]
    del visitor.widgets.widgets[:]
    visitor.widgets.widgets.extend(others)
    until_gone(visitor, "sketch_cancel")
    assert "sketch_details" in visitor.drawn


def spaces():
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(8):
            archive.writestr(f"{number}.png", b" " * 60_000_000)
    return whole.getvalue()


def test_many_large_uploads(visitor):
    data = os.urandom(30 * 2**20)
    assert {visitor.upload(data) for _ in range(8)} == {204}


def test_pictures_that_start_from_many_large_ones(visitor):
    for _ in range(STARTS):
        start_from(visitor, 2200)
    assert "Recent" in visitor.texts


def test_live_drawings_of_2048_pixels(visitor, repainting):
    visitor.run(urlencode(LARGE))
    for number in range(1, STROKES + 1):
        draw(visitor, "sketch_pad", number, large_drawing())


def test_masks_of_2048_pixels(visitor, repainting):
    address = urlencode({**LARGE, "sketch_as": "Inpaint"})
    visitor.run(address)
    photo, half = large_drawing(), Image.new("L", (2048, 2048))
    half.paste(255, (0, 0, 2048, 1024))
    assert visitor.upload(photo, "init_file_0") == 204
    visitor.run()
    original = hashlib.sha256(photo + repr((2048, 2048)).encode()).hexdigest()[:16]
    for number in range(1, STROKES + 1):
        half.putpixel((number, 2000), 255)
        draw(visitor, "inpaint_pad", number, png_bytes(half), original)


def test_many_pictures_of_a_server_that_never_answers(server, mute, visitor):
    before = megabytes(server[0])
    for seed in (1, 101, 201, 301):
        address = urlencode({"backend": "a1111", "count": 30, "seed": seed})
        visitor.run(address)
        visitor.press("go", address)
    assert "64 of your pictures are waiting already" in " ".join(visitor.texts)
    until(lambda: mute.requests())
    visitor.press("cancel_all", address)
    until(lambda: "cancel" not in visitor.run(address).drawn)
    assert megabytes(server[0]) - before < 50


def test_start_images_that_unpack_into_much(visitor):
    black = png_bytes(Image.new("RGB", (8000, 8000)))
    for more in range(3):
        visitor.upload(black + bytes(more), "init_file_0")  # none of them was seen before
        visitor.run()
    assert "more than 40 megapixels are not opened" in " ".join(visitor.texts)


def test_endless_prompts(visitor):
    for word in ("a fox ", "a hen "):
        visitor.set("prompt", string_value=word * 3_000_000)
        visitor.press("go")
    assert "letters; at most 20,000 are taken" in " ".join(visitor.texts)


def test_a_zip_of_spaces(visitor):
    visitor.run(urlencode({"view": "Library"}))
    assert visitor.upload(spaces(), "carry_in", "all.zip") == 204
    visitor.run(urlencode({"view": "Library"}))
    visitor.press("carry_go")
    assert "could not be read as a picture" in " ".join(visitor.texts)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("plan.json", b"[" + b"1," * 11_000_000 + b"1]", "more than 1,000,000 values"),
        ("plan.json", b"[" * 60_000_000, "more than 24 MB is not read here"),
        ("plan.csv", b"a," * 2_000_000 + b"a\n1,2\n", "more than 1,000 columns"),
        ("plan.csv", b"a\n" * 2_000_000, "more than 10,000 rows"),
    ],
    ids=["values", "brackets", "columns", "rows"],
)
def test_plans_that_unpack_into_much(visitor, name, data, sentence):
    address = urlencode({"view": "Compare"})
    visitor.run(address)
    assert visitor.upload(data, "open_plan", name) == 204
    visitor.run(address)
    visitor.press("open_take", address)
    assert sentence in " ".join(visitor.texts)


def test_grids_of_ten_thousand_cells(visitor):
    axes = {"x_axis": "Seed", "x_values": "1-100", "y_axis": "CFG scale", "y_values": "1-10(+0.09)"}
    for prompt in ("a fox", "a hen"):
        visitor.run(urlencode({"view": "Compare", "prompt": prompt, **axes}))
    assert "10,000" in " ".join(visitor.texts) or "10,100" in " ".join(visitor.texts)
