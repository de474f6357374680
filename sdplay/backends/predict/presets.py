"""The hosted endpoints we speak to, as data: where a request goes, how it is shaped and what its
fields are called."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sdplay.errors import BadParams
from sdplay.params import KNOBS
from sdplay.schedulers import OCTOAI, SCHEDULERS, known

PICTURES = frozenset({"init", "mask"})
SIZE = "size"
"""Width and height in one field, like 512x768."""
SENDABLE = (
    {name for name, knob in KNOBS.items() if knob.is_plain and name != "extra"} | PICTURES | {SIZE}
)

_COG = {entry.id: entry.cog for entry in SCHEDULERS.values() if entry.cog}
_OCTOAI = {known(name).id: name for name in OCTOAI}
_CLASSES: dict[str, str] = {}
for _entry in SCHEDULERS.values():
    # A class name alone cannot say Karras or SDE: only the scheduler that the class is by itself is
    # offered.
    if _entry.sigmas == "normal" and _entry.diffusers[0] not in _CLASSES.values():
        _CLASSES[_entry.id] = _entry.diffusers[0]

_DIFFUSERS_FIELDS = {
    "prompt": "prompt",
    "negative": "negative_prompt",
    "cfg": "guidance_scale",
    "steps": "num_inference_steps",
    "seed": "seed",
}


@dataclass(frozen=True)
class Preset:
    """One kind of endpoint."""

    name: str
    label: str
    """What a sentence calls it."""
    fields: Mapping[str, str]
    """Our setting's name → its place in the request, parts joined by dots."""
    inside: str = ""
    """Where settings without a place of their own go."""
    schedulers: Mapping[str, str] = field(default_factory=dict)
    """Our scheduler id → its name there."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    sure: bool = False
    """Its fields are a promise; else an endpoint may ignore one."""
    home: str = ""
    """Its public address: a bare owner/name is a model there."""
    endings: str = ""
    """What people paste behind the base address."""
    root: str = ""
    """The path of an API when the address has none."""
    method: str = "POST"
    create: str = ""
    """Where a picture is asked for; {id} is chosen by us."""
    look: str = ""
    """What the probe asks."""
    follow: str = ""
    """Where a prediction under way is asked after."""
    cancel: str = ""
    at_once: int = 1


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "octoai",
            "The endpoint",
            {**_DIFFUSERS_FIELDS, "scheduler": "solver"},
            schedulers=_OCTOAI,
            sure=True,
            at_once=2,
        ),
        Preset(
            "cog",
            "The Cog server",
            {
                **{name: f"input.{field}" for name, field in _DIFFUSERS_FIELDS.items()},
                "scheduler": "input.scheduler",
                "width": "input.width",
                "height": "input.height",
            },
            inside="input",
            schedulers=_COG,
            method="PUT",
            create="predictions/{id}",
            look="health-check",
            cancel="predictions/{id}/cancel",
            endings=r"/(predictions|openapi\.json|health-check|docs)/?$",
        ),
        Preset(
            "replicate",
            "Replicate",
            {
                **{name: f"input.{field}" for name, field in _DIFFUSERS_FIELDS.items()},
                "scheduler": "input.scheduler",
                "width": "input.width",
                "height": "input.height",
            },
            inside="input",
            schedulers=_COG,
            home="https://api.replicate.com/v1",
            create="predictions",
            follow="predictions/{id}",
            cancel="predictions/{id}/cancel",
            at_once=4,
        ),
        Preset(
            "openai-images",
            "The image API",
            {**_DIFFUSERS_FIELDS, SIZE: "size", "model": "model"},
            schedulers=_CLASSES,
            constants={"n": 1, "response_format": "b64_json"},
            root="/v1",
            create="images/generations",
            look="models",
            endings=r"/images(/generations)?/?$",
        ),
        Preset(
            "hf-inference",
            "The inference API",
            {
                **{name: f"parameters.{field}" for name, field in _DIFFUSERS_FIELDS.items()},
                "prompt": "inputs",
                "scheduler": "parameters.scheduler",
                "width": "parameters.width",
                "height": "parameters.height",
            },
            inside="parameters",
            schedulers=_CLASSES,
            home="https://router.huggingface.co/hf-inference/models",
            at_once=2,
        ),
    )
}


@dataclass(frozen=True)
class Endpoint:
    """A preset at an address, its fields renamed as the owner wants them."""

    preset: Preset
    base: str
    create: str
    look: str
    renamed: Mapping[str, str | None]
    """By our setting's name; None takes the field out."""
    constants: Mapping[str, Any]


def endpoint(preset: str, url: str, fields: str) -> Endpoint:
    """The endpoint that the settings describe, or a sentence about the setting that is wrong."""
    if preset not in PRESETS:
        raise BadParams(
            f"SDPLAY_PREDICT_PRESET must be one of {', '.join(PRESETS)}, not {preset!r}."
        )
    if not url:
        raise BadParams(
            "No hosted endpoint is set up: put its address into SDPLAY_PREDICT_URL, its kind into "
            f"SDPLAY_PREDICT_PRESET ({', '.join(PRESETS)}), its key into SDPLAY_PREDICT_KEY."
        )
    chosen = PRESETS[preset]
    if chosen.name == "replicate":
        return _replicate(chosen, url, _renamed(fields))
    base = f"{chosen.home}/{url}" if chosen.home and _MODEL.fullmatch(url) else url
    base = re.sub(chosen.endings, "", base) if chosen.endings else base
    if chosen.root and urlsplit(base if "://" in base else f"http://{base}").path in ("", "/"):
        base = base.rstrip("/") + chosen.root
    return Endpoint(chosen, base, chosen.create, chosen.look, _renamed(fields), chosen.constants)


_MODEL = re.compile(r"[\w-]+/[\w.-]+")
_REPLICATE = re.compile(
    r"(?P<base>https?://.+?/v\d+)?(?:https?://replicate\.com)?/?"
    r"(?P<kind>models/|deployments/)?(?P<model>[\w.-]+/[\w.-]+)"
    r"(?:(?::|/versions/)(?P<version>\w+))?(?:/predictions|/api)?/?"
)


def _replicate(preset: Preset, url: str, renamed: Mapping[str, str | None]) -> Endpoint:
    """owner/name, owner/name:version, or the address of a model, a version or a deployment."""
    match = _REPLICATE.fullmatch(url)
    if not match:
        name = url.split("?")[0].rpartition("@")[2][:80]
        raise BadParams(
            "SDPLAY_PREDICT_URL must name a model at Replicate, like stability-ai/sdxl or "
            f"https://replicate.com/stability-ai/sdxl, not {name!r}."
        )
    base, model, version = match["base"] or preset.home, match["model"], match["version"]
    if match["kind"] == "deployments/":
        path = f"deployments/{model}"
        return Endpoint(preset, base, f"{path}/predictions", path, renamed, {})
    look = f"models/{model}/versions/{version}" if version else f"models/{model}"
    constants = {"version": f"{model}:{version}" if version else model}
    return Endpoint(preset, base, preset.create, look, renamed, constants)


def _renamed(text: str) -> dict[str, str | None]:
    """SDPLAY_PREDICT_FIELDS, checked."""
    like = 'Write it like this: {"steps": "num_steps", "negative": null}'
    if not text:
        return {}
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise BadParams(f"SDPLAY_PREDICT_FIELDS is not valid JSON. {like}") from error
    if not isinstance(answer, dict) or not all(
        isinstance(field, str | None) for field in answer.values()
    ):
        raise BadParams(
            f"SDPLAY_PREDICT_FIELDS must map our settings to field names or null. {like}"
        )
    if unknown := sorted(set(answer) - SENDABLE):
        raise BadParams(
            f"SDPLAY_PREDICT_FIELDS names {unknown[0]!r}, which is none of our settings. There "
            "are: "
            f"{', '.join(sorted(SENDABLE))}."
        )
    return answer


def places(point: Endpoint, fields: Mapping[str, str] | None) -> dict[str, str]:
    """Where each setting goes: as the model's own schema says, else as the preset has it; the
    owner's word wins."""
    inside = f"{point.preset.inside}." if point.preset.inside else ""
    fields_at = (
        point.preset.fields
        if fields is None
        else {name: f"{inside}{field}" for name, field in fields.items()}
    )
    renamed = {
        name: field if field is None or "." in field else f"{inside}{field}"
        for name, field in point.renamed.items()
    }
    return {name: field for name, field in {**fields_at, **renamed}.items() if field}


def at_version(point: Endpoint, version: str) -> Endpoint:
    """The same endpoint, pinned to one version of its model."""
    return replace(point, constants={**point.constants, "version": version})
