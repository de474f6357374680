"""What the servers that speak A1111's API understand differently, as data, and the request each of
them gets."""

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from PIL import Image, ImageOps

from sdplay.backends.decode import NotAPicture, checked
from sdplay.errors import BadParams
from sdplay.params import Control, Params
from sdplay.picture import png_bytes
from sdplay.schedulers import SCHEDULERS, Scheduler, find

Naming = Literal["a1111", "a1111_old", "sdnext", "sdcpp", "draw_things"]


@dataclass(frozen=True)
class Dialect:
    """One kind of server."""

    id: str
    label: str
    naming: Naming = "a1111"
    """Which column of the scheduler table holds its names."""
    lacks: frozenset[str] = frozenset()
    """Features (as knobs need them) that it takes without a word and ignores."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """A1111's field to its own."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Fields it must be sent even when they stand at their default."""
    direct: frozenset[str] = frozenset()
    """Knobs that are a field of the request under their own name, not one of A1111's option
    overrides."""
    hires: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of a request with hires fix; None stands for the CFG scale."""
    largest: int = 4096


_NO_EXTRAS = frozenset(
    {"progress", "preview", "cancel", "upscale", "controlnet", "refiner", "styles", "variation"}
)
A1111 = Dialect("a1111", "Automatic1111")

DIALECTS: dict[str, Dialect] = {
    dialect.id: dialect
    for dialect in (
        A1111,
        Dialect("a1111_old", "Automatic1111 (1.8 or older)", naming="a1111_old"),
        # Without the modules field Forge fails on hires fix, and its hires CFG is 1 unless told.
        Dialect(
            "forge", "Forge", hires={"hr_additional_modules": ["Use same choices"], "hr_cfg": None}
        ),
        Dialect("reforge", "reForge", hires={"hr_cfg": None}),
        Dialect("sdnext", "SD.Next", naming="sdnext", lacks=frozenset({"controlnet"})),
        Dialect(
            "sdcpp",
            "stable-diffusion.cpp",
            naming="sdcpp",
            lacks=_NO_EXTRAS | {"models"},
            direct=frozenset({"clip_skip"}),
            renames={"hr_second_pass_steps": "hr_steps"},
        ),
        Dialect(
            "koboldcpp",
            "KoboldCpp",
            largest=1024,
            lacks=_NO_EXTRAS | {"models", "hires", "eta"},
            direct=frozenset({"clip_skip"}),
        ),
        # It keeps the app's current value for every field left out, so all of them are sent.
        Dialect(
            "draw_things",
            "Draw Things",
            naming="draw_things",
            lacks=(_NO_EXTRAS | {"eta", "inpaint", "hires"}) - {"refiner"},
            direct=frozenset({"clip_skip", "model"}),
            renames={
                "cfg_scale": "guidance_scale",
                "sampler_name": "sampler",
                "denoising_strength": "strength",
                "refiner_checkpoint": "refiner_model",
                "refiner_switch_at": "refiner_start",
            },
            constants={
                "batch_count": 1,
                "batch_size": 1,
                "hires_fix": False,
                "strength": 1.0,
                "clip_skip": 1,
            },
        ),
        Dialect("other", "The A1111-compatible server"),
    )
}

FIELDS: dict[str, str] = {
    "prompt": "prompt",
    "negative_prompt": "negative",
    "steps": "steps",
    "cfg_scale": "cfg",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "denoising_strength": "strength",
    "subseed": "variation_seed",
    "subseed_strength": "variation_strength",
    "eta": "eta",
    "hr_scale": "hires_scale",
    "mask_blur": "mask_blur",
    "hr_second_pass_steps": "hires_steps",
    "hr_upscaler": "hires_upscaler",
    "refiner_checkpoint": "refiner",
    "refiner_switch_at": "refiner_at",
}
"""A1111's field names and our knobs."""


@dataclass(frozen=True)
class Names:
    """What a server calls its samplers and schedule types; None when it does not tell."""

    naming: Naming = "a1111"
    samplers: tuple[str, ...] | None = None
    schedules: Mapping[str, str] | None = None
    """Name to label."""

    def spoken(self, scheduler: str) -> tuple[str, str]:
        """The sampler and schedule type to send; the schedule is empty where the server shall
        choose."""
        entry = find(scheduler)
        if entry is None:
            return self._split(scheduler)
        sampler, schedule = self._pair(entry)
        if self.samplers and sampler.lower() not in (name.lower() for name in self.samplers):
            same = next((name for name in self.samplers if find(name) is entry), "")
            return (same, "") if same else (sampler, schedule)
        return sampler, schedule

    def understood(self) -> tuple[str, ...] | None:
        """Our ids for what the server has, then its other samplers, then their other schedule
        types."""
        if self.samplers is None:
            return None
        ours = [entry.id for entry in SCHEDULERS.values() if self._has(entry)]
        others = [
            name for name in self.samplers if not ((found := find(name)) and found.id in ours)
        ]
        pairs = [f"{name} {label}" for name in self.samplers for label in self._labels()]
        return tuple(
            dict.fromkeys([*ours, *others, *(pair for pair in pairs if find(pair) is None)])
        )

    def _pair(self, entry: Scheduler) -> tuple[str, str]:
        plain = entry.sdnext or entry.label
        choices: dict[Naming, tuple[str, str]] = {
            "a1111": entry.a1111 or (plain, ""),
            "a1111_old": (entry.a1111_old or entry.label, ""),
            "sdnext": (entry.sdnext or entry.label, ""),
            "sdcpp": entry.sdcpp or (plain, ""),
            "draw_things": (entry.draw_things or entry.label, ""),
        }
        return choices[self.naming]

    def _has(self, entry: Scheduler) -> bool:
        sampler, schedule = self.spoken(entry.id)
        known = {name.lower() for name in self.samplers or ()}
        return sampler.lower() in known and (
            not schedule or self.schedules is None or schedule in self.schedules
        )

    def _labels(self) -> Iterator[str]:
        for name, label in (self.schedules or {}).items():
            if name not in ("automatic", "default", "uniform", "discrete"):
                yield label

    def _split(self, text: str) -> tuple[str, str]:
        """`DPM++ 3M SDE Karras` as sampler and schedule type, when the server has both."""
        for name in sorted(self.samplers or (), key=len, reverse=True):
            rest = text[len(name) :].strip().lower()
            if text.lower().startswith(name.lower()) and rest:
                for schedule, label in (self.schedules or {}).items():
                    if rest in (schedule.lower(), label.lower()):
                        return name, schedule
        return text, ""


def request(params: Params, dialect: Dialect, names: Names) -> dict[str, Any]:
    """The JSON body for these settings in that dialect; `params.extra` laid over it, null takes a
    field out."""
    fields = dict(dialect.constants) | {
        dialect.renames.get(name, name): value for name, value in _standard(params, dialect, names)
    }
    return {
        name: value
        for name, value in {**fields, **params.extra_fields()}.items()
        if value is not None
    }


def route(body: Mapping[str, Any]) -> str:
    """Where a request goes."""
    return "sdapi/v1/img2img" if "init_images" in body else "sdapi/v1/txt2img"


def ignored(params: Params, dialect: Dialect) -> Iterator[str]:
    """A sentence for every setting that this kind of server, or a start image, leaves without
    effect."""
    wanted = {
        "inpaint": params.mask,
        "models": params.model,
        "variation": params.variation_strength,
        "eta": params.eta,
        "clip_skip": params.clip_skip > 1,
        "hires": params.hires_scale > 1,
        "refiner": params.refiner,
        "styles": params.styles,
        "controlnet": params.control,
    }
    for feature in (name for name, value in wanted.items() if value and name in dialect.lacks):
        yield f"{dialect.label} does not know {_SPOKEN[feature]}: it was left out."
    if params.init and params.hires_scale > 1:
        yield "Hires fix does not work with a start image: it was left out."
    if params.mask and not params.init:
        yield "A mask needs a start image: it was left out."


_SPOKEN = {
    "inpaint": "masks",
    "models": "a choice of model per picture",
    "variation": "variation seeds",
    "eta": "Eta",
    "clip_skip": "clip skip",
    "hires": "hires fix",
    "refiner": "refiners",
    "styles": "styles",
    "controlnet": "ControlNet as A1111 has it",
}


def _standard(params: Params, dialect: Dialect, names: Names) -> Iterator[tuple[str, Any]]:
    """A1111's own field names; what stands at its default is not sent."""
    has = {feature for feature in _SPOKEN if feature not in dialect.lacks}
    sampler, schedule = names.spoken(params.scheduler)
    yield from (
        ("prompt", params.prompt),
        ("negative_prompt", params.negative),
        ("steps", params.steps),
    )
    yield from (
        ("cfg_scale", params.cfg),
        ("seed", params.seed),
        ("width", params.width),
        ("height", params.height),
    )
    yield "sampler_name", sampler
    if schedule:
        yield "scheduler", schedule
    if params.variation_strength and "variation" in has:
        yield from (
            ("subseed", params.variation_seed),
            ("subseed_strength", params.variation_strength),
        )
    if params.eta and "eta" in has:
        yield "eta", params.eta
    if params.styles and "styles" in has:
        yield "styles", [name.strip() for name in params.styles.split("|") if name.strip()]
    if params.refiner and "refiner" in has:
        yield from (
            ("refiner_checkpoint", params.refiner),
            ("refiner_switch_at", params.refiner_at),
        )
    if params.control and "controlnet" in has:
        yield "alwayson_scripts", {"controlnet": {"args": [_unit(unit) for unit in params.control]}}
    yield from _options(params, dialect, has)
    yield from _start(params, has) if params.init else _hires(params, dialect, has)


def _options(params: Params, dialect: Dialect, has: set[str]) -> Iterator[tuple[str, Any]]:
    wanted: dict[str, Any] = {}
    if params.model and "models" in has:
        wanted["model"] = params.model
    if params.clip_skip > 1 and "clip_skip" in has:
        wanted["clip_skip"] = params.clip_skip
    yield from ((name, value) for name, value in wanted.items() if name in dialect.direct)
    overrides = {
        _OPTIONS[name]: value for name, value in wanted.items() if name not in dialect.direct
    }
    if overrides:
        yield "override_settings", overrides


_OPTIONS = {"model": "sd_model_checkpoint", "clip_skip": "CLIP_stop_at_last_layers"}


def _start(params: Params, has: set[str]) -> Iterator[tuple[str, Any]]:
    size = params.width, params.height
    yield "init_images", [encoded(_fitted(params.init, size, "Start image"))]
    yield "denoising_strength", params.strength
    if params.mask and "inpaint" in has:
        yield "mask", encoded(_fitted(params.mask, size, "Mask"))
        yield from (
            ("mask_blur", params.mask_blur),
            ("inpainting_fill", 1),
            ("inpaint_full_res", False),
        )


def _hires(params: Params, dialect: Dialect, has: set[str]) -> Iterator[tuple[str, Any]]:
    if params.hires_scale <= 1 or "hires" not in has:
        return
    yield from (
        ("enable_hr", True),
        ("hr_scale", params.hires_scale),
        ("hr_upscaler", params.hires_upscaler),
    )
    # Left out, A1111 takes the smaller of null and 0.999, and fails.
    yield "denoising_strength", params.hires_strength
    if params.hires_steps:
        yield "hr_second_pass_steps", params.hires_steps
    yield from (
        (name, params.cfg if value is None else value) for name, value in dialect.hires.items()
    )


def _unit(unit: Control) -> dict[str, Any]:
    try:
        image = encoded(checked(unit.image))
    except NotAPicture as error:
        raise BadParams(f"The ControlNet picture {error}. Choose another one.") from error
    return {
        "enabled": True,
        "image": image,
        "module": unit.module,
        "model": unit.model,
        "weight": unit.weight,
        "guidance_start": unit.start,
        "guidance_end": unit.end,
        "control_mode": unit.mode,
    }


def encoded(data: bytes) -> str:
    """Base64 without a prefix, which every dialect takes."""
    return base64.b64encode(data).decode()


@lru_cache(maxsize=8)
def _fitted(data: bytes, size: tuple[int, int], what: str) -> bytes:
    """The picture at the asked size, its aspect kept by cropping; untouched when it already fits.

    Servers stretch, crop or refuse a start image of another size, each in its own way.
    """
    try:
        with Image.open(io.BytesIO(checked(data))) as opened:
            if (
                opened.size == size
                and opened.format in ("PNG", "JPEG")
                and opened.getexif().get(0x0112, 1) == 1
            ):
                return data
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except NotAPicture as error:
        raise BadParams(f"{what} {error}. Choose another picture.") from error
    page = Image.new("RGBA", upright.size, "white" if what == "Start image" else "black")
    page.alpha_composite(upright)
    return png_bytes(ImageOps.fit(page.convert("RGB"), size, Image.Resampling.LANCZOS))
