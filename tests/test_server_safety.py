"""The local process among strangers: where it listens, what a request may name, and how much one
may take."""

import asyncio
import inspect
import json
import threading
import time

import psutil
import pytest

from sdplay.errors import BadParams
from sdplay.picture import png_bytes
from tests.fakes import b64, bomb
from tests.making import colour

pytest.importorskip("torch", reason="the local process needs torch: pip install '.[local]'")
pytest.importorskip("fastapi", reason="the local process needs FastAPI: pip install '.[local]'")

from sdplay.engine.torch.load import load_controlnet
from sdplay.server.limits import Doorman, Limits
from sdplay.server.models import Machine, Models
from tests.local_process import ask, lines, shared
from tests.tiny_checkpoint import small_sd

SMALL = {"width": 64, "height": 64, "steps": 2, "seed": 5, "sampler_name": "Euler"}
PICTURE, BOMB = b64(png_bytes(colour())), b64(bomb())
OUTSIDE = (
    "../alpha",
    "/etc/passwd",
    "~/.ssh/id_rsa",
    "..\\alpha",
    "file:///etc/passwd",
    "alpha/../../alpha",
)
PRIVATE = (
    "http://127.0.0.1:9/a.png",
    "http://169.254.169.254/a",
    "http://[::1]/a.png",
    "http://10.0.0.1/a.png",
    "http://2130706433/a.png",
    "http://[::ffff:127.0.0.1]/a.png",
)


@pytest.fixture(scope="module")
def server():
    return shared()


def refused(server, path, body):
    """The sentence with which a request is refused."""
    status, told = ask(f"{server.url}/{path}", body)
    assert status == 422, told
    return json.dumps(told)


def test_unless_told_otherwise_it_listens_to_this_machine_alone(server):
    held = psutil.Process(server.running.pid).net_connections()
    assert {each.laddr.ip for each in held if each.status == "LISTEN"} == {"127.0.0.1"}


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_in_a_request_reaches_a_file_outside_the_folders(server, name):
    unit = {"image": PICTURE, "model": name}
    for path, body in (
        ("sdplay/v1/pictures", {"params": {"model": name}}),
        ("sdapi/v1/txt2img", {**SMALL, "override_settings": {"sd_model_checkpoint": name}}),
        ("sdapi/v1/txt2img", {**SMALL, "alwayson_scripts": {"controlnet": {"args": [unit]}}}),
        ("sdapi/v1/txt2img", {**SMALL, "prompt": f"a fox <lora:{name.partition(':')[0]}:1>"}),
        ("sdapi/v1/txt2img", {**SMALL, "enable_hr": True, "hr_upscaler": name}),
        ("sdapi/v1/txt2img", {**SMALL, "refiner_checkpoint": name, "refiner_switch_at": 0.5}),
        ("sdapi/v1/extra-single-image", {"image": PICTURE, "upscaler_1": name}),
        ("sdapi/v1/options", {"sd_model_checkpoint": name}),
    ):
        assert "There " in refused(server, path, body)


@pytest.mark.parametrize("url", PRIVATE)
def test_no_address_in_a_request_reaches_this_network(server, url):
    unit = {"image": url, "model": "lines"}
    for path, body in (
        ("sdapi/v1/img2img", {**SMALL, "init_images": [url]}),
        ("sdapi/v1/img2img", {**SMALL, "init_images": [PICTURE], "mask": url}),
        ("sdapi/v1/txt2img", {**SMALL, "alwayson_scripts": {"controlnet": {"args": [unit]}}}),
        ("sdapi/v1/png-info", {"image": url}),
        ("sdapi/v1/extra-single-image", {"image": url, "upscaler_1": "Lanczos"}),
        ("sdplay/v1/cutouts", {"image": url, "points": [[1, 1]]}),
    ):
        assert "not on the open internet" in refused(server, path, body)
    assert "no base64" in refused(
        server, "sdplay/v1/pictures", {"params": {"init": "x"}, "images": {"x": url}}
    )


def test_a_picture_that_would_fill_the_memory_is_not_opened(server):
    for path, body in (
        ("sdapi/v1/img2img", {**SMALL, "init_images": [BOMB]}),
        ("sdapi/v1/png-info", {"image": BOMB}),
        ("sdapi/v1/extra-single-image", {"image": BOMB, "upscaler_1": "Lanczos"}),
        ("sdplay/v1/pictures", {"params": {"init": "x"}, "images": {"x": BOMB}}),
    ):
        assert "megapixels are not opened" in refused(server, path, body)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"steps": 151}, "up to 150 steps"),
        ({"width": 1032}, "up to 1024 pixels"),
        ({"width": 512, "height": 512, "hires_scale": 4.0}, "up to 1024 pixels"),
        ({"width": 10**9}, "between 64"),
    ],
)
def test_a_request_beyond_the_limits_is_refused_with_the_limit(server, params, says):
    assert says in refused(server, "sdplay/v1/pictures", {"params": params})


def test_no_request_enlarges_more_pictures_than_one_may_make(server):
    many = {"imageList": [{"data": PICTURE}] * 65, "upscaler_1": "Lanczos", "upscaling_resize": 2}
    assert "1 to 64 pictures" in refused(server, "sdapi/v1/extra-batch-images", many)


def test_a_body_of_untold_length_is_cut_off_at_the_limit():
    seen = []

    async def app(scope, receive, send):
        while (message := await receive())["type"] != "http.disconnect":
            seen.append(len(message["body"]))

    async def receive():
        return {"type": "http.request", "body": bytes(2**18), "more_body": True}

    scope = {"type": "http", "path": "/", "headers": [(b"host", b"localhost")]}
    asyncio.run(Doorman(app, limits=Limits(megabytes=1))(scope, receive, None))
    assert sum(seen) == 2**20


def test_the_token_is_compared_in_constant_time():
    source = inspect.getsource(Doorman._knows)
    assert "hmac.compare_digest" in source
    assert "==" not in source.replace('kind.lower() == "basic"', "")


def test_a_pickle_is_never_opened(tmp_path):
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x04 no weights")
    folder = small_sd(tmp_path / "old")
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    models = Models([str(tmp_path / "old.ckpt"), str(folder)], Machine(device="cpu"))
    for name in models.by_name:
        with pytest.raises(BadParams, match="could not be loaded|pickle"), models.engine(name):
            pass
    with pytest.raises(BadParams, match="pickle"):
        load_controlnet(str(tmp_path / "old.ckpt"))


@pytest.mark.parametrize("crowd", [{"owner": "crowd"}, {"owner": "person", "urgent": False}])
def test_one_picture_is_not_starved_by_a_crowd_of_another_or_by_ones_own_sweep(server, crowd):
    wanted = {"steps": 8, "width": 64, "height": 64}

    def paint(**more):
        *_, last = lines(server.url, {"params": wanted, "previews": False, **more})
        assert last["event"] == "done"

    threads = [threading.Thread(target=paint, kwargs=crowd) for _ in range(150)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while waiting(server) < 60 and time.monotonic() < until:
        time.sleep(0.01)
    paint(owner="person")
    still = waiting(server)
    for thread in threads:
        thread.join()
    assert still > 0


def waiting(server):
    return ask(f"{server.url}/sdplay/v1/about")[1]["waiting"]


def test_two_hundred_requests_at_once_leave_no_memory_taken(server):
    process = psutil.Process(server.running.pid)
    before, ends = process.memory_info().rss, []

    def paint(seed):
        params = {"steps": 1, "width": 128, "height": 128, "seed": seed, "cfg": 1}
        *_, last = lines(
            server.url, {"params": params, "owner": f"owner{seed % 5}", "previews": False}
        )
        ends.append((last["event"], last["applied"]["seed"]))

    threads = [threading.Thread(target=paint, args=(seed,)) for seed in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == [("done", seed) for seed in range(200)]
    assert waiting(server) == 0
    assert process.memory_info().rss - before < 256 * 2**20
