"""A1111's infotext: the prompt, a line "Negative prompt: …", and a last line of "Key: value" items.

A value with a comma, colon or newline is written as a JSON string. Some prompts cannot be told from
the rest of such a text, for example one with a line that looks like a negative prompt; these are
written again in the item "Exact prompts", which other programs ignore.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.schedulers import SCHEDULERS, find

NAMES = {knob.infotext[0]: name for name, knob in KNOBS.items() if knob.infotext}
"""Infotext keys that hold one of our settings under another name."""
_READ = {key.lower(): name for name, knob in KNOBS.items() for key in knob.infotext}
EXACT = "Exact prompts"
MAX_INFOTEXT = 1_000_000
_KEY = re.compile(r"\s*(\w[\w \-/]{0,99}):\s*")
_VALUE = re.compile(r'("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_AUTOMATIC = {"dpm++ 2m": "karras", "dpm++ 2m sde": "exponential"}
"""The schedules that A1111 and Forge use for the type "Automatic". For all other samplers it is the
plain one."""
_BY_HAND = ("strength", "hires_strength")
"""Settings that share one key, so that both must be looked at to write it."""
_SAYS_NOTHING = re.compile(
    r"Prompt|Negative prompt|Sampler|Scheduler|Schedule type|Size|Version|Script|Created Date|"
    r"(.* )?[Hh]ash(es)?|Civitai .*|(Fixed )?[XYZ] (Type|Values)|Hires schedule type|App|"
    r"Metadata .*|Guidance|"
    r"Size-[12]|Batch (size|pos)|User|Time taken|Parser|Pipeline|Backend|Operations|Postprocess .*"
)
"""Keys that are read in another place, or that change no pixel."""
_PLAIN = ("", "automatic", "uniform", "normal", "discrete", "default")


def infotext(params: Params, *, model: str = "", version: str = "") -> str:
    """The settings in A1111's form. Defaults that say nothing are left out."""
    items = _items(params, model)
    items |= {"Version": version} if version else {}
    text = _joined(params, items)
    parsed = parse_infotext(text)
    if (parsed["Prompt"], parsed["Negative prompt"]) != (params.prompt, params.negative):
        text = _joined(params, items | {EXACT: json.dumps([params.prompt, params.negative])})
    return text


def parse_infotext(text: str) -> dict[str, str]:
    """Every item by its key, also "Prompt" and "Negative prompt". A text without settings is a
    prompt as a whole."""
    *lines, last = text.strip()[:MAX_INFOTEXT].split("\n")
    if last.startswith("Negative prompt:") and (at := last.find(" Steps: ")) > 0:
        # Civitai puts an empty negative prompt before the settings.
        lines, last = [*lines, last[:at]], last[at:]
    items = dict(_pairs(last))
    if sum(len(key) > 1 for key in items) < 3:
        lines, items = [*lines, last], {}
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:").strip()
        into.append(line)
    prompts = _exact(items.pop(EXACT, "")) or ("\n".join(prompt), "\n".join(negative))
    return {"Prompt": prompts[0], "Negative prompt": prompts[1], **items}


def script_of(items: Mapping[str, str]) -> dict[str, str]:
    """What a script of A1111's page wrote under a grid: the script's name, then each axis by its
    letter."""
    script = {"Script": items["Script"]} if items.get("Script") else {}
    for letter in "XYZ":
        name = items.get(f"{letter} Type", "Nothing")
        values = items.get(f"Fixed {letter} Values") or items.get(f"{letter} Values", "")
        if name != "Nothing" and values:
            script[letter] = f"{name}: {values}"
    return script


def settings_from(text: str) -> tuple[dict[str, Any], list[str]]:
    """Our settings from infotext, and a sentence for each value that is none of ours."""
    items = parse_infotext(text)
    fields: dict[str, Any] = {"prompt": items["Prompt"], "negative": items["Negative prompt"]}
    notes: list[str] = []
    if items.get("Sampler"):
        schedule = items.get("Schedule type") or (
            items.get("Scheduler", "") if "Fooocus" in text[-4000:] else ""
        )
        fields["scheduler"] = scheduler_of(items["Sampler"], schedule, notes)
    if size := re.fullmatch(r"(\d{1,6})x(\d{1,6})", items.get("Size", "")):
        fields |= {"width": int(size[1]), "height": int(size[2])}
    for key, value in items.items():
        if (name := _READ.get(key.lower())) and (value or KNOBS[name].kind is str):
            fields[name] = KNOBS[name].from_infotext(value)
    main_pair = items.get("Sampler", ""), items.get("Schedule type", "")
    second = items.get("Hires sampler", ""), items.get("Hires schedule type", "")
    if any(second):
        fields["hires_sampler"] = scheduler_of(*hires_pair(main_pair, second), notes)
    if fields.get("hires_size"):
        fields.setdefault("hires_scale", 2.0)  # the size counts; the scale says that hires is on
    if unread := _unread(items):
        rest = f" and {len(unread) - 6} more" if len(unread) > 6 else ""
        notes.append(
            "None of our settings, so the picture may come out otherwise: "
            f"{', '.join(unread[:6])}{rest}."
        )
    if "hires_scale" in fields and "strength" in fields and "hires_strength" not in fields:
        fields["hires_strength"] = fields.pop("strength")
    if "model" not in fields and (model := _civitai_model(items)):
        fields["model"] = model
    return checked(fields, notes), notes


def checked(fields: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The values that fit our settings, in the right types. `notes` gets a sentence for each of the
    others."""
    fits: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            fits[name] = _fitting(name, value)
        except BadParams as error:
            near = _nearest(name, value)
            fits |= {name: near} if near else {}
            notes.append(
                f"{error} {near} was taken."
                if near
                else f"{KNOBS[name].label} was left out. {error}"
            )
    return fits


def scheduler_of(sampler: str, schedule: str, notes: list[str]) -> str:
    """Our scheduler for a sampler and a schedule. If there is none, their own names are returned
    and `notes` gets a sentence."""
    if schedule.lower() == "automatic":
        schedule = _AUTOMATIC.get(sampler.lower(), "")
    if entry := find(sampler, schedule):
        return entry.id
    name = sampler if schedule.lower() in _PLAIN else f"{sampler} {schedule}"
    notes.append(f"The scheduler {name!r} is none of ours: only a server that has it can run it.")
    return name


def hires_pair(main_pair: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    """Sampler and schedule type of the high-resolution pass. A1111 leaves out whichever is the same
    as in the first pass."""
    return second[0] or main_pair[0], second[1] or main_pair[1]


def _items(params: Params, model: str) -> dict[str, Any]:
    entry = SCHEDULERS.get(params.scheduler)
    sampler, schedule = (
        entry.a1111 if entry and entry.a1111 else (entry.label if entry else params.scheduler, "")
    )
    items: dict[str, Any] = {"Steps": params.steps, "Sampler": sampler}
    items |= {"Schedule type": schedule.capitalize()} if schedule else {}
    items |= {
        "CFG scale": params.cfg,
        "Seed": params.seed,
        "Size": f"{params.width}x{params.height}",
    }
    items |= {"Model": params.model or model} if params.model or model else {}
    brought = {
        brought_name
        for name in KNOBS
        if getattr(params, name)
        for brought_name in KNOBS[name].brings
    }
    for key, name in NAMES.items():
        knob, value = KNOBS[name], getattr(params, name)
        left_out = name in _BY_HAND or (name == "mask_blur" and not params.init)
        left_out = left_out or value is None
        if key not in items and not left_out and (name in brought or value != knob.default):
            written = knob.yes if value is True else value
            items["Eta DDIM" if key == "Eta" and sampler == "DDIM" else key] = written
    if params.hires_sampler:
        items |= _hires_pair(params.hires_sampler)
    if params.init:
        items["Denoising strength"] = params.strength
    if params.hires_scale > 1:
        items["Hires strength" if params.init else "Denoising strength"] = params.hires_strength
    return items


def _hires_pair(scheduler: str) -> dict[str, str]:
    entry = SCHEDULERS.get(scheduler)
    sampler, schedule = (entry.a1111 if entry else None) or (scheduler, "")
    return {"Hires sampler": sampler, "Hires schedule type": schedule.capitalize() or "Automatic"}


def _unread(items: Mapping[str, str]) -> list[str]:
    """The items that may have changed the picture but are none of our settings."""
    return [
        f"{key}: {value}"
        for key, value in items.items()
        if key.lower() not in _READ
        and not _SAYS_NOTHING.fullmatch(key)
        and (key, value.lower()) not in (("RNG", "cuda"), ("RNG", "gpu"))
    ]


def _joined(params: Params, items: Mapping[str, Any]) -> str:
    lines = [params.prompt] + ([f"Negative prompt: {params.negative}"] if params.negative else [])
    return "\n".join(
        [*lines, ", ".join(f"{key}: {_quoted(value)}" for key, value in items.items())]
    )


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """The items of the last line. A list or an object may stand without quotes, as Civitai writes
    it."""
    at = 0
    while at < len(line):
        comma = line.find(",", at)
        key = _KEY.search(line, at, comma + 1 or len(line))
        if key is None:
            if comma < 0:
                return
            at = comma + 1
            continue
        end = _json_end(line, key.end())
        value = _VALUE.match(line, key.end())
        if end or value is None:
            yield key[1], line[key.end() : end]
            at = end + 1
        else:
            yield key[1], _unquoted(value[1])
            at = max(value.end(), key.end() + 1)


def _json_end(line: str, at: int) -> int:
    if line[at : at + 1] not in ("[", "{"):
        return 0
    try:
        end = json.JSONDecoder().raw_decode(line, at)[1]
    except (ValueError, RecursionError):
        return 0
    return end if line[end : end + 1] in ("", ",") else 0


def _civitai_model(items: Mapping[str, str]) -> str:
    """The checkpoint in Civitai's list of resources."""
    try:
        resources = json.loads(items.get("Civitai resources", "[]"))
    except (ValueError, RecursionError):
        return ""
    for resource in resources if isinstance(resources, list) else []:
        if isinstance(resource, dict) and resource.get("type") == "checkpoint":
            return str(resource.get("modelName", ""))
    return ""


def _exact(value: str) -> tuple[str, str] | None:
    try:
        prompts = json.loads(value or "null")
    except (ValueError, RecursionError):
        return None
    return (
        (str(prompts[0]), str(prompts[1]))
        if isinstance(prompts, list) and len(prompts) == 2
        else None
    )


def _fitting(name: str, value: Any) -> Any:
    """The value, after a trial whether settings can be made with it."""
    # Pictures stand in a record by their names.
    typed = KNOBS[name].check(value) if KNOBS[name].is_plain else value
    if name == "extra" or not KNOBS[name].is_plain:
        try:
            Params.from_dict({name: typed})
        except (AttributeError, TypeError) as error:
            raise BadParams("It is not written as we write it.") from error
    return typed


def _nearest(name: str, value: Any) -> int | None:
    """Rounds a size to the nearest multiple that we allow."""
    if name not in ("width", "height") or not isinstance(value, int) or not 64 <= value <= 4096:
        return None
    return max(64, round(value / 8) * 8)


def _quoted(value: Any) -> str:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
    odd = text != text.strip() or text[:1] in ('"', "[", "{") or re.search("[,:\n]", text)
    return json.dumps(text, ensure_ascii=False) if odd else text


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()
