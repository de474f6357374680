"""Reads the settings that other programs write: which program it was, and its values under our
names."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sdplay.files.untrusted import read_json
from sdplay.metadata import comfy
from sdplay.metadata.infotext import checked, parse_infotext, scheduler_of, settings_from
from sdplay.schedulers import SCHEDULERS

Told = dict[str, Any]
Reader = Callable[[str], tuple[str, Told | None] | None]
"""Returns the program and its values under our names. The values are None if the whole text is
infotext."""

FOOOCUS = {
    "prompt": "prompt",
    "negative_prompt": "negative",
    "steps": "steps",
    "guidance_scale": "cfg",
    "seed": "seed",
    "base_model": "model",
    "refiner_switch": "refiner_at",
    "clip_skip": "clip_skip",
}
INVOKE = {
    "positive_prompt": "prompt",
    "negative_prompt": "negative",
    "steps": "steps",
    "cfg_scale": "cfg",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "strength": "strength",
}
CIVITAI = {
    "prompt": "prompt",
    "negativePrompt": "negative",
    "steps": "steps",
    "cfgScale": "cfg",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "clipSkip": "clip_skip",
    "denoise": "strength",
}
SWARM = {
    "prompt": "prompt",
    "negativeprompt": "negative",
    "steps": "steps",
    "cfgscale": "cfg",
    "seed": "seed",
    "width": "width",
    "height": "height",
    "model": "model",
}
"""SwarmUI's names for our settings."""


def told(texts: Mapping[str, str]) -> tuple[str, Told, list[str], str]:
    """Returns the program, our settings, sentences about values that do not fit, and the text that
    holds them."""
    for key, readers in _PLACES.items():
        text = texts.get(key, "").strip("\0 ")
        for reader in readers if text else ():
            if answer := reader(text):
                dialect, values = answer
                if values is None:
                    return dialect, *settings_from(text), text
                notes: list[str] = []
                return dialect, checked(_with_scheduler(values, notes), notes), notes, text
    return "", {}, [], ""


def _infotext(text: str) -> tuple[str, Told | None] | None:
    """Reads infotext of any of its programs, which its "Version" tells apart."""
    items = parse_infotext(text)
    version, app = items.get("Version", ""), items.get("App", "").replace(".", "").lower()
    if len(items) == 2:
        return None
    if "sdnext" in app:
        return "SD.Next", None
    if "stable-diffusion.cpp" in version:
        return "stable-diffusion.cpp", None
    if re.match(r"f\d|neo|forge", version, re.IGNORECASE):
        return "Forge", None
    if "fooocus" in version.lower():
        return "Fooocus", None
    if "Civitai resources" in items or "Civitai metadata" in items:
        return "Civitai", None
    return ("ComfyUI" if version == "ComfyUI" else "A1111"), None


def _comfy(text: str) -> tuple[str, Told | None] | None:
    graph = _object(text)
    if not any(isinstance(node, dict) and "class_type" in node for node in graph.values()):
        return None
    return "ComfyUI", comfy.told(graph)


def _workflow(text: str) -> tuple[str, Told | None] | None:
    saved = _object(text)
    return (
        ("ComfyUI", comfy.told(comfy.graph_of(saved)))
        if isinstance(saved.get("nodes"), list)
        else None
    )


def _fooocus(text: str) -> tuple[str, Told | None] | None:
    values = _object(text)
    if "base_model" not in values and values.get("metadata_scheme") != "fooocus":
        return None
    fields = _named(values, FOOOCUS)
    if size := re.findall(r"\d+", str(values.get("resolution", ""))):
        fields |= {"width": int(size[0]), "height": int(size[-1])}
    if values.get("refiner_model") not in (None, "", "None"):
        fields["refiner"] = values["refiner_model"]
    else:
        fields.pop("refiner_at", None)
    sampler = str(values.get("sampler", "")).removesuffix("_gpu")
    return "Fooocus", fields | {"sampler": sampler, "schedule": values.get("scheduler", "")}


def _invoke(text: str) -> tuple[str, Told | None] | None:
    values = _object(text)
    if isinstance(values.get("image"), dict):
        return "InvokeAI", _invoke_2(values)
    if not {"positive_prompt", "app_version", "scheduler"} & set(values):
        return None
    fields = _named(values, INVOKE)
    model = values.get("model")
    fields |= (
        {"model": model.get("name") or model.get("model_name", "")}
        if isinstance(model, dict)
        else {}
    )
    sampler = str(values.get("scheduler", ""))
    return "InvokeAI", fields | {
        "sampler": sampler.removesuffix("_k"),
        "schedule": "karras" * sampler.endswith("_k"),
    }


def _invoke_2(values: Told) -> Told:
    """Reads InvokeAI 2, which has a single prompt with the unwanted part in square brackets."""
    image = values["image"]
    prompt = image.get("prompt", "")
    if isinstance(prompt, list):
        prompt = " ".join(str(part.get("prompt", "")) for part in prompt if isinstance(part, dict))
    prompt = str(prompt)
    away = re.findall(r"\[([^\]]*)\]", prompt)
    fields = _named(image, INVOKE) | {"prompt": re.sub(r"\s*\[[^\]]*\]", "", prompt).strip()}
    return fields | {
        "negative": ", ".join(away),
        "sampler": str(image.get("sampler", "")),
        "model": str(values.get("model_weights", values.get("model", ""))),
    }


def _civitai(text: str) -> tuple[str, Told | None] | None:
    """Reads pictures of Civitai's own generator, which writes a graph with plain settings beside
    it."""
    extra = _object(text).get("extraMetadata")
    values = _object(extra) if isinstance(extra, str) else extra
    if not isinstance(values, dict) or not values:
        return None
    return "Civitai", _named(values, CIVITAI) | {"sampler": str(values.get("sampler", ""))}


def _swarm(text: str) -> tuple[str, Told | None] | None:
    values = _object(text).get("sui_image_params")
    if not isinstance(values, dict):
        return None
    return "SwarmUI", _named(values, SWARM) | {
        "sampler": values.get("sampler", ""),
        "schedule": values.get("scheduler", ""),
    }


_JSON = (_civitai, _swarm, _fooocus, _comfy, _workflow)
_PLACES: dict[str, tuple[Reader, ...]] = {
    "parameters": (*_JSON, _infotext),
    "invokeai_metadata": (_invoke,),
    "sd-metadata": (_invoke,),
    "UserComment": (*_JSON, _infotext),
    "prompt": (_comfy,),
    "workflow": (_workflow,),
}
_BY_COMFY = {
    entry.comfy: entry.id
    for entry in SCHEDULERS.values()
    if entry.comfy and entry.sampler != "flow_euler"
}


def _with_scheduler(values: Told, notes: list[str]) -> Told:
    """Replaces sampler and schedule by our scheduler, and leaves out values that are None."""
    sampler, schedule = str(values.pop("sampler", "") or ""), str(values.pop("schedule", "") or "")
    settings = {name: value for name, value in values.items() if value is not None}
    sampler = sampler.removesuffix("_gpu")
    if sampler:
        schedule = "" if (sampler, schedule) == ("ddim", "ddim_uniform") else schedule
        settings["scheduler"] = _BY_COMFY.get((sampler, schedule)) or scheduler_of(
            sampler, schedule, notes
        )
    return settings


def _named(values: Mapping[str, Any], names: Mapping[str, str]) -> Told:
    return {
        ours: values[theirs] for theirs, ours in names.items() if values.get(theirs) is not None
    }


def _object(text: str) -> dict[str, Any]:
    """Reads a JSON object, also with ComfyUI's NaN, which JSON does not have. It is empty if the
    text is something else."""
    if not text.startswith("{"):
        return {}
    try:
        fields = read_json(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
