"""Params: everything that names a picture.  One knob() per parameter; form, CLI, axes and metadata
derive from it."""

import dataclasses
import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from sdplay.errors import BadParams
from sdplay.files.picture_file import PictureFile, image_name
from sdplay.files.untrusted import read_json
from sdplay.knob import Idle, Knob, knob
from sdplay.schedulers import find

MAX_SEED = 2**63 - 1
KEY_VERSION = 1


@dataclass(frozen=True)
class Control:
    """One ControlNet unit: a guide picture and how hard it steers."""

    image: bytes
    model: str
    module: str = "none"
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: str = "Balanced"

    def __post_init__(self) -> None:
        for name, high in (("weight", 2.0), ("start", 1.0), ("end", 1.0)):
            bounds = Knob(name, 1.0, f"ControlNet's {name}", 0.0, high, kind=float)
            object.__setattr__(self, name, bounds.check(getattr(self, name)))
        if not all(isinstance(text, str) for text in (self.model, self.module, self.mode)):
            raise BadParams("ControlNet's model, module and mode must be text.")


_NO_START = Idle(lambda params: not params.init, "without a start image")
_NO_MASK = Idle(lambda params: not (params.init and params.mask), "without a mask")
_NO_HIRES = Idle(lambda params: params.hires_scale == 1, "while hires is off")


def _takes_no_eta(params: "Params") -> bool:
    """Whether the scheduler is one of ours that adds no noise of its own; others may."""
    entry = find(params.scheduler)
    return entry is not None and not entry.takes_eta


@dataclass(frozen=True)
class Params:
    """The settings of exactly one picture.  Checks itself; a change is a copy (`with_`)."""

    prompt: str = knob(
        "",
        "Prompt",
        help="What to draw. The model turns it into numbers that steer every step.",
        phrase="{}",
        example="a red fox || a blue owl",
    )
    negative: str = knob(
        "",
        "Negative prompt",
        help="What to avoid. It takes the place of the empty prompt "
        "that CFG pushes away from, so it does nothing at CFG 1.",
        needs="negative",
        example="none || blurry, dark",
        idle=Idle(lambda params: params.cfg == 1, "at CFG 1"),
    )
    scheduler: str = knob(
        "dpmpp_2m_karras",
        "Scheduler",
        phrase="{}",
        help="The route from noise to picture. Each takes different "
        "steps through the same model; some settle on one picture, some never do.",
        needs="scheduler",
        choices="schedulers",
        example="euler, ddim, dpmpp_2m",
        also=("Sampler",),
    )
    steps: int = knob(
        20,
        "Steps",
        1,
        500,
        1,
        "How often the model is asked to clean the picture. Time grows with it; "
        "after 20 to 30 most schedulers change little.",
        usual=(1, 60),
        phrase="{} steps",
        needs="steps",
        example="5-20(+5)",
        infotext=("Steps",),
    )
    cfg: float = knob(
        7.0,
        "CFG scale",
        1.0,
        30.0,
        0.5,
        "How hard to push toward the prompt. 1 ignores the negative "
        "prompt and halves the time; above about 12 colours burn.",
        usual=(1.0, 20.0),
        phrase="CFG {}",
        needs="cfg",
        example="1, 3, .., 9",
        infotext=("CFG scale",),
        also=("CFG Scale",),
    )
    seed: int = knob(
        0,
        "Seed",
        0,
        MAX_SEED,
        1,
        "Names the start noise. Same seed and same settings give the same picture.",
        needs="seed",
        example="1-4",
        infotext=("Seed",),
    )
    width: int = knob(
        512,
        "Width",
        64,
        4096,
        8,
        "Pixels across, in steps of 8.",
        needs="size",
        example="128, 192, 256",
    )
    height: int = knob(
        512,
        "Height",
        64,
        4096,
        8,
        "Pixels down, in steps of 8.",
        needs="size",
        example="128, 192, 256",
    )
    model: str = knob(
        "",
        "Model",
        phrase="{}",
        help="The checkpoint. Empty means the one the backend has loaded.",
        needs="models",
        unset="As the backend has it",
        choices="models",
        cost=2.0,
        infotext=("Model",),
        also=("Checkpoint name", "Checkpoint"),
    )
    init: bytes = knob(
        b"",
        "Start image",
        group="start",
        needs="img2img",
        help="Start from this picture instead of pure noise.",
        example="none",
    )
    strength: float = knob(
        0.75,
        "Strength",
        0.0,
        1.0,
        0.05,
        "How much of the start image is turned to noise first: 0 keeps it, 1 forgets it.",
        group="start",
        needs="img2img",
        idle=_NO_START,
        infotext=("Denoising strength", "Denoise strength"),
        also=("Denoising", "Denoising strength"),
    )
    mask: bytes = knob(
        b"",
        "Mask",
        group="start",
        needs="inpaint",
        help="White is painted anew, black stays.",
        example="none",
        idle=_NO_START,
    )
    mask_blur: int = knob(
        4,
        "Mask blur",
        0,
        64,
        1,
        "Softens the mask's edge, in pixels.",
        group="start",
        needs="mask_blur",
        idle=_NO_MASK,
        infotext=("Mask blur",),
    )
    variation_seed: int = knob(
        0,
        "Variation seed",
        0,
        MAX_SEED,
        1,
        "A second start noise to mix in.",
        group="variation",
        needs="variation",
        idle=Idle(lambda params: params.variation_strength == 0, "at variation strength 0"),
        infotext=("Variation seed",),
        also=("Var. seed",),
    )
    variation_strength: float = knob(
        0.0,
        "Variation strength",
        0.0,
        1.0,
        0.05,
        "0 is the seed alone, 1 the variation seed alone.",
        group="variation",
        needs="variation",
        brings=("variation_seed",),
        infotext=("Variation seed strength",),
        also=("Var. strength",),
    )
    eta: float | None = knob(
        None,
        "Eta",
        0.0,
        1.0,
        0.1,
        "How much fresh noise DDIM, TCD, ancestral and SDE samplers add at every step: at 0 none, "
        "so that they settle. Empty is the sampler's own: 0 for DDIM, 0.3 for TCD, 1 for the "
        "others, unless the server is set up otherwise.",
        kind=float,
        unset="The sampler's own",
        group="sampler",
        needs="eta",
        example="own, 0, 0.5, 1",
        idle=Idle(_takes_no_eta, "with a scheduler that adds no noise of its own"),
        infotext=("Eta", "Eta DDIM"),
    )
    clip_skip: int | None = knob(
        1,
        "Clip skip",
        1,
        12,
        1,
        "Read the prompt this many layers before the text encoder's end. 1 is the normal end.",
        unset="The server's own",
        group="sampler",
        needs="clip_skip",
        example="1, 2",
        infotext=("Clip skip",),
    )
    hires_scale: float = knob(
        1.0,
        "Hires scale",
        1.0,
        4.0,
        0.25,
        "Make the picture small first, then enlarge it by this and refine. 1 is off.",
        group="hires",
        needs="hires",
        example="1, 1.5, 2",
        infotext=("Hires upscale", "Hires scale"),
    )
    hires_strength: float = knob(
        0.5,
        "Hires strength",
        0.0,
        1.0,
        0.05,
        "How much the refining pass may change.",
        group="hires",
        needs="hires",
        idle=_NO_HIRES,
        infotext=("Hires strength",),
    )
    hires_steps: int = knob(
        0,
        "Hires steps",
        0,
        150,
        1,
        "Steps of the refining pass. 0 means the same as the first.",
        group="hires",
        needs="hires",
        idle=_NO_HIRES,
        infotext=("Hires steps",),
    )
    hires_upscaler: str = knob(
        "Latent",
        "Hires upscaler",
        help="How the small picture is enlarged.",
        group="hires",
        needs="hires",
        choices="upscalers",
        cost=0.5,
        idle=_NO_HIRES,
        infotext=("Hires upscaler",),
    )
    refiner: str = knob(
        "",
        "Refiner",
        help="A second checkpoint that finishes the picture. Empty is off.",
        group="refiner",
        needs="refiner",
        unset="None",
        choices="models",
        cost=1.5,
        brings=("refiner_at",),
        infotext=("Refiner",),
        also=("Refiner checkpoint",),
    )
    refiner_at: float = knob(
        0.8,
        "Refiner takes over at",
        0.0,
        1.0,
        0.05,
        "The share of steps done before the refiner takes over.",
        group="refiner",
        needs="refiner",
        idle=Idle(lambda params: not params.refiner, "without a refiner"),
        infotext=("Refiner switch at", "Refiner Switch"),
        also=("Refiner switch at",),
    )
    tiling: bool = knob(
        False,
        "Tiling",
        help="Opposite edges fit together, so that the picture repeats without a seam.",
        group="sampler",
        needs="tiling",
        infotext=("Tiling",),
    )
    vae: str = knob(
        "",
        "VAE",
        help="The decoder that turns the model's numbers into pixels.",
        group="sampler",
        needs="vae",
        unset="The server's own",
        choices="vaes",
        cost=1.0,
        infotext=("VAE",),
        also=("VAE",),
    )
    faces: bool = knob(
        False,
        "Face restore",
        help="Repair faces in the finished picture, with the network the server is set up for.",
        group="sampler",
        needs="faces",
        infotext=("Face restoration",),
        yes="CodeFormer",
        also=("Face restore",),
    )
    inpaint_fill: str = knob(
        "original",
        "Masked content",
        help="What the masked part starts from: itself, a blur of what is around it, noise, or "
        "nothing.",
        group="start",
        needs="inpaint_area",
        choices="inpaint_fills",
        example="original, fill",
        pattern="original|fill|latent noise|latent nothing",
        idle=_NO_MASK,
        infotext=("Masked content",),
    )
    only_masked: bool = knob(
        False,
        "Only masked",
        help="Enlarge the masked part to the whole size, paint it, and put it back.",
        group="start",
        needs="inpaint_area",
        idle=_NO_MASK,
        infotext=("Inpaint area",),
        yes="Only masked",
    )
    masked_padding: int = knob(
        32,
        "Padding of the masked part",
        0,
        256,
        4,
        "How many pixels around the masked part are looked at with it.",
        group="start",
        needs="inpaint_area",
        idle=Idle(
            lambda params: not (params.init and params.mask and params.only_masked),
            "unless only the masked part is painted",
        ),
        example="0, 32, 64",
        infotext=("Masked area padding",),
    )
    hires_size: str = knob(
        "",
        "Hires resize to",
        help="Enlarge to this size, like 768x1024, instead of by the scale.",
        group="hires",
        needs="hires_more",
        unset="By the scale",
        pattern=r"[1-9]\d{1,3}x[1-9]\d{1,3}",
        example="768x768, 768x1024",
        idle=_NO_HIRES,
        infotext=("Hires resize",),
    )
    hires_sampler: str = knob(
        "",
        "Hires scheduler",
        help="The scheduler of the refining pass.",
        example="own, euler, ddim",
        group="hires",
        needs="hires_more",
        unset="As in the first pass",
        choices="schedulers",
        idle=_NO_HIRES,
        infotext=("Hires sampler",),
        also=("Hires sampler",),
    )
    hires_prompt: str = knob(
        "",
        "Hires prompt",
        help="Another prompt for the refining pass.",
        group="hires",
        needs="hires_more",
        unset="As in the first pass",
        idle=_NO_HIRES,
        infotext=("Hires prompt",),
    )
    hires_negative: str = knob(
        "",
        "Hires negative prompt",
        help="Another negative prompt for the refining pass.",
        group="hires",
        needs="hires_more",
        unset="As in the first pass",
        idle=_NO_HIRES,
        infotext=("Hires negative prompt",),
    )
    hires_model: str = knob(
        "",
        "Hires checkpoint",
        help="Another checkpoint for the refining pass.",
        group="hires",
        needs="hires_more",
        unset="As in the first pass",
        choices="models",
        cost=2.0,
        idle=_NO_HIRES,
        infotext=("Hires checkpoint",),
    )
    styles: str = knob(
        "",
        "Styles",
        help="Names of the server's saved prompt styles, separated by |.",
        group="sampler",
        needs="styles",
        choices="styles",
        several=True,
        infotext=("Style names",),
    )
    control: tuple[Control, ...] = knob(
        (),
        "ControlNet",
        group="control",
        needs="controlnet",
        help="Guide pictures that steer the layout.",
        example="none",
    )
    extra: str = knob(
        "",
        "Raw payload fields",
        help="A JSON object laid over the payload before it is sent.",
        group="raw",
        example='{"styles": ["flat"]} || {"styles": []}',
        infotext=("Raw payload fields",),
        letters=200_000,
    )

    def __post_init__(self) -> None:
        for setting in KNOBS.values():
            value = getattr(self, setting.name)
            if (
                value is not setting.default
            ):  # a plan makes hundreds, most of whose settings nobody touched
                object.__setattr__(self, setting.name, setting.check(value))
        _check_fields(self.extra)

    def with_(self, **changes: Any) -> Self:
        """A copy with these settings changed, checked again."""
        unknown = set(changes) - set(KNOBS)
        if unknown:
            raise BadParams(
                f"There is no setting called {sorted(unknown)[0]!r}. There are: {', '.join(KNOBS)}."
            )
        return dataclasses.replace(self, **changes)

    def sets(self, name: str) -> bool:
        """Whether this setting asks for something: it is not at its default, not left to the
        backend, and not idle."""
        setting, value = KNOBS[name], getattr(self, name)
        left_out = bool(setting.unset) and value == setting.nothing
        return value != setting.default and not left_out and not setting.is_idle(self)

    def idle(self) -> Iterator[str]:
        """A sentence for every setting that was changed and changes nothing, on any backend."""
        for setting in KNOBS.values():
            if (
                setting.idle
                and setting.is_idle(self)
                and getattr(self, setting.name) != setting.default
            ):
                yield f"{setting.label} has no effect {setting.idle.words}."

    def extra_fields(self) -> dict[str, Any]:
        """The raw payload fields as a dict; a sentence when the text is no JSON object."""
        return _fields(self.extra)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; pictures are named by their SHA-256, so a file or link never carries
        them."""
        return {name: _json(getattr(self, name)) for name in KNOBS}

    def changed(self) -> dict[str, Any]:
        """as_dict() without the settings that stand at their default."""
        return {
            name: value
            for name, value in self.as_dict().items()
            if value != _json(KNOBS[name].default)
        }

    def asked(self) -> dict[str, Any]:
        """What a receipt repeats: the main settings, and of the others those that were changed."""
        changed = self.changed()
        main = {
            name: value
            for name, value in self.as_dict().items()
            if KNOBS[name].group == "main" and value != ""
        }
        return {**main, **changed}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], images: Mapping[str, bytes | PictureFile] | None = None
    ) -> Self:
        """Read as_dict() back, ignoring unknown names, so old and new files both load.

        `images` maps "sha256:…" to the bytes or to their file; a picture that is not there is left
        out.
        """
        fields = {name: value for name, value in as_meant(values).items() if name in KNOBS}
        for name in ("init", "mask"):
            if isinstance(fields.get(name), str):
                fields[name] = (images or {}).get(fields[name], b"")
        fields["control"] = tuple(_controls(fields.get("control"), images or {}))
        return cls(**fields)

    def loaded(self) -> Self:
        """With the bytes of those pictures that were left on disk until now."""
        pictures = {name: getattr(self, name) for name in ("init", "mask")}
        files = {
            name: file.read() for name, file in pictures.items() if isinstance(file, PictureFile)
        }
        return self.with_(**files) if files else self

    def images(self) -> dict[str, bytes]:
        """The pictures inside, by the name as_dict() gives them."""
        pictures = [self.init, self.mask, *(unit.image for unit in self.control)]
        return {image_name(data): data for data in pictures if data}

    def key(self, *also: str) -> str:
        """The recipe key: same settings, backend and model version, same key.

        Only what differs from each knob's first default counts, so that a new knob, or a default
        that changes, leaves every key as it is.
        """
        named = {
            name: value
            for name, first in _FIRST_DEFAULTS.items()
            if getattr(self, name) is not first and (value := _json(getattr(self, name))) != first
        }
        text = json.dumps([KEY_VERSION, named, *also], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


KNOBS: dict[str, Knob] = {
    field.name: Knob(field.name, field.default, **field.metadata["knob"])
    for field in dataclasses.fields(Params)
}


FIRST_KNOBS = (
    "prompt",
    "negative",
    "scheduler",
    "steps",
    "cfg",
    "seed",
    "width",
    "height",
    "model",
    "init",
    "strength",
    "mask",
    "mask_blur",
    "variation_seed",
    "variation_strength",
    "eta",
    "clip_skip",
    "hires_scale",
    "hires_strength",
    "hires_steps",
    "hires_upscaler",
    "refiner",
    "refiner_at",
    "styles",
    "control",
    "extra",
)
"""The settings of the first version: of its libraries' keys, and of a local process that does not
tell what it knows.  Never to be changed."""


def as_meant(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record of every setting as it was meant: before there was tiling, eta 0 stood for the
    sampler's own."""
    if values.get("eta") == 0 and "clip_skip" in values and "tiling" not in values:
        return {**values, "eta": None}
    return values


@lru_cache(4)
def _check_fields(text: str) -> None:
    """All cells of a plan have the same long text: it is looked through once."""
    _fields(text)


def _fields(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        fields = read_json(text)
    except ValueError as error:
        raise BadParams(
            f"Raw payload fields are not valid JSON: {error}. Write them like this: "
            '{"styles": ["flat"]}'
        ) from error
    if not isinstance(fields, dict):
        raise BadParams('Raw payload fields must be a JSON object, like this: {"styles": ["flat"]}')
    return fields


def differing(left: Params, right: Params) -> dict[str, tuple[Any, Any]]:
    """The settings in which two pictures differ, by knob name, both values."""
    a, b = left.as_dict(), right.as_dict()
    return {name: (a[name], b[name]) for name in KNOBS if a[name] != b[name]}


def random_seed() -> int:
    """A fresh seed: chance is settled here, before a Params exists."""
    return random.SystemRandom().randrange(2**32)


def _json(value: Any) -> Any:
    if isinstance(value, str | int | float):  # most are: a large plan asks for every one of them
        return value
    if isinstance(value, bytes):
        return image_name(value) if value else ""
    if isinstance(value, PictureFile):
        return value.name
    if isinstance(value, tuple):
        return [{**dataclasses.asdict(unit), "image": _json(unit.image)} for unit in value]
    return value


_FIRST_DEFAULTS = {name: _json(knob.first_default) for name, knob in KNOBS.items()}


def _controls(units: Any, images: Mapping[str, Any]) -> Iterator[Control]:
    if units and not isinstance(units, (list, tuple)):
        raise BadParams(f"ControlNet must be a list of units, not {str(units)[:40]!r}.")
    for unit in units or ():
        if isinstance(unit, Control):
            yield unit
        elif not isinstance(unit, Mapping) or not isinstance(unit.get("image"), str):
            raise BadParams("A ControlNet unit must name its picture, model and weight.")
        elif unit["image"] in images:
            try:
                yield Control(**{**unit, "image": images[unit["image"]]})
            except TypeError as error:
                raise BadParams(
                    "A ControlNet unit has image, model, module, weight, start, end and mode, "
                    f"not {', '.join(map(str, unit))[:80]}."
                ) from error
