"""Requests in A1111's words, and the pictures they ask for.  What A1111 would leave out in silence
is an error here."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from sdplay.backends.a1111.fields import FIELDS, OPTIONS
from sdplay.errors import BadParams
from sdplay.files.decode import NotAPicture, checked, from_base64
from sdplay.http.fetch import fetch_public
from sdplay.metadata import settings_from
from sdplay.metadata.infotext import scheduler_of
from sdplay.params import KNOBS, Control, Params, random_seed
from sdplay.picture import png_bytes
from sdplay.schedulers import SCHEDULERS, find
from sdplay.server.a1111.mask import Masking, masked, resized, upright
from sdplay.server.limits import Limits
from sdplay.server.request import SCHEDULERS_HERE, PictureRequest


class Processing(BaseModel):
    """The fields that both kinds of request share; null stands for the default everywhere."""

    model_config = ConfigDict(allow_inf_nan=False)

    prompt: str | None = ""
    negative_prompt: str | None = ""
    styles: list[str] | None = None
    seed: int | None = -1
    subseed: int | None = -1
    subseed_strength: float | None = 0
    seed_resize_from_h: int | None = -1
    seed_resize_from_w: int | None = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int | None = 1
    n_iter: int | None = 1
    steps: int | None = 50
    cfg_scale: float | None = 7.0
    width: int | None = 512
    height: int | None = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool | None = False
    do_not_save_grid: bool | None = False
    eta: float | None = None
    denoising_strength: float | None = None
    s_min_uncond: float | None = None
    s_churn: float | None = None
    s_tmax: float | None = None
    s_tmin: float | None = None
    s_noise: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool | None = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    disable_extra_networks: bool | None = False
    firstpass_image: str | None = None
    comments: dict[str, Any] | None = None
    force_task_id: str | None = None
    sampler_index: str | None = "Euler"
    script_name: str | None = None
    script_args: list[Any] | None = []
    send_images: bool | None = True
    save_images: bool | None = False
    alwayson_scripts: dict[str, Any] | None = {}
    infotext: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _can_be_sent_back(cls, value: Any) -> Any:
        """The answer repeats the request, so it must be text that can be written."""
        if text := next((text for text in texts_in(value) if not writable(text)), ""):
            raise ValueError(f"half a character stands in {text[:40]!r}")
        return value


class StableDiffusionProcessingTxt2Img(Processing):
    """A picture from words alone."""

    enable_hr: bool | None = False
    firstphase_width: int | None = 0
    firstphase_height: int | None = 0
    hr_scale: float | None = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int | None = 0
    hr_resize_x: int | None = 0
    hr_resize_y: int | None = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str | None = ""
    hr_negative_prompt: str | None = ""


class StableDiffusionProcessingImg2Img(Processing):
    """A picture from words and a start image."""

    denoising_strength: float | None = 0.75
    init_images: list[str] | None = None
    resize_mode: int | None = 0
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur_x: int | None = 4
    mask_blur_y: int | None = 4
    mask_blur: int | None = None
    mask_round: bool | None = True
    inpainting_fill: int | None = 0
    inpaint_full_res: bool | None = True
    inpaint_full_res_padding: int | None = 0
    inpainting_mask_invert: int | None = 0
    initial_noise_multiplier: float | None = None
    latent_mask: str | None = None
    include_init_images: bool | None = False


class NoStartImage(BadParams):
    """The request lacks the start image that it needs."""


NEUTRAL: dict[str, tuple[Any, ...]] = {
    "restore_faces": (False,),
    "tiling": (False,),
    "s_min_uncond": (0,),
    "s_churn": (0,),
    "s_tmin": (0,),
    "s_noise": (1,),
    "seed_resize_from_w": (-1, 0),
    "seed_resize_from_h": (-1, 0),
    "firstpass_image": (),
    "hr_checkpoint_name": ("", "Use same checkpoint"),
    "hr_sampler_name": ("", "Use same sampler"),
    "hr_scheduler": ("", "Use same scheduler"),
    "hr_prompt": ("",),
    "hr_negative_prompt": ("",),
    "hr_resize_x": (0,),
    "hr_resize_y": (0,),
    "firstphase_width": (0,),
    "firstphase_height": (0,),
    "latent_mask": (),
    "initial_noise_multiplier": (1,),
    "styles": ([],),
}
"""Fields that this process does not serve, and the values with which they mean nothing."""
SERVED_OPTIONS = tuple(option for option, name in OPTIONS.items() if name in ("model", "clip_skip"))
"""The options that a request may override here."""
_DIRECT = {
    field: name for field, name in FIELDS.items() if KNOBS[name].group in ("main", "variation")
}
"""Fields that are taken as they stand, and our settings for them."""


def picture_requests(body: Processing, limits: Limits, owner: str) -> list[PictureRequest]:
    """Every picture that the request asks for, checked; refuses in one sentence what this process
    does not offer."""
    _refuse_what_has_no_place(body)
    count = (body.batch_size or 1) * (body.n_iter or 1)
    if not 1 <= count <= limits.pictures:
        raise BadParams(f"One request may ask for 1 to {limits.pictures} pictures, not {count}.")
    values = _values(body)
    finish = values.pop("finish", None)
    first = limits.check(Params(**values))
    return [
        PictureRequest(_nth(first, at), owner, count == 1, partial=True, finish=finish)
        for at in range(count)
    ]


def texts_in(value: Any) -> Iterator[str]:
    """Every text inside a JSON value, the names of its fields too."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value


def writable(text: str) -> bool:
    """Whether the text can be written into files and answers: it holds no half of a surrogate
    pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def picture_in(text: str, role: str = "start image") -> bytes:
    """The picture that a request carries, as base64, data URI or public web address."""
    if text.lstrip()[:8].lower().startswith(("http://", "https://")):
        return fetch_public(text.strip())
    try:
        return checked(from_base64(text))
    except NotAPicture as error:
        raise BadParams(f"The {role} {error}.") from error


def chosen_scheduler(sampler: str, schedule: str) -> str:
    """Our scheduler for A1111's sampler and schedule type; refuses unknown ones with a sentence
    that lists the choices."""
    automatic = schedule.lower() in ("", "automatic")
    id = scheduler_of(sampler, "automatic" if automatic else schedule, [])
    if id not in SCHEDULERS_HERE and automatic and (unscheduled := find(sampler)):
        id = unscheduled.id
    if id not in SCHEDULERS_HERE:
        names = [
            " ".join(filter(None, entry.a1111 or (entry.label,)))
            for entry in map(SCHEDULERS.get, SCHEDULERS_HERE)
            if entry
        ]
        raise BadParams(
            f"There is no sampler called {sampler!r}"
            f"{'' if automatic else f' with the schedule type {schedule!r}'}. "
            f"There are: {', '.join(names)}."
        )
    return id


def _refuse_what_has_no_place(body: Processing) -> None:
    for name, neutral in NEUTRAL.items():
        value = getattr(body, name, None)
        if value is not None and value not in neutral:
            raise BadParams(f"This process has no {name}: leave it out.")
    if body.script_name:
        raise BadParams(f"Script {body.script_name!r} not found. This process runs no scripts.")
    for name in body.alwayson_scripts or {}:
        if name.lower() != "controlnet":
            raise BadParams(f"Script {name!r} not found. There is: controlnet.")
    for name in body.override_settings or {}:
        if name not in SERVED_OPTIONS:
            raise BadParams(
                f"The option {name!r} cannot be overridden here. "
                f"There are: {', '.join(SERVED_OPTIONS)}."
            )


def _values(body: Processing) -> dict[str, Any]:
    from_text, _ = settings_from(body.infotext) if body.infotext else ({}, [])
    values = dict(from_text)
    for theirs, ours in _DIRECT.items():
        value = getattr(body, theirs)
        if value is not None and (theirs in body.model_fields_set or ours not in from_text):
            values[ours] = value
    if not body.infotext or body.sampler_name or body.scheduler:
        values["scheduler"] = chosen_scheduler(
            body.sampler_name or body.sampler_index or "Euler", body.scheduler or ""
        )
    for name in ("seed", "variation_seed"):
        values[name] = random_seed() if values.get(name, -1) == -1 else values[name]
    entry = find(values["scheduler"])
    if entry and entry.takes_eta and body.eta is not None:
        values["eta"] = body.eta
    overrides = body.override_settings or {}
    values |= {"model": str(overrides.get("sd_model_checkpoint") or values.get("model", ""))}
    values |= {"clip_skip": overrides.get("CLIP_stop_at_last_layers", values.get("clip_skip", 1))}
    if body.refiner_checkpoint not in (None, "", "None"):
        values |= {"refiner": body.refiner_checkpoint}
        values |= {} if body.refiner_switch_at is None else {"refiner_at": body.refiner_switch_at}
    values["control"] = tuple(_units(body))
    if isinstance(body, StableDiffusionProcessingImg2Img):
        return values | dict(_start(body, (values["width"], values["height"])))
    return values | dict(_hires(body))


def _units(body: Processing) -> Iterator[Control]:
    """The ControlNet units that are switched on."""
    for name, script in (body.alwayson_scripts or {}).items():
        for unit in (
            script.get("args", ())
            if name.lower() == "controlnet" and isinstance(script, dict)
            else ()
        ):
            if not isinstance(unit, dict) or not unit.get("enabled", True):
                continue
            image = unit.get("image") or unit.get("input_image")
            if not isinstance(image, str):
                raise BadParams(
                    "A ControlNet unit has no picture: send it as base64 in the field image."
                )
            yield Control(
                picture_in(image, "ControlNet picture"),
                str(unit.get("model", "None")),
                str(unit.get("module") or "none").lower(),
                unit.get("weight", 1.0),
                unit.get("guidance_start", 0.0),
                unit.get("guidance_end", 1.0),
                str(unit.get("control_mode") or "Balanced"),
            )


def _hires(body: Processing) -> Iterator[tuple[str, Any]]:
    if not isinstance(body, StableDiffusionProcessingTxt2Img) or not body.enable_hr:
        return
    yield from (
        ("hires_scale", body.hr_scale or 2.0),
        ("hires_steps", body.hr_second_pass_steps or 0),
    )
    yield from (
        ("hires_strength", 0.5 if body.denoising_strength is None else body.denoising_strength),
        ("hires_upscaler", body.hr_upscaler or "Latent"),
    )


def _start(
    body: StableDiffusionProcessingImg2Img, size: tuple[int, int]
) -> Iterator[tuple[str, Any]]:
    images = body.init_images or []
    if not images:
        raise NoStartImage("Init image not found")
    if len(images) > 1:
        raise BadParams(
            f"One request takes one start image, not {len(images)}. Send one request for each."
        )
    start = upright(picture_in(images[0]))
    yield "strength", 0.75 if body.denoising_strength is None else body.denoising_strength
    if not body.mask:
        yield "init", png_bytes(resized(start, size, body.resize_mode or 0))
        return
    blur = body.mask_blur if body.mask_blur is not None else body.mask_blur_x or 0
    ready = masked(
        start,
        upright(picture_in(body.mask, "mask"), "L"),
        size,
        Masking(
            body.inpainting_fill or 0,
            body.inpaint_full_res is not False,
            body.inpaint_full_res_padding or 0,
            bool(body.inpainting_mask_invert),
            blur,
            body.resize_mode or 0,
        ),
    )
    yield from (
        ("init", ready.init),
        ("mask", ready.mask),
        ("mask_blur", blur),
        ("finish", ready.finish),
    )


def _nth(params: Params, at: int) -> Params:
    """The settings of the n-th picture of a batch: the next seeds or, with a variation, the next
    variation seeds."""
    if params.variation_strength:
        return params.with_(variation_seed=params.variation_seed + at)
    return params.with_(seed=params.seed + at)
