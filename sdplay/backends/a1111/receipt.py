"""What an A1111 server says it applied, and a sentence for everything that differs from what was
asked."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from sdplay import metadata
from sdplay.backends.a1111.dialects import Dialect, Names, goes_out, value_of
from sdplay.backends.a1111.fields import FIELDS, OPTIONS
from sdplay.files.untrusted import read_json
from sdplay.params import KNOBS, Params
from sdplay.schedulers import find
from sdplay.wording import number

_INFO = {
    "prompt": "prompt",
    "negative": "negative_prompt",
    "steps": "steps",
    "cfg": "cfg_scale",
    "width": "width",
    "height": "height",
    "variation_seed": "subseed",
    "variation_strength": "subseed_strength",
    "clip_skip": "clip_skip",
    "sampler": "sampler_name",
    "model": "sd_model_name",
    "vae": "sd_vae_name",
    "hash": "sd_model_hash",
    "strength": "denoising_strength",
    "version": "version",
}
_TEXT = {
    "prompt": ("Prompt",),
    "negative": ("Negative prompt",),
    "sampler": ("Sampler",),
    "schedule": ("Schedule type",),
    "hires_schedule": ("Hires schedule type",),
    "hash": ("Model hash",),
    "version": ("Version",),
    **{name: knob.infotext for name, knob in KNOBS.items() if knob.infotext},
}
"""A1111's names for what it applied, in its info and in the text inside a picture."""


def info_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """`info` as a dict, whether it came as JSON text, a dict, nothing or something odd."""
    info = answer.get("info")
    if isinstance(info, str) and info.strip():
        try:
            info = read_json(info)
        except (ValueError, RecursionError):
            return {}
    return info if isinstance(info, dict) else {}


def position(info: Mapping[str, Any]) -> int:
    """Where the first real picture stands: a grid may come before it, guide pictures behind."""
    return index if isinstance(index := info.get("index_of_first_image"), int) and index > 0 else 0


def reported(info: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """Everything told, by our names where we have one; the picture's own text fills what `info`
    leaves out."""
    texts = info.get("infotexts")
    at = position(info)
    text = (
        texts[at]
        if isinstance(texts, list) and len(texts) > at and isinstance(texts[at], str)
        else ""
    )
    written = metadata.parse_infotext(text or metadata.read(data).text)
    fields: dict[str, Any] = {
        name: written[key] for name, keys in _TEXT.items() for key in keys if written.get(key)
    }
    fields |= {
        name: info[key] for name, key in _INFO.items() if info.get(key) not in (None, "", [])
    }
    fields |= _size(written) if "width" not in fields else {}
    if isinstance(styles := info.get("styles"), list) and styles:
        fields["styles"] = "|".join(map(str, styles))
    seeds = info.get("all_seeds")
    fields |= {"seed": seeds[0]} if isinstance(seeds, list) and seeds else {}
    fields |= (
        {"seed": info["seed"]} if "seed" not in fields and info.get("seed") is not None else {}
    )
    # The text carries both halves; `info` names the sampler alone.
    return fields | ({"sampler": written["Sampler"]} if written.get("Sampler") else {})


def applied(
    fields: Mapping[str, Any], params: Params, sent: tuple[str, str], size: tuple[int, int]
) -> dict[str, Any]:
    """What was applied, in our knob names and types."""
    settings = {
        name: value
        for name in KNOBS
        if name in fields and (value := _typed(name, fields[name])) is not None
    }
    settings |= {"scheduler": _scheduler(sent, fields)} if fields.get("sampler") else {}
    main, second = (
        _pair(fields, "sampler", "schedule"),
        _pair(fields, "hires_sampler", "hires_schedule"),
    )
    if any(second):
        pair = metadata.hires_pair(main, second)
        entry = find(*pair)
        settings["hires_sampler"] = entry.id if entry else " ".join(pair).strip()
    settings |= (
        {} if params.hires_scale > 1 and not params.init else {"width": size[0], "height": size[1]}
    )
    if params.hires_scale > 1 and "strength" in settings and not params.init:
        settings["hires_strength"] = settings.pop("strength")
    unused = {"variation_seed"} if not settings.get("variation_strength") else set()
    unused |= set() if params.init else {"strength", "mask_blur"}
    return {name: value for name, value in settings.items() if name not in unused}


def differences(
    params: Params,
    dialect: Dialect,
    pair: tuple[str, str],
    fields: Mapping[str, Any],
    done: Mapping[str, Any],
) -> Iterator[str]:
    """A sentence for every difference between what went out and what came back."""
    replaced = dict(_replaced(params))
    settings = {name: getattr(params, name) for name in KNOBS} | replaced
    for name, value in replaced.items():
        before = getattr(params, name)
        instead = "" if before in ("", None) else f" instead of {before}"
        yield f"Raw payload fields replaced {KNOBS[name].label}: {value}{instead}."
    if not fields:
        yield (
            "The server does not report what it applied, so only the picture's size could "
            "be checked."
        )
    elif "seed" not in fields:
        yield "The server does not report which seed it used."
    if fields.get("sampler") and not same_sampler(pair, fields):
        yield f"Scheduler: the server used {_as_text(fields)} instead of {_called(pair)}."
    if settings["model"] and fields.get("model") and not same_model(str(settings["model"]), fields):
        yield f"Model: the server used {fields['model']} instead of {settings['model']}."
    for name in ("prompt", "negative"):
        if name in fields and not params.styles:
            yield from _reworded(name, str(settings[name] or ""), str(fields[name]))
    if params.styles and goes_out("styles", params, dialect) and _is_unstyled(settings, fields):
        yield "Styles: the server's prompts are the same as without them."
    for name in _compared(params, dialect):
        if name in done and not _same(settings[name], done[name]):
            yield (
                f"{KNOBS[name].label}: the server used {number(done[name])} instead of "
                f"{number(settings[name])}."
            )


def _is_unstyled(settings: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether the server read both prompts as they were sent."""
    return "prompt" in fields and all(
        str(fields.get(name, "")).split() == str(settings[name] or "").split()
        for name in ("prompt", "negative")
    )


def _reworded(name: str, wanted_text: str, used: str) -> Iterator[str]:
    """A sentence where the server read another text than was sent."""
    if wanted_text.split() != used.split():
        comment = " It leaves out what stands behind a #." if "#" in wanted_text else ""
        short = f"{used.strip()[:120]}…" if len(used.strip()) > 120 else used.strip()
        yield f"{KNOBS[name].label}: the server read {short!r} instead.{comment}"


def size_difference(params: Params, size: tuple[int, int]) -> Iterator[str]:
    """A sentence when the picture is not as large as asked."""
    settings = {name: getattr(params, name) for name in ("width", "height", "hires_scale")} | dict(
        _replaced(params)
    )
    scale = 1.0 if params.init else _number(settings["hires_scale"])
    if scale > 1 and params.hires_size:
        scale, (settings["width"], settings["height"]) = 1.0, params.hires_size.split("x")
    sides = [_number(settings[name]) * max(1.0, scale) for name in ("width", "height")]
    if all(map(math.isfinite, sides)):
        width, height = (int(side) // 8 * 8 if scale > 1 else int(side) for side in sides)
        if (width, height) != size:
            yield f"Size: the picture is {size[0]}×{size[1]}, not {width}×{height}."


def sent_pair(params: Params, names: Names, body: Mapping[str, Any]) -> tuple[str, str]:
    """The sampler and schedule type that went out."""
    extra = params.extra_fields()
    if "sampler_name" in extra or "scheduler" in extra:
        return str(body.get("sampler_name", "Euler")), str(body.get("scheduler", ""))
    return names.spoken(params.scheduler)


def same_sampler(sent: tuple[str, str], fields: Mapping[str, Any]) -> bool:
    """Whether sampler and schedule type are the ones sent, across spellings."""
    used, schedule = str(fields["sampler"]), str(fields.get("schedule", ""))
    ours, theirs = find(*sent), find(used, schedule)
    if ours is not None and theirs is not None and (ours is theirs or schedule):
        return ours is theirs
    # One half is left open: by us, when the server shall choose, or by a server that reports the
    # sampler alone.
    if not schedule or (not sent[1] and ours is None):
        return _joined(sent[0], "") == _joined(used, "") or _joined(*sent) == _joined(used, "")
    return _joined(*sent) == _joined(used, schedule)


def _compared(params: Params, dialect: Dialect) -> Iterator[str]:
    """Settings whose value went out, so that what came back can be held against it."""
    for name in (*FIELDS.values(), *OPTIONS.values()):
        hires_off = params.init or params.hires_scale == 1
        left_open = name in _OTHERWISE or getattr(params, name) in _LEFT_OPEN.get(name, ())
        if KNOBS[name].group == "hires" and hires_off:
            continue
        if not left_open and goes_out(name, params, dialect):
            yield name


_OTHERWISE = (
    *("prompt", "negative", "width", "height", "model", "refiner", "styles"),
    *("hires_model", "inpaint_fill"),
)
"""Compared in another way, or not told back as they went out."""
_LEFT_OPEN: Mapping[str, tuple[Any, ...]] = {"hires_steps": (0,), "vae": ("Automatic", "None")}
"""Values that mean another one."""
_MENTIONED = ("clip_skip", "variation_strength", "hires_scale", "refiner", "tiling", "vae")
"""A1111 writes these down whenever it applies them."""


def unconfirmed(params: Params, fields: Mapping[str, Any], dialect: Dialect) -> Iterator[str]:
    """A sentence for each that the server should have written down: silence means that it was not
    applied."""
    if "version" not in fields and "hash" not in fields:
        return
    for name in _MENTIONED:
        left_open = getattr(params, name) in _LEFT_OPEN.get(name, ())
        by_size = name == "hires_scale" and (params.init or "hires_size" in fields)
        if name in fields or left_open or by_size:
            continue
        if params.sets(name) and goes_out(name, params, dialect):
            yield _unmentioned(name)
    if dialect.writes_eta and "eta" not in fields and _says_eta(params, fields):
        yield _unmentioned("eta")
    if params.sets("faces") and goes_out("faces", params, dialect):
        yield (
            "Face restore: the server notes it down even where it finds no face or has no network "
            "for it, so look whether the faces changed."
        )


def _unmentioned(name: str) -> str:
    return f"{KNOBS[name].label}: the server does not mention it, so it was probably not applied."


def _says_eta(params: Params, fields: Mapping[str, Any]) -> bool:
    """Whether A1111 would write this eta down: it does where it is not the sampler's usual one."""
    usual = 0.0 if "ddim" in str(fields.get("sampler", "")).lower() else 1.0
    return params.sets("eta") and params.eta != usual


def _replaced(params: Params) -> Iterator[tuple[str, Any]]:
    """Settings that the raw payload fields overrule."""
    hires = params.hires_scale > 1 and not params.init
    names = FIELDS | ({"denoising_strength": "hires_strength"} if hires else {})
    extra = params.extra_fields()
    options = extra.get("override_settings")
    raw = [(names[name], value) for name, value in extra.items() if name in names]
    for option, value in options.items() if isinstance(options, dict) else ():
        raw += [(OPTIONS[option], value)] if option in OPTIONS else []
    for name, value in raw:
        if value is not None and not _same(value_of(name, params), value):
            yield name, value


def _scheduler(sent: tuple[str, str], fields: Mapping[str, Any]) -> str:
    """Our id; the server's word where it names only half of what was sent."""
    entry = find(str(fields["sampler"]), str(fields.get("schedule", "")))
    half = bool(sent[1]) and not fields.get("schedule") and entry is not find(*sent)
    return entry.id if entry and not half else _as_text(fields)


def _pair(fields: Mapping[str, Any], *names: str) -> tuple[str, str]:
    sampler, schedule = (str(fields.get(name, "")) for name in names)
    return sampler, schedule


def _called(sent: tuple[str, str]) -> str:
    entry = find(*sent)
    return entry.label if entry else " ".join(sent).strip()


def _as_text(fields: Mapping[str, Any]) -> str:
    schedule = str(fields.get("schedule", ""))
    return (
        str(fields["sampler"])
        if schedule.lower() in ("", "automatic")
        else f"{fields['sampler']} {schedule}"
    )


def same_model(expected: str, fields: Mapping[str, Any]) -> bool:
    """`folder/name.safetensors [hash]`, `name` and a hash may all mean the same file."""
    title, _, digest = expected.partition(" [")
    used, hashed = str(fields["model"]), str(fields.get("hash", ""))
    name = digest.rstrip("]") or title
    # A1111 calls the file `folder/name.safetensors` by the name of folder_name.
    flat = re.sub(r"[/\\]", "_", re.sub(r"\.(safetensors|ckpt|pt)$", "", title))
    return used in (flat, PurePath(title).stem) or bool(
        PurePath(title).stem == PurePath(used).stem or (hashed and name[:10] == hashed[:10])
    )


def _same(expected: Any, done: Any) -> bool:
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return (
            math.isclose(float(expected), _number(done), rel_tol=1e-4, abs_tol=1e-4)
            if expected < 2**53
            else expected == done
        )
    return str(expected) == str(done)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _typed(name: str, value: Any) -> Any:
    """The value in the knob's type; None when it is something else."""
    kind = KNOBS[name].kind
    if kind is bool:
        return KNOBS[name].from_infotext(value)
    if kind not in (int, float, str) or isinstance(value, (bool, dict, list)):
        return None
    try:
        typed = kind(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if isinstance(typed, float) and not math.isfinite(typed) else typed


def _size(written: Mapping[str, str]) -> dict[str, str]:
    width, _, height = written.get("Size", "").partition("x")
    return {"width": width, "height": height} if width.isdigit() and height.isdigit() else {}


def _joined(sampler: str, schedule: str) -> str:
    kind = "" if schedule.lower() in ("automatic", "default") else schedule
    return " ".join(f"{sampler} {kind}".replace("_", " ").lower().split())
