"""A server that applies what AUTOMATIC1111 1.10.1 was measured to apply, and draws its pixels from
what it applied: equal pixels mean that equal settings acted."""

import base64
import hashlib
import io
import json
import re
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, PngImagePlugin

from tests.fakes import b64, send, site

ANCESTRAL, DDIM = "eta_ancestral", "eta_ddim"
SAMPLERS = {
    "DPM++ 2M": ("karras", None),
    "DPM++ SDE": ("karras", ANCESTRAL),
    "DPM++ 2M SDE": ("exponential", ANCESTRAL),
    "DPM++ 2S a": ("karras", ANCESTRAL),
    "Euler a": ("", ANCESTRAL),
    "Euler": ("", None),
    "LMS": ("", None),
    "Heun": ("", None),
    "DPM fast": (None, ANCESTRAL),
    "DPM adaptive": (None, ANCESTRAL),
    "DDIM": (None, DDIM),
    "DDIM CFG++": (None, DDIM),
    "PLMS": (None, None),
    "UniPC": (None, None),
    "LCM": ("", None),
}
"""The schedule type that a sampler takes by itself, None where it ignores any, and the option that
holds its eta."""
SCHEDULES = {
    "automatic": "Automatic",
    "uniform": "Uniform",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
    "simple": "Simple",
    "normal": "Normal",
    "beta": "Beta",
}
OPTIONS = {
    "sd_vae": "Automatic",
    "CLIP_stop_at_last_layers": 1,
    "eta_ancestral": 1.0,
    "eta_ddim": 0.0,
    "eta_noise_seed_delta": 0,
    "randn_source": "GPU",
    "token_merging_ratio": 0.0,
    "samples_format": "png",
    "tiling": False,
    "face_restoration": False,
    "training_tensorboard_flush_every": 120,
}
"""What stands there when nobody has changed anything."""
UNIT = {"enabled": False, "module": "none", "model": "None", "weight": 1.0, "image": None}
"""What stands for a unit of ControlNet, whose arguments have no names; the true one has 33 keys."""
SCRIPTS = {
    "prompt matrix": (
        False,
        {
            "Put variable parts at start of prompt": (False,),
            "Use different seed for each picture": (False,),
            "Select prompt": ("positive", None, None, ["positive", "negative"]),
            "Select joining char": ("comma", None, None, ["comma", "space"]),
            "Grid margins (px)": (0, 0, 500),
        },
    ),
    "controlnet": (True, {"": (UNIT,), " ": (UNIT,), "  ": (UNIT,)}),
    "refiner": (True, {"Refiner": (False,), "Checkpoint": ("",), "Switch at": (0.8, 0.01, 1.0)}),
    "sampler": (True, {"Sampling steps": (20, 1, 150), "Sampling method": ("DPM++ 2M",)}),
    "seed": (True, {"Seed": (-1,)}),
    "soft inpainting": (True, {"Soft inpainting": (False,), "Schedule bias": (1, 0, 8)}),
}
"""Whether a script always runs, and its arguments: label to default, least, most, choices."""
PAGE_ONLY = ("refiner", "sampler", "seed")
"""They draw a part of the page; in a request they do nothing."""
LATENT = ("Latent", "Latent (nearest)")
UPSCALERS = ("None", "Lanczos", "Nearest", "ESRGAN_4x")
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


def running():
    event = threading.Event()
    event.set()
    return event


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status, self.text = status, text


@dataclass
class Measured:
    """What the server has and does; a test changes it while it runs."""

    config: dict = field(default_factory=lambda: {"sd_model_checkpoint": "tiny.safetensors"})
    """Its config.json: an override whose key is missing here is not put back."""
    webui: bool = False
    """Without it, it knows no single tasks."""
    strict: bool = False
    """Answers 404 to an unknown sampler, as 1.8 and some of 1.10 do; else takes another one."""
    step_seconds: float = 0.0
    most: int = 2**31
    """After so many pictures it works at the next one until it may make more."""
    steps_after_cut: int = 0
    """Steps' time that it spends on the rest once a picture was stopped."""
    extensions: tuple = ()
    """controlnet, or nothing."""
    models: tuple = ("tiny.safetensors", "other.safetensors")
    vaes: tuple = ("soft.vae.safetensors",)
    loras: tuple = ("ink",)
    embeddings: tuple = ("mood",)
    styles: dict = field(default_factory=lambda: {"watercolour": "{prompt}, wet paper"})
    control_models: tuple = ("canny [abc]",)
    url: str = ""
    asked: list = field(default_factory=list)
    applied: list = field(default_factory=list)
    """What acted, one record a picture."""
    interrupts: list = field(default_factory=list)
    """The prompt at work at every interrupt."""
    state: dict = field(default_factory=lambda: {"job_timestamp": "0", "job_count": 0})
    turn: threading.Lock = field(default_factory=threading.Lock)
    running: threading.Event = field(default_factory=running)
    """Cleared, it stays at the step where it is."""
    held_at: tuple = ()
    """The prompt and the step at which it is cleared by itself."""
    at_work: dict = field(default_factory=dict)
    waiting: list = field(default_factory=list)

    def options(self):
        return {"sd_model_checkpoint": self.models[0], **OPTIONS, **self.config}

    def routes(self):
        lists = {
            "samplers": lambda: [
                {"name": name, "aliases": [], "options": {"scheduler": own} if own else {}}
                for name, (own, _) in SAMPLERS.items()
            ],
            "schedulers": lambda: [{"name": n, "label": SCHEDULES[n]} for n in SCHEDULES],
            "sd-models": lambda: [{"title": n, "model_name": n[:-12]} for n in self.models],
            "sd-vae": lambda: [{"model_name": name, "filename": name} for name in self.vaes],
            "upscalers": lambda: [{"name": name} for name in UPSCALERS],
            "latent-upscale-modes": lambda: [{"name": name} for name in LATENT],
            "prompt-styles": lambda: [{"name": n, "prompt": p} for n, p in self.styles.items()],
            "loras": lambda: [{"name": name, "alias": name} for name in self.loras],
            "embeddings": lambda: {"loaded": {name: {} for name in self.embeddings}, "skipped": {}},
            "options": self.options,
            "scripts": self.script_names,
            "script-info": self.script_info,
        }
        routes = {f"GET /sdapi/v1/{path}": self.say(answer) for path, answer in lists.items()}
        routes |= {f"POST /sdapi/v1/{kind}": self.make for kind in ("txt2img", "img2img")}
        routes["GET /openapi.json"] = self.say(_schema)
        routes["GET /sdapi/v1/progress"] = self.say(self.progress)
        routes["POST /sdapi/v1/png-info"] = self.png_info
        routes["POST /sdapi/v1/interrupt"] = self.interrupt
        routes["POST /sdapi/v1/skip"] = self.skip
        if self.webui:
            routes["POST /internal/progress"] = self.task
        if "controlnet" in self.extensions:
            models = {"model_list": list(self.control_models)}
            routes["GET /controlnet/model_list"] = self.say(lambda: models)
            routes["GET /controlnet/module_list"] = self.say(lambda: {"module_list": ["canny"]})
        return routes

    def script_names(self):
        here = [name for name in SCRIPTS if name != "controlnet" or name in self.extensions]
        plain = [name for name in here if name != "soft inpainting"]
        return {"txt2img": plain, "img2img": here}

    def script_info(self):
        return [
            {
                "name": name,
                "is_alwayson": SCRIPTS[name][0],
                "is_img2img": kind == "img2img",
                "args": [_argument(label, *facts) for label, facts in SCRIPTS[name][1].items()],
            }
            for kind, names in self.script_names().items()
            for name in names
        ]

    def say(self, answer):
        return lambda http, asked: send(http, answer())

    def progress(self):
        steps, done = self.state.get("sampling_steps", 0), self.state.get("sampling_step", 0)
        busy = self.state["job_count"] > 0
        return {
            "progress": done / steps if busy and steps else 0.0,
            "eta_relative": 1.0,
            "state": dict(self.state),
            "current_image": None,
            "textinfo": None,
        }

    def png_info(self, http, asked):
        with Image.open(io.BytesIO(decoded(asked.json()["image"]))) as opened:
            send(http, {"info": opened.info.get("parameters", ""), "items": {}, "parameters": {}})

    def interrupt(self, http, asked):
        self.interrupts.append(self.at_work.get("prompt"))
        self.state["interrupted"] = True
        send(http, {})

    def skip(self, http, asked):
        self.state["skipped"] = True
        send(http, None)

    def task(self, http, asked):
        name = asked.json()["id_task"]
        active = self.at_work.get("force_task_id") == name
        queued = name in [body.get("force_task_id") for body in self.waiting]
        send(http, {"active": active, "queued": queued, "completed": False, "textinfo": None})

    def make(self, http, asked):
        """One after the other, as they came; overrides are put back only where the key is known."""
        body = asked.json()
        self.waiting.append(body)
        with self.turn:
            self.waiting.remove(body)
            self.at_work = body
            begun = time.strftime("%Y%m%d%H%M%S")
            self.state = {**self.state, "job_timestamp": begun, "job_count": 1, "sampling_step": 0}
            self.state |= {"interrupted": False, "skipped": False}
            overrides = body.get("override_settings", {})
            if missing := set(overrides) - set(self.options()):
                send(http, _error(Refused(500, repr(missing.pop()))), 500)
                self.state["job_count"], self.at_work = 0, {}
                return
            before = {name: self.config[name] for name in overrides if name in self.config}
            try:
                self.config |= {
                    name: value
                    for name, value in overrides.items()
                    if name != "sd_model_checkpoint" or value in self.models
                }
                answer, status = self.pictures(body, begun), 200
            except Refused as error:
                answer, status = _error(error), error.status
            finally:
                self.config |= before
                self.state["job_count"] = 0
                self.at_work = {}
        send(http, answer, status)

    def pictures(self, body, begun):
        self.check_scripts(body)
        acts = self.what_acts(body)
        self.work(int(acts["steps"]))
        many = int(body.get("batch_size", 1)) * int(body.get("n_iter", 1))
        seeds = [acts["seed"] + at for at in range(many)]
        texts = [self.infotext({**acts, "seed": seed}, body) for seed in seeds]
        pairs = zip(seeds, texts, strict=True)
        images = [self.drawn({**acts, "seed": seed}, text) for seed, text in pairs]
        self.applied.append(acts)
        info = {
            "prompt": acts["prompt"],
            "seed": acts["seed"],
            "all_seeds": seeds,
            "steps": acts["steps"],
            "cfg_scale": acts["cfg_scale"],
            "width": acts["width"],
            "height": acts["height"],
            "sampler_name": acts["sampler"],
            "sd_model_name": acts["model"].removesuffix(".safetensors"),
            "sd_model_hash": None,
            "sd_vae_name": None if acts["vae"] in ("Automatic", "None") else acts["vae"],
            "clip_skip": acts["clip_skip"],
            "index_of_first_image": 0,
            "styles": body.get("styles") or [],
            "infotexts": texts,
            "job_timestamp": begun,
            "version": "1.10.1",
        }
        return {"images": [b64(data) for data in images], "parameters": body} | {
            "info": json.dumps(info)
        }

    def check_scripts(self, body):
        """Names are checked and where they stand; surplus arguments go without a word."""
        here = self.script_names()["img2img" if "init_images" in body else "txt2img"]
        for name in body.get("alwayson_scripts", {}):
            if name.lower() not in here:
                raise Refused(422, f"Script '{name}' not found")
            if not SCRIPTS[name.lower()][0]:
                raise Refused(422, "Cannot have a selectable script in the always on scripts")
        name = body.get("script_name") or ""
        if name and (name.lower() not in here or SCRIPTS[name.lower()][0]):
            raise Refused(422, f"Script '{name}' not found")

    def work(self, steps):
        while len(self.applied) >= self.most and not self.state.get("interrupted"):
            time.sleep(0.005)
        for step in range(steps):
            if self.state.get("interrupted") or self.state.get("skipped"):
                time.sleep(self.step_seconds * self.steps_after_cut)
                break
            self.state |= {"sampling_steps": steps, "sampling_step": step}
            if (self.at_work.get("prompt"), step) == self.held_at:
                self.running.clear()
            self.running.wait(60)
            time.sleep(self.step_seconds)

    def what_acts(self, body):
        """Every setting that changes pixels, and no other."""
        options = self.options()
        sampler, schedule = self.sampler(body)
        own, eta = SAMPLERS[sampler]
        effective = None if own is None else _schedule(schedule) or own or "uniform"
        if sampler == "UniPC" and int(body.get("steps", 50)) < 3:
            raise Refused(500, "UniPC order must be < sampling steps")
        return {
            "prompt": self.prompt(body),
            "negative": body.get("negative_prompt", ""),
            "steps": body.get("steps", 50),
            "cfg_scale": body.get("cfg_scale", 7.0),
            "seed": body.get("seed", -1),
            "width": body.get("width", 512),
            "height": body.get("height", 512),
            "sampler": sampler,
            "schedule": "uniform" if effective == "normal" else effective,
            "eta": (options[eta] if body.get("eta") is None else body["eta"]) if eta else None,
            "clip_skip": int(options["CLIP_stop_at_last_layers"]),
            "model": options["sd_model_checkpoint"],
            "vae": options["sd_vae"] if options["sd_vae"] in self.vaes else "Automatic",
            "ensd": options["eta_noise_seed_delta"] if eta == ANCESTRAL else None,
            "rng": options["randn_source"],
            "merging": options["token_merging_ratio"],
            "tiling": body["tiling"] if body.get("tiling") is not None else options["tiling"],
            "faces": body.get("restore_faces") or options["face_restoration"],
            "variation": body.get("subseed_strength")
            and (body["subseed"], body["subseed_strength"]),
            "start": _start(body),
            "hires": self.hires(body),
            "refiner": self.refiner(body),
            "scripts": _acting_scripts(body),
            "control": [unit for unit in _units(body) if unit["model"] in self.control_models],
        }

    def prompt(self, body):
        """Unknown styles and LoRAs are passed over in silence, and so is what follows a #."""
        prompt = body.get("prompt", "")
        for name in body.get("styles") or ():
            prompt = self.styles.get(name, "{prompt}").replace("{prompt}", prompt)
        return re.sub("#[^\n]*(\n|$)", "\n", prompt)

    def sampler(self, body):
        name, schedule = str(body.get("sampler_name", "Euler")), body.get("scheduler") or ""
        names = {known.lower(): known for known in SAMPLERS}
        if name.lower() in names:
            return names[name.lower()], schedule
        for label in SCHEDULES.values():
            if (start := name.lower().removesuffix(f" {label.lower()}")) in names:
                return names[start], label
        if self.strict:
            raise Refused(404, "Sampler not found")
        return "DPM++ 2M", ""

    def hires(self, body):
        if not body.get("enable_hr"):
            return None
        if body["hr_upscaler"] not in (*LATENT, *UPSCALERS):
            raise Refused(500, f"could not find upscaler named {body['hr_upscaler']}")
        if (body.get("hr_sampler_name") or "Euler") not in SAMPLERS:
            raise Refused(500, f"bad sampler name: {body['hr_sampler_name']}")
        return {name: value for name, value in body.items() if name.startswith(("hr_", "denois"))}

    def refiner(self, body):
        name = body.get("refiner_checkpoint")
        if not name:
            return None
        if name not in (*self.models, *(title[:-12] for title in self.models)):
            raise Refused(500, f"Could not find checkpoint with name {name}")
        return [name, body["refiner_switch_at"]]

    def drawn(self, acts, text):
        """Noise that any change of what acts changes; without fresh noise Euler a is Euler."""
        if acts["sampler"] == "Euler a" and acts["eta"] == 0:
            acts = {**acts, "sampler": "Euler", "eta": None, "ensd": None}
        digest = hashlib.sha256(json.dumps(acts, sort_keys=True).encode()).digest()
        size = (int(acts["height"]), int(acts["width"]))
        hires = acts["hires"] or {}
        if hires and not hires.get("hr_resize_x"):
            size = tuple(int(side * hires.get("hr_scale", 2)) // 8 * 8 for side in size)
        elif hires:
            size = (int(hires["hr_resize_y"]), int(hires["hr_resize_x"]))
        pixels = np.random.default_rng(list(digest)).integers(0, 256, (*size, 3), np.uint8)
        return _encoded(Image.fromarray(pixels), self.options()["samples_format"], text)

    def infotext(self, acts, body):
        """Repeats a schedule type that was ignored; tells eta only where it is unusual."""
        schedule = SCHEDULES.get(_schedule(self.sampler(body)[1]) or "automatic", "Automatic")
        if schedule == "Automatic" and SAMPLERS[acts["sampler"]][0]:
            schedule = SCHEDULES[SAMPLERS[acts["sampler"]][0]]
        items = {
            "Steps": acts["steps"],
            "Sampler": acts["sampler"],
            "Schedule type": schedule,
            "CFG scale": acts["cfg_scale"],
            "Seed": acts["seed"],
            "Size": f"{acts['width']}x{acts['height']}",
            "Model": acts["model"].removesuffix(".safetensors"),
            **self.more_items(acts, body),
            "Version": "1.10.1",
        }
        lines = [acts["prompt"], f"Negative prompt: {acts['negative']}"]
        last = ", ".join(f"{name}: {_quoted(value)}" for name, value in items.items())
        return "\n".join([*(line for line in lines if not line.endswith(": ")), last])

    def more_items(self, acts, body):
        option = SAMPLERS[acts["sampler"]][1]
        items = {}
        if acts["vae"] != "Automatic":
            items["VAE"] = acts["vae"]
        if acts["variation"]:
            items["Variation seed"], items["Variation seed strength"] = acts["variation"]
        if "denoising_strength" in body:
            items["Denoising strength"] = body["denoising_strength"]
        if acts["clip_skip"] > 1:
            items["Clip skip"] = acts["clip_skip"]
        if option and acts["eta"] != OPTIONS[option]:
            items["Eta DDIM" if option == DDIM else "Eta"] = acts["eta"]
        if acts["faces"]:
            items["Face restoration"] = "CodeFormer"
        if "mask" in body:
            items |= _mask_items(body)
        if acts["tiling"]:
            items["Tiling"] = "True"
        if acts["hires"]:
            items |= _hires_items(acts["hires"], acts)
        if acts["refiner"]:
            items["Refiner"], items["Refiner switch at"] = acts["refiner"]
        return items


HIRES = {
    "hr_checkpoint_name": "Hires checkpoint",
    "hr_sampler_name": "Hires sampler",
    "hr_scheduler": "Hires schedule type",
    "hr_prompt": "Hires prompt",
    "hr_negative_prompt": "Hires negative prompt",
    "hr_second_pass_steps": "Hires steps",
    "hr_upscaler": "Hires upscaler",
}


FILLS = {0: "fill", 2: "latent noise", 3: "latent nothing"}


def _mask_items(body):
    items = {"Mask blur": body.get("mask_blur", 4)}
    if body.get("inpaint_full_res", True):
        items["Inpaint area"] = "Only masked"
        items["Masked area padding"] = body.get("inpaint_full_res_padding", 0)
    fill = body.get("inpainting_fill", 0)
    return items | ({"Masked content": FILLS[fill]} if fill in FILLS else {})


def _hires_items(hires, acts):
    """Of sampler and schedule type of the second pass only what is not as in the first."""
    items = {text: hires[name] for name, text in HIRES.items() if hires.get(name)}
    second = _schedule(hires.get("hr_scheduler", ""))
    if items.get("Hires sampler") == acts["sampler"]:
        del items["Hires sampler"]
    items["Hires schedule type"] = SCHEDULES.get(second, "")
    if second in ("", acts["schedule"]):
        del items["Hires schedule type"]
    if hires.get("hr_resize_x"):
        return {"Hires resize": f"{hires['hr_resize_x']}x{hires['hr_resize_y']}", **items}
    return {"Hires upscale": hires.get("hr_scale", 2.0), **items}


def _schedule(name):
    """A schedule type's own name, by name or label; empty for the sampler's own."""
    names = {label.lower(): known for known, label in SCHEDULES.items()}
    known = names.get(str(name).lower(), str(name).lower())
    return known if known in SCHEDULES and known != "automatic" else ""


def _start(body):
    if "init_images" not in body:
        return None
    kept = ("denoising_strength", "mask", "mask_blur", "inpainting_fill")
    full = ("inpaint_full_res", "inpaint_full_res_padding", "inpainting_mask_invert")
    named = (*kept, *full) if "mask" in body else kept[:1]
    return [body["init_images"], [body.get(name) for name in named]]


def _acting_scripts(body):
    """What scripts other than ControlNet get, cut to what they take."""
    always = {name.lower(): part.get("args", []) for name, part in _always(body).items()}
    acting = {
        name: values[: len(SCRIPTS[name][1])]
        for name, values in always.items()
        if name not in ("controlnet", *PAGE_ONLY)
    }
    return [acting, body.get("script_name"), body.get("script_args")]


def _always(body):
    return {name: x for name, x in body.get("alwayson_scripts", {}).items() if isinstance(x, dict)}


def _argument(label, value, low=None, high=None, choices=None):
    facts = {"value": value, "minimum": low, "maximum": high, "step": None, "choices": choices}
    return {"label": label.strip(), **facts}


def _units(body):
    return body.get("alwayson_scripts", {}).get("controlnet", {}).get("args", [])[:3]


def _encoded(image, kind, text):
    held, chunks = io.BytesIO(), PngImagePlugin.PngInfo()
    if kind == "png":
        chunks.add_text("parameters", text)
        image.save(held, "PNG", pnginfo=chunks)
        return held.getvalue()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    image.save(held, FORMATS[kind], exif=exif, quality=95)
    return held.getvalue()


def _quoted(value):
    text = str(value)
    return json.dumps(text) if any(mark in text for mark in ',:\n"') else text


def _error(error):
    kind = "HTTPException" if error.status in (404, 422) else "Exception"
    where = "detail" if error.status in (404, 422) else "errors"
    return {"error": kind, "detail": "", "body": "", "errors": "", where: error.text}


def _schema():
    return json.loads((Path(__file__).parent / "data" / "a1111_openapi.json").read_text())


@contextmanager
def measured(**settings):
    """Such a server at work."""
    server = Measured(**settings)
    with site(server.routes()) as served:
        server.url, server.asked = served.url, served.asked
        yield server


@contextmanager
def restarting(server):
    """The same server, with a function that takes it away and one that brings it back."""
    with ExitStack() as stack:
        served = stack.enter_context(site(server.routes()))
        server.url, port = served.url, urlsplit(served.url).port
        down = stack.pop_all()

        def back():
            nonlocal down
            down = ExitStack()
            down.enter_context(site(server.routes(), port=port))

        try:
            yield lambda: down.close(), back
        finally:
            down.close()


def pixels(data):
    """The pixels alone, so that texts inside do not count."""
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB").tobytes()


def decoded(text):
    return base64.b64decode(text)
