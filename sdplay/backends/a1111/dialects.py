"""What the servers that speak A1111's API understand differently, as data, and the request each of
them gets."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from PIL import Image, ImageOps

from sdplay.backends import Alias
from sdplay.backends.a1111.fields import FIELDS, FILLS, OPTIONS
from sdplay.backends.raw import laid_over, without_nulls
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked
from sdplay.params import KNOBS, Control, Params
from sdplay.picture import png_bytes
from sdplay.schedulers import SCHEDULERS, Scheduler, find

Naming = Literal["a1111", "a1111_old", "sdnext", "sdcpp", "draw_things"]


WITHOUT_SCHEDULE = frozenset({"unipc", "ddim", "ddim cfg++", "plms", "dpm fast", "dpm adaptive"})
"""A1111's samplers that take no notice of a schedule type, and repeat it all the same."""


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
    own_schedules: Mapping[str, str] = field(default_factory=dict)
    """The schedule type that a sampler takes by itself, where it is not the plain one."""
    without_schedule: frozenset[str] = WITHOUT_SCHEDULE
    writes_eta: bool = False
    """Its infotext says an eta that is not the sampler's usual one."""


_NO_EXTRAS = frozenset(
    {
        "progress",
        "preview",
        "cancel",
        "upscale",
        "controlnet",
        "refiner",
        "styles",
        "variation",
        "tiling",
        "vae",
        "faces",
        "hires_more",
        "inpaint_area",
    }
)
A1111 = Dialect("a1111", "Automatic1111", writes_eta=True)

DIALECTS: dict[str, Dialect] = {
    dialect.id: dialect
    for dialect in (
        A1111,
        Dialect("a1111_old", "Automatic1111 (1.8 or older)", naming="a1111_old", writes_eta=True),
        # Without the modules field Forge fails on hires fix, and its hires CFG is 1 unless told.
        # It takes its VAE from a choice of modules, not from A1111's option.
        Dialect(
            "forge",
            "Forge",
            lacks=frozenset({"vae"}),
            hires={"hr_additional_modules": ["Use same choices"], "hr_cfg": None},
            writes_eta=True,
        ),
        Dialect("reforge", "reForge", hires={"hr_cfg": None}, writes_eta=True),
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
            lacks=(_NO_EXTRAS | {"eta", "inpaint", "mask_blur", "hires"}) - {"refiner"},
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
            },
        ),
        Dialect(
            "sdplay",
            "The local process",
            lacks=frozenset({"styles", "tiling", "vae", "faces", "hires_more", "inpaint_area"}),
            without_schedule=frozenset(),
        ),
        Dialect("other", "The A1111-compatible server"),
    )
}

_SAME_SCHEDULES = ("automatic", "default", "uniform", "discrete", "normal")
"""Schedule types that are no other than the plain one, or the sampler's own."""


@dataclass(frozen=True)
class Names:
    """What a server calls its samplers and schedule types; None when it does not tell."""

    naming: Naming = "a1111"
    samplers: tuple[str, ...] | None = None
    schedules: Mapping[str, str] | None = None
    """Name to label."""
    own_schedules: Mapping[str, str] = field(default_factory=dict)
    """The schedule type that a sampler takes by itself, where it is not the plain one."""
    without_schedule: frozenset[str] = WITHOUT_SCHEDULE

    def spoken(self, scheduler: str) -> tuple[str, str]:
        """The sampler and schedule type to send; the schedule is empty where the server shall
        choose."""
        entry = find(scheduler)
        if entry is None:
            return self._split(scheduler)
        sampler, schedule = self._pair(entry)
        if self.samplers and sampler.lower() not in (name.lower() for name in self.samplers):
            same = next((name for name in self.samplers if find(name) is entry), "")
            pair = self._split(entry.label)
            return (same, "") if same else pair if pair[1] else (sampler, schedule)
        return sampler, schedule

    def second(self, scheduler: str) -> tuple[str, str]:
        """The pair for a refining pass, by its full name: A1111 says `Automatic` in no picture,
        where it would read as the first pass' schedule type."""
        sampler, schedule = self.spoken(scheduler)
        fallback = "uniform" if "uniform" in (self.schedules or {}) else "Automatic"
        return sampler, schedule or self.own_schedules.get(sampler, fallback)

    def understood(self) -> tuple[str, ...] | None:
        """Our ids for what the server has, then its other samplers, then their other schedule
        types."""
        if self.samplers is None:
            return None
        ours = [entry.id for entry in SCHEDULERS.values() if self._has(entry)]
        others = [
            name for name in self.samplers if not ((match := find(name)) and match.id in ours)
        ]
        pairs = [
            f"{name} {label}"
            for name in self.samplers
            for label in self._labels(name, name in others)
            if not self.overlooks(name, label)
        ]
        return tuple(
            dict.fromkeys([*ours, *others, *(pair for pair in pairs if find(pair) is None)])
        )

    def aliases(self) -> dict[str, Alias]:
        """Every other pair of sampler and schedule type, with the one in the list that makes the
        same picture."""
        listed = self.understood() or ()
        pairs = {
            f"{name} {label}": Alias(
                self._listed_as(name, schedule, listed), self.overlooked(name, label)
            )
            for name in self.samplers or ()
            for schedule, label in (self.schedules or {}).items()
        }
        ours = {entry.id: alias for pair, alias in pairs.items() if (entry := find(pair))}
        return {name: alias for name, alias in (pairs | ours).items() if name not in listed}

    def _listed_as(self, sampler: str, schedule: str, listed: Sequence[str]) -> str:
        """The name in the list that makes the picture of this pair; empty where none does."""
        labels, own = self.schedules or {}, self.own_schedules.get(sampler, "")
        if schedule in ("automatic", own) or self.overlooks(sampler, schedule):
            same = [f"{sampler} {labels.get(own, own)}", sampler] if own else [sampler]
        elif schedule in _SAME_SCHEDULES:
            same = [f"{sampler} {labels.get('uniform', 'Uniform')}"] if own else [sampler]
        else:
            same = [f"{sampler} {labels[schedule]}"]
        ids = [entry.id for name in same if name != sampler or not own if (entry := find(name))]
        return next((name for name in (*ids, *same) if name in listed), "")

    def overlooked(self, sampler: str, schedule: str) -> str:
        """A sentence where this schedule type counts for nothing."""
        if not self.overlooks(sampler, schedule):
            return ""
        return (
            f"Scheduler: {sampler} takes no notice of the schedule type {schedule} here, so this "
            f"is the picture of {sampler} alone."
        )

    def overlooks(self, sampler: str, schedule: str) -> bool:
        """Whether a sampler takes no notice of this schedule type."""
        return (
            self.naming == "a1111"
            and sampler.lower() in self.without_schedule
            and schedule.lower() not in ("", *_SAME_SCHEDULES)
        )

    def _pair(self, entry: Scheduler) -> tuple[str, str]:
        label = entry.sdnext or entry.label
        choices: dict[Naming, tuple[str, str]] = {
            "a1111": entry.a1111 or (label, ""),
            "a1111_old": (entry.a1111_old or entry.label, ""),
            "sdnext": (entry.sdnext or entry.label, ""),
            "sdcpp": entry.sdcpp or (label, ""),
            "draw_things": (entry.draw_things or entry.label, ""),
        }
        return choices[self.naming]

    def _has(self, entry: Scheduler) -> bool:
        sampler, schedule = self.spoken(entry.id)
        names = {name.lower() for name in self.samplers or ()}
        if self.overlooks(sampler, schedule):
            return False
        return sampler.lower() in names and (
            not schedule or self.schedules is None or schedule in self.schedules
        )

    def _labels(self, sampler: str, alone: bool) -> Iterator[str]:
        """The schedule types that make another picture than the sampler alone, where that is in the
        list as well."""
        own = self.own_schedules.get(sampler, "")
        for name, label in (self.schedules or {}).items():
            if not (alone and name == own) and (
                name not in _SAME_SCHEDULES or (own and name == "uniform")
            ):
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
    """The JSON body for these settings in that dialect, the raw fields laid over it; null takes a
    field out."""
    fields = dict(dialect.constants) | {
        dialect.renames.get(name, name): value for name, value in _standard(params, dialect, names)
    }
    return without_nulls(laid_over(fields, params.extra_fields()))


def route(body: Mapping[str, Any]) -> str:
    """Where a request goes."""
    return "sdapi/v1/img2img" if "init_images" in body else "sdapi/v1/txt2img"


def ignored(params: Params, dialect: Dialect, names: Names) -> Iterator[str]:
    """A sentence for every setting that this kind of server, or a start image, leaves without
    effect."""
    for knob in KNOBS.values():
        if knob.needs in dialect.lacks and params.sets(knob.name):
            yield f"{knob.label}: {dialect.label} does not know it, so it was left out."
    if overlooked := names.overlooked(*names.spoken(params.scheduler)):
        yield overlooked
    if params.init and params.hires_scale > 1:
        yield "Hires fix does not work with a start image: it was left out."
    yield from params.idle()


def goes_out(name: str, params: Params, dialect: Dialect) -> bool:
    """Whether the request says this setting: the main ones always, others unless they are left to
    the server or change nothing."""
    knob = KNOBS[name]
    if knob.needs in dialect.lacks or (knob.unset and getattr(params, name) == knob.nothing):
        return False
    return knob.group == "main" or not knob.is_idle(params)


def _standard(params: Params, dialect: Dialect, names: Names) -> Iterator[tuple[str, Any]]:
    """A1111's own field names and their values."""
    hires = params.hires_scale > 1 and not params.init
    for field_name, name in FIELDS.items():
        if KNOBS[name].group not in ("hires", "start") and goes_out(name, params, dialect):
            yield field_name, value_of(name, params)
    sampler, schedule = names.spoken(params.scheduler)
    yield "sampler_name", sampler
    if schedule:
        yield "scheduler", schedule
    if params.control and goes_out("control", params, dialect):
        yield "alwayson_scripts", {"controlnet": {"args": [_unit(unit) for unit in params.control]}}
    yield from _options(params, dialect)
    if params.init:
        yield from _start(params, dialect)
    elif hires and goes_out("hires_scale", params, dialect):
        yield from _hires(params, dialect, names)


def value_of(name: str, params: Params) -> Any:
    """A setting as the request says it."""
    value = getattr(params, name)
    if KNOBS[name].several:
        return [part.strip() for part in value.split("|") if part.strip()]
    return FILLS.index(value) if name == "inpaint_fill" else value


def _options(params: Params, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    overrides = {
        option: getattr(params, name)
        for option, name in OPTIONS.items()
        if goes_out(name, params, dialect)
    }
    for option, name in OPTIONS.items():
        if option in overrides and name in dialect.direct:
            yield name, overrides.pop(option)
    if overrides:
        yield "override_settings", overrides


def _start(params: Params, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    size = params.width, params.height
    yield "init_images", [encoded(_fitted(params.init, size, "Start image"))]
    yield "denoising_strength", params.strength
    if params.mask and goes_out("mask", params, dialect):
        yield "mask", encoded(_fitted(params.mask, size, "Mask"))
        # Left out, A1111 paints the masked part alone.
        yield from (("inpainting_fill", FILLS.index("original")), ("inpaint_full_res", False))
        for field_name, name in FIELDS.items():
            of_mask = KNOBS[name].group == "start" and name != "strength"
            if of_mask and goes_out(name, params, dialect):
                yield field_name, value_of(name, params)


def _hires(params: Params, dialect: Dialect, names: Names) -> Iterator[tuple[str, Any]]:
    yield "enable_hr", True
    for field_name, name in FIELDS.items():
        if KNOBS[name].group == "hires" and goes_out(name, params, dialect):
            yield field_name, value_of(name, params)
    if goes_out("hires_size", params, dialect):
        width, height = map(int, params.hires_size.split("x"))
        yield from (("hr_resize_x", width), ("hr_resize_y", height))
    if goes_out("hires_sampler", params, dialect):
        yield from zip(
            ("hr_sampler_name", "hr_scheduler"), names.second(params.hires_sampler), strict=True
        )
    # Left out, A1111 takes the smaller of null and 0.999, and fails.
    yield "denoising_strength", params.hires_strength
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


@lru_cache(maxsize=2)  # the start image and its mask, for all cells of a sweep
def _fitted(data: bytes, size: tuple[int, int], subject: str) -> bytes:
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
        raise BadParams(f"{subject} {error}. Choose another picture.") from error
    page = Image.new("RGBA", upright.size, "white" if subject == "Start image" else "black")
    page.alpha_composite(upright)
    return png_bytes(ImageOps.fit(page.convert("RGB"), size, Image.Resampling.LANCZOS))
