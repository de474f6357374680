"""Networks that enlarge: real files with tiny random weights, in tiles, and through the local
process."""

import asyncio
import base64
import io
import json
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from sdplay.backends.local import Local
from sdplay.errors import BackendError, BadParams
from sdplay.params import Params
from sdplay.picture import Enlargement, png_bytes

pytest.importorskip("torch", reason="upscaling by networks needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")
# spandrel itself may need what only sdplay.engine.torch.upscale gives it; this comes with it.
pytest.importorskip(
    "einops", reason="upscaling by networks needs spandrel: pip install '.[upscale]'"
)

import torch

from sdplay.engine.torch.upscale import Upscaler, load_upscaler
from sdplay.server.extras.addons import files_in
from sdplay.server.extras.enlarging import lines
from sdplay.server.extras.upscalers import Upscalers
from tests.local_process import ask, shared, until
from tests.tiny_checkpoint import small_esrgan

SIZES = {
    "whole": (360, 280),
    "between": (150, 120),
    "same": (90, 70),
    "smaller": (45, 30),
    "two passes": (720, 560),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return small_esrgan(tmp_path_factory.mktemp("nets") / "4x-tiny.safetensors")


@pytest.fixture(scope="module")
def url():
    return shared().url


def noise(width=90, height=70):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def apart(one, other):
    return np.abs(np.asarray(one, int) - np.asarray(other, int))


class Short:
    """A network on a card that holds only small pictures."""

    scale, device, dtype = 2, "cpu", torch.float32

    def __init__(self, most):
        self.most = most

    def __call__(self, pixels):
        if max(pixels.shape) > self.most:
            raise torch.OutOfMemoryError
        return pixels.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_any_size_can_be_asked_for(file, size):
    assert load_upscaler(file, "cpu").enlarged(noise(), size).size == size


@pytest.mark.parametrize("tile", [7, 24, 32])
def test_tiles_leave_no_seam_within_what_the_network_sees(file, tile):
    upscaler = load_upscaler(file, "cpu")
    tiled = Upscaler(upscaler.net, tile, margin=32)
    assert (
        apart(upscaler.enlarged(noise(), (360, 280)), tiled.enlarged(noise(), (360, 280))).max()
        <= 1
    )
    assert (
        apart(upscaler.enlarged(noise(), (250, 190)), tiled.enlarged(noise(), (250, 190))).max()
        <= 1
    )


def test_without_a_margin_the_seams_would_be_seen(file):
    upscaler = load_upscaler(file, "cpu")
    seams = Upscaler(upscaler.net, 24, margin=0).enlarged(noise(), (360, 280))
    assert apart(upscaler.enlarged(noise(), (360, 280)), seams).max() > 10


def test_the_network_itself_is_the_judge(file):
    net = load_upscaler(file, "cpu").net
    with torch.inference_mode():
        made = net(
            torch.from_numpy(np.asarray(noise(), np.float32).transpose(2, 0, 1)[None] / 255)
        )[0]
    judge = (made.numpy().transpose(1, 2, 0) * 255).round()
    assert apart(load_upscaler(file, "cpu").enlarged(noise(), (360, 280)), judge).max() <= 1


def test_too_little_memory_makes_the_tiles_smaller():
    upscaler = Upscaler(Short(most=150))
    assert (
        apart(
            upscaler.enlarged(noise(300, 200), (600, 400)), noise(300, 200).resize((600, 400), 0)
        ).max()
        == 0
    )
    assert upscaler.tile == 48
    with pytest.raises(BackendError, match="too little memory"):
        Upscaler(Short(most=20)).enlarged(noise(300, 200), (600, 400))


@pytest.mark.parametrize(
    ("name", "says"), [("old.pth", "can run code"), ("cut.safetensors", "cut off")]
)
def test_what_is_no_upscaler_is_refused_in_a_sentence(tmp_path, name, says):
    (tmp_path / name).write_bytes(b"\x80\x04 no weights")
    with pytest.raises(BadParams, match=says):
        load_upscaler(tmp_path / name, "cpu")


def test_without_the_package_it_says_what_to_install(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(BadParams, match=r"needs the package spandrel: pip install '\.\[upscale\]'"):
        load_upscaler(file, "cpu")


def test_pickles_are_not_even_listed(tmp_path, file):
    (tmp_path / "old.pth").write_bytes(b"\x80\x04")
    (tmp_path / "new.safetensors").write_bytes(file.read_bytes())
    assert list(files_in([tmp_path])) == ["new"]


def test_what_was_transparent_stays_so(file):
    image = noise()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    large = Upscalers("cpu", {"4x-tiny": file}).enlarged(image, (180, 140), "4x-tiny")
    assert (large.mode, large.size) == ("RGBA", (180, 140))
    assert large.getpixel((90, 2))[3] < 10 < 245 < large.getpixel((90, 137))[3]


def test_the_process_lists_networks_and_enlarges_by_them(url):
    names = [entry["name"] for entry in ask(f"{url}/sdapi/v1/upscalers")[1]]
    assert names == ["None", "Lanczos", "Bicubic", "Nearest", "4x-tiny"]
    body = {
        "image": base64.b64encode(png_bytes(noise())).decode(),
        "upscaler_1": "4x-tiny",
        "upscaling_resize": 3,
    }
    status, told = ask(f"{url}/sdapi/v1/extra-single-image", body)
    with Image.open(io.BytesIO(base64.b64decode(told["image"]))) as large:
        assert (status, large.size) == (200, (270, 210))


def test_the_page_offers_networks_for_pictures_and_for_hires_fix(url):
    backend = Local(url)
    assert backend.probe().upscalers == ("Latent", "Lanczos", "Bicubic", "Nearest", "4x-tiny")
    asked = Params(
        "a fox",
        steps=2,
        width=64,
        height=64,
        hires_scale=2,
        hires_upscaler="4x-tiny",
        scheduler="euler",
    )
    *_, picture = backend.generate(asked)
    *_, plain = backend.generate(asked.with_(hires_upscaler="Lanczos"))
    assert picture.image().size == (128, 128)
    assert picture.image().tobytes() != plain.image().tobytes()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_tile_tells_how_much_is_done(file, size):
    upscaler = Upscaler(load_upscaler(file, "cpu").net, 32, margin=8)
    *shares, large = upscaler.enlarging(noise(), size)
    assert large.size == size
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert len(shares) >= 9


def test_the_page_enlarges_with_progress(url):
    *progress, large = Local(url).enlarge(noise(400, 300), Enlargement("4x-tiny", 3))
    assert large.size == (1200, 900)
    assert [step.fraction for step in progress][-1] == 1
    assert apart(large, Local(url).upscale(noise(400, 300), 3, "4x-tiny")).max() == 0


def test_an_upscaler_that_is_not_there_is_refused_before_the_stream_begins(url):
    with pytest.raises(BackendError, match="no upscaler called 'Foo'"):
        list(Local(url).enlarge(noise(), Enlargement("Foo")))
    with pytest.raises(BackendError, match="enlarges up to"):
        list(Local(url).enlarge(noise(), Enlargement("Lanczos", 1e6)))


def test_nobody_listening_stops_the_work_after_the_tile_at_hand():
    tiles, stopped = [], threading.Event()

    def steps():
        try:
            for tile in range(1000):
                tiles.append(tile)
                time.sleep(0.005)
                yield tile / 1000
        finally:
            stopped.set()

    async def listen():
        stream = lines(steps())
        first = await anext(stream)
        await stream.aclose()
        return json.loads(first)

    assert asyncio.run(listen())["event"] in ("step", "waiting")
    assert stopped.wait(120)
    assert len(tiles) < 1000


def test_a_failure_on_the_way_is_told_as_a_line(file):
    async def heard():
        steps = Upscaler(Short(most=20)).enlarging(noise(300, 200), (600, 400))
        return [json.loads(line) async for line in lines(steps)]

    assert asyncio.run(heard())[-1]["event"] == "failed"
    assert "too little memory" in asyncio.run(heard())[-1]["error"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_enlargement_whose_thread_dies_ends_with_a_sentence():
    def steps():
        yield 0.5
        raise SystemExit

    async def heard():
        return [json.loads(line) async for line in lines(steps())]

    last = asyncio.run(heard())[-1]
    until(lambda: "enlarge" not in [thread.name for thread in threading.enumerate()])
    assert (last["event"], "could not be enlarged" in last["error"]) == ("failed", True)
