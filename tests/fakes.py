"""Small real servers on sockets: a site whose routes are functions, an A1111 in every dialect, one
full of faults."""

import base64
import io
import json
import struct
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image, ImageOps, PngImagePlugin

STYLES = ("watercolour", "ink")
KARRAS = {
    "karras": "Karras",
    "exponential": "Exponential",
    "uniform": "Uniform",
    "automatic": "Automatic",
}


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass
class Site:
    """A running server: its address, what it was asked, and its routes, which may change while it
    runs."""

    url: str
    routes: dict
    asked: list = field(default_factory=list)

    def paths(self):
        return [asked.path for asked in self.asked]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Clients of these tests hang up on purpose."""


@contextmanager
def site(routes=None, prefix="", port=0):
    """Serve `{"GET /path": function(http, asked)}`; "*" answers everything else.

    Below a prefix it is asked only by who was told of it: a port may have been another server's,
    for whom somebody still asks.
    """
    served = Site("", dict(routes or {}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format, *args):
            pass

        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # who asked was killed in the middle of it
                self.close_connection = True
                return
            path = self.path.removeprefix(prefix)
            asked = Asked(self.command, path, dict(self.headers), body)
            if not self.path.startswith(prefix):
                nothing(self, asked)
                return
            served.asked.append(asked)
            known = served.routes.get(f"{self.command} {path.split('?')[0]}")
            (known or served.routes.get("*") or nothing)(self, asked)

        do_GET = do_POST = do_PUT = answer

    server = _Quiet(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}{prefix}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def send(http, body=b"", status=200, kind="application/json", **headers):
    """Answer with bytes, text or anything JSON can hold."""
    data = (
        body
        if isinstance(body, bytes)
        else (body if isinstance(body, str) else json.dumps(body)).encode()
    )
    http.send_response(status)
    http.send_header("Content-Type", kind)
    http.send_header("Content-Length", str(len(data)))
    for name, value in headers.items():
        http.send_header(name.replace("_", "-"), value)
    http.end_headers()
    http.wfile.write(data)


def sends(body=b"", status=200, kind="application/json", **headers):
    """A route that always answers the same."""
    return lambda http, asked: send(http, body, status, kind, **headers)


def nothing(http, asked):
    send(http, {"detail": "Not Found"}, 404)


def png(size=(64, 64), colour="teal", text=""):
    """A real PNG, with A1111's text chunk when there is one."""
    held, chunks = io.BytesIO(), PngImagePlugin.PngInfo()
    if text:
        chunks.add_text("parameters", text)
    Image.new("RGB", size, colour).save(held, "PNG", pnginfo=chunks)
    return held.getvalue()


def b64(data):
    return base64.b64encode(data).decode()


def bomb(width=20_000, height=20_000):
    """A PNG of a few hundred bytes that claims to be gigantic."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def huge(http, asked):
    """Two gigabytes, made on the way and never held."""
    http.send_response(200)
    http.send_header("Content-Type", "application/json")
    http.send_header("Content-Length", str(2 * 2**30))
    http.end_headers()
    block = b"A" * 2**20
    for _ in range(2048):
        http.wfile.write(block)


def stalled(http, asked):
    """Takes the request and says nothing, until the client hangs up or the test is over."""
    time.sleep(3)


class Held:
    """A route that answers once it is let go."""

    def __init__(self, route):
        self.route, self.let_go, self.answered = route, threading.Event(), False

    def __call__(self, http, asked):
        self.let_go.wait(120)
        self.answered = True
        self.route(http, asked)


def dying(http, asked):
    """Promises more than it sends, then closes the door."""
    http.send_response(200)
    http.send_header("Content-Type", "application/json")
    http.send_header("Content-Length", "5000")
    http.end_headers()
    http.wfile.write(b'{"images": ["iVBOR')
    http.close_connection = True


def hanging_up(http, asked):
    """Closes the door without a word."""
    http.close_connection = True
    http.connection.close()


def dribbling(http, asked):
    """A byte now and then, so that no single pause is long."""
    http.send_response(200)
    http.send_header("Content-Length", "5000")
    http.end_headers()
    for _ in range(40):
        http.wfile.write(b" ")
        http.wfile.flush()
        time.sleep(0.1)


def dripping(http, asked):
    """Headers without end, a byte now and then: no timeout of a socket ever strikes."""
    http.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(100):
        http.wfile.write(b"a")
        http.wfile.flush()
        time.sleep(0.05)


def dripping_chunks(http, asked):
    """The same in the size of a chunk."""
    http.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        http.wfile.write(b"0")
        http.wfile.flush()
        time.sleep(0.05)


FAULTS = {
    "500": sends({"error": "RuntimeError", "detail": "", "body": "", "errors": "CUDA error"}, 500),
    "out_of_memory": sends(
        {"error": "RuntimeError", "detail": "", "errors": "CUDA out of memory"}, 500
    ),
    "malformed": sends('{"images": ["iVB'),
    "truncated_base64": sends({"images": [b64(png())[:-41]], "info": "{}"}),
    "not_a_picture": sends({"images": [b64(b"hello, this is text")], "info": "{}"}),
    "bomb": sends({"images": [b64(bomb())], "info": "{}"}),
    "two_gigabytes": huge,
    "no_pictures": sends({"images": [], "info": "{}"}),
    "wrong_types": sends({"images": [7], "info": 12}),
    "images_no_list": sends({"images": {"a": 1}}),
    "a_list": sends([1, 2]),
    "empty": sends(b""),
    "login_page": sends("<!doctype html><title>Please sign in</title>", kind="text/html"),
    "bad_gateway": sends("<html><head><title>502 Bad Gateway</title>", 502, "text/html"),
    "dying": dying,
    "hanging_up": hanging_up,
    "unknown_sampler": sends(
        {"error": "HTTPException", "detail": "Sampler not found", "errors": ""}, 404
    ),
    "validation": sends(
        {"detail": [{"loc": ["body", "steps"], "msg": "not a valid integer", "type": "x"}]}, 422
    ),
}
"""What a server can do wrong, by name."""


@dataclass
class A1111Server:
    """What the fake knows and does; a test changes it while it runs."""

    dialect: str = "a1111"
    auth: str = ""
    step_seconds: float = 0.0
    hurry: threading.Event = field(default_factory=threading.Event)
    """Set it, and no step takes time any more."""
    most: int = 2**31
    """After so many pictures it works at the next one until it may make more."""
    begun: int = 0
    """Pictures that it has begun."""
    counting: threading.Lock = field(default_factory=threading.Lock)
    samplers: tuple = (
        "DPM++ 2M",
        "DPM++ 2M SDE",
        "DPM++ SDE",
        "Euler a",
        "Euler",
        "LMS",
        "Heun",
        "DDIM",
        "PLMS",
        "UniPC",
    )
    schedules: dict = field(default_factory=lambda: dict(KARRAS))
    models: tuple = ("v1-5.safetensors [6ce0161689]", "other.safetensors [1234567890]")
    vaes: tuple = ("fine.vae.pt",)
    restorers: tuple = ("CodeFormer", "GFPGAN", "An extension's own")
    report: dict = field(default_factory=dict)
    """Laid over what the fake says it applied: how a server that replaces settings looks."""
    told: dict = field(default_factory=dict)
    """Laid over the answer."""
    extras: tuple = ()
    """Extensions and routes it has: controlnet, tasks, openapi."""
    queue_seconds: float = 0.0
    turn: threading.Event = field(default_factory=threading.Event)
    """Set it, and whoever waits in its queue gets the turn."""
    url: str = ""
    site: Site | None = None
    asked: list = field(default_factory=list)
    interrupts: int = 0
    running: bool = False
    interrupted: bool = False
    job: str = ""
    """What it does, as its state names it."""
    extras_seconds: float = 0.0
    step: int = 0
    steps: int = 0
    queued: bool = False

    def requests(self):
        """The bodies of the pictures asked for."""
        return [asked.json() for asked in self.asked if asked.path.endswith("2img")]

    def routes(self):
        found = {f"POST /sdapi/v1/{kind}": self.make for kind in ("txt2img", "img2img")}
        for add in DIALECT_ROUTES[self.dialect]:
            found |= getattr(self, add)()
        return found

    def family(self):
        """The routes A1111, Forge and SD.Next share."""
        found = {
            "GET /sdapi/v1/progress": self.progress,
            "POST /sdapi/v1/interrupt": self.interrupt,
            "GET /sdapi/v1/samplers": self.say(
                lambda: [self.sampler(name) for name in self.samplers]
            ),
            "GET /sdapi/v1/sd-models": self.say(
                lambda: [self.model(title) for title in self.models]
            ),
            "GET /sdapi/v1/options": self.say(lambda: {"sd_model_checkpoint": self.models[0]}),
            "GET /sdapi/v1/upscalers": self.say(lambda: [{"name": "None"}, {"name": "Lanczos"}]),
            "GET /sdapi/v1/latent-upscale-modes": self.say(lambda: [{"name": "Latent"}]),
            "GET /sdapi/v1/sd-vae": self.say(
                lambda: [{"model_name": name, "filename": name} for name in self.vaes]
            ),
            "GET /sdapi/v1/prompt-styles": self.say(
                lambda: [{"name": name, "prompt": "{prompt}, " + name} for name in STYLES]
            ),
            "POST /sdapi/v1/extra-single-image": self.upscale,
            "GET /sdapi/v1/face-restorers": self.say(
                lambda: [{"name": name, "cmd_dir": None} for name in self.restorers]
            ),
        }
        found |= {"GET /openapi.json": self.say(self.openapi)} if "openapi" in self.extras else {}
        found |= {"POST /internal/progress": self.task} if "tasks" in self.extras else {}
        if "controlnet" in self.extras:
            found["GET /controlnet/model_list"] = self.say(lambda: {"model_list": ["canny [abc]"]})
            found["GET /controlnet/module_list"] = self.say(
                lambda: {"module_list": ["none", "canny"]}
            )
            found["POST /controlnet/detect"] = self.detect
        return found

    def split(self):
        """Schedule types apart from samplers, since 1.9."""
        listed = [{"name": name, "label": label} for name, label in self.schedules.items()]
        return {"GET /sdapi/v1/schedulers": self.say(lambda: listed)}

    def forge(self):
        return {"GET /sdapi/v1/sd-modules": self.say(lambda: [])}

    def sdnext(self):
        return {
            "GET /sdapi/v1/schedulers": self.say(
                lambda: [{"name": n, "cls": n, "options": {}} for n in self.samplers]
            )
        }

    def sdcpp(self):
        found = {
            path: route for path, route in self.family().items() if path.split("/")[-1] in SDCPP_HAS
        }
        found["GET /sdapi/v1/schedulers"] = self.say(
            lambda: [{"name": "default"}, {"name": "discrete"}, {"name": "karras"}]
        )
        return found | {
            "GET /sdcpp/v1/capabilities": self.say(lambda: {"limits": {}}),
            "*": sends(b"", 404),
        }

    def koboldcpp(self):
        kept = ("samplers", "sd-models", "options", "upscalers")
        found = {
            path: route for path, route in self.family().items() if path.split("/")[-1] in kept
        }
        return found | {
            "GET /api/extra/version": self.say(lambda: {"result": "KoboldCpp", "version": "1.80"})
        }

    def draw_things(self):
        return {
            "GET ": self.say(lambda: {"guidance_scale": 7, "model": "sd15.ckpt"}),
            "GET /": self.say(lambda: {"guidance_scale": 7, "model": "sd15.ckpt"}),
        }

    def say(self, answer):
        return lambda http, asked: self.allowed(http, asked) and send(http, answer())

    def allowed(self, http, asked):
        wanted = "Basic " + b64(self.auth.encode())
        if not self.auth or asked.headers.get("Authorization") == wanted:
            return True
        send(
            http,
            {"error": "HTTPException", "detail": "Not authenticated", "body": "", "errors": ""},
            401,
        )
        return False

    def sampler(self, name):
        return {"name": name, "options": {}} | ({} if self.dialect == "sdnext" else {"aliases": []})

    def model(self, title):
        digest = title.partition("[")[2].rstrip("]")
        return {
            "title": title,
            "model_name": title.split(".")[0],
            "hash": digest,
            "sha256": digest * 6,
        }

    def openapi(self):
        return json.loads((Path(__file__).parent / "data" / "a1111_openapi.json").read_text())

    def progress(self, http, asked):
        if not self.allowed(http, asked):
            return
        show = "skip_current_image=false" in asked.path and self.running
        state = {
            "job": self.job,
            "job_count": int(self.running),
            "sampling_step": self.step,
            "sampling_steps": self.steps,
            "job_timestamp": "1",
            "interrupted": self.interrupted,
        }
        told = {
            "progress": self.step / max(1, self.steps) if self.running else 0.0,
            "eta_relative": 1.5,
            "state": state,
            "current_image": b64(png((16, 16))) if show else None,
            "textinfo": None,
        }
        send(http, told | ({"id": "x"} if self.dialect == "sdnext" else {}))

    def interrupt(self, http, asked):
        self.interrupts += 1
        self.interrupted = True
        send(
            http, b"" if self.dialect == "sdnext" else {}, 204 if self.dialect == "sdnext" else 200
        )

    def task(self, http, asked):
        ours = self.queued and asked.json()["id_task"] != "task(none)"
        send(
            http,
            {
                "active": self.running,
                "queued": ours,
                "completed": False,
                "progress": None,
                "textinfo": "In queue: 1/2" if ours else "Waiting...",
            },
        )

    def upscale(self, http, asked):
        body = asked.json()
        if body["upscaler_1"] not in ("Lanczos", "None"):
            return send(
                http, {"detail": f"could not find upscaler named {body['upscaler_1']}"}, 500
            )
        with Image.open(io.BytesIO(base64.b64decode(body["image"]))) as opened:
            size = [int(side * body["upscaling_resize"]) for side in opened.size]
        self.job, self.running, self.interrupted = "extras", True, False
        ends = time.monotonic() + self.extras_seconds
        while time.monotonic() < ends and not self.interrupted:  # between two tiles
            time.sleep(0.01)
        self.job, self.running = "", False
        return send(http, {"image": b64(png(tuple(size))), "html_info": ""})

    def detect(self, http, asked):
        """Each picture's negative stands for what a preprocessor makes of it; those of `hed` first
        download a network, and fail as measured where they cannot."""
        if asked.json()["controlnet_module"].endswith("hed"):
            reason = "<urlopen error [Errno -2] Name or service not known>"
            return send(
                http, {"error": "URLError", "detail": "", "body": "", "errors": reason}, 500
            )
        made = []
        for text in asked.json()["controlnet_input_images"]:
            with Image.open(io.BytesIO(base64.b64decode(text))) as opened:
                inverted, held = ImageOps.invert(opened.convert("RGB")), io.BytesIO()
            inverted.save(held, "PNG")
            made.append(b64(held.getvalue()))
        return send(http, {"images": made, "info": "Success"})

    def make(self, http, asked):
        """Work as long as the steps take, then answer with a picture that knows how it was made."""
        if not self.allowed(http, asked):
            return
        body = asked.json()
        self.queued = True
        self.turn.wait(self.queue_seconds)
        self.queued, self.interrupted, self.steps = False, False, int(body.get("steps", 50))
        with self.counting:
            self.begun += 1
            number = self.begun
        self.running, self.step = True, 0
        while number > self.most and not self.interrupted:
            time.sleep(0.005)
        for step in range(self.steps):
            if self.interrupted:
                break
            self.step = step
            self.take_time(self.step_seconds)
        self.running = False
        done = self.applied(body) | self.report
        answer = {
            "images": [b64(png((done["width"], done["height"]), text=infotext(done)))],
            "parameters": body,
        }
        answer |= {"info": self.info(done)} | self.told
        send(http, answer, X_Process_Time="0.01")

    def take_time(self, seconds):
        """What a step takes, unless somebody stops it or asks for hurry."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not self.interrupted:
            if self.hurry.wait(min(left, 0.02)):
                return

    def applied(self, body):
        options = body.get("override_settings", {})
        title = options.get("sd_model_checkpoint", self.models[0])
        known = {name.lower(): name for name in self.samplers}
        sampler = known.get(str(body.get("sampler_name", "Euler")).lower(), self.samplers[0])
        return {
            "prompt": ", ".join([body.get("prompt", ""), *(body.get("styles") or ())]),
            "seed": body.get("seed", -1),
            "steps": body.get("steps", 50),
            "cfg_scale": body.get("cfg_scale", 7),
            "width": body.get("width", 512),
            "height": body.get("height", 512),
            "sampler": sampler,
            "options": options,
            "schedule": self.schedules.get(body.get("scheduler", "automatic"), "Automatic"),
            "body": body,
            "model": title if title in self.models else self.models[0],
        }

    def info(self, done):
        if self.dialect in ("sdcpp", "koboldcpp"):
            return ""
        name, _, digest = done["model"].partition(" [")
        return json.dumps(
            {
                "seed": done["seed"],
                "all_seeds": [done["seed"]],
                "steps": done["steps"],
                "cfg_scale": done["cfg_scale"],
                "width": done["width"],
                "height": done["height"],
                "sampler_name": done["sampler"],
                "sd_model_name": name.split(".")[0],
                "sd_model_hash": digest.rstrip("]"),
                "sd_vae_name": vae if (vae := done["options"].get("sd_vae")) in self.vaes else None,
                "index_of_first_image": 0,
                "version": "v1.10.1",
                "infotexts": [infotext(done)],
            }
        )


def infotext(done):
    """A1111's text for what was applied."""
    body, more = done["body"], ""
    if body.get("subseed_strength"):
        more += (
            f", Variation seed: {body['subseed']}, Variation seed strength: "
            f"{body['subseed_strength']}"
        )
    if "denoising_strength" in body:
        more += f", Denoising strength: {body['denoising_strength']}"
    if skip := done["options"].get("CLIP_stop_at_last_layers"):
        more += f", Clip skip: {skip}"
    if body.get("eta"):
        more += f", Eta: {body['eta']}"
    if body.get("tiling"):
        more += ", Tiling: True"
    if body.get("enable_hr"):
        more += f", Hires upscale: {body['hr_scale']}, Hires upscaler: {body['hr_upscaler']}"
    if body.get("refiner_checkpoint"):
        more += (
            f", Refiner: {body['refiner_checkpoint']}, Refiner switch at: "
            f"{body['refiner_switch_at']}"
        )
    return (
        f"{done['prompt']}\nSteps: {done['steps']}, Sampler: {done['sampler']}, Schedule type: "
        f"{done['schedule']}, "
        f"CFG scale: {done['cfg_scale']}, Seed: {done['seed']}, Size: "
        f"{done['width']}x{done['height']}, "
        f"Model: {done['model'].split('.')[0]}{more}, Version: v1.10.1"
    )


SDCPP_HAS = ("samplers", "sd-models", "upscalers", "latent-upscale-modes", "options")
DIALECT_ROUTES = {
    "a1111": ("family", "split"),
    "a1111_old": ("family",),
    "forge": ("family", "split", "forge"),
    "sdnext": ("family", "sdnext"),
    "sdcpp": ("sdcpp",),
    "koboldcpp": ("koboldcpp",),
    "draw_things": ("draw_things",),
    "bare": (),
}


@contextmanager
def a1111(prefix="", **settings):
    """A fake A1111 at work; what it was asked and how it behaves are on the object."""
    fake = A1111Server(**settings)
    with site(prefix=prefix) as served:
        served.routes.update(fake.routes())
        fake.url, fake.asked, fake.site = served.url, served.asked, served
        yield fake


@contextmanager
def broken(fault):
    """An A1111 that answers every question well, and fails at the picture."""
    with site() as served:
        served.routes.update(A1111Server().routes() | {"POST /sdapi/v1/txt2img": FAULTS[fault]})
        yield served
