"""A chain as a file: JSON or TOML, a list of stages with their settings."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sdplay.backends import Capabilities
from sdplay.chain.chain import Chain
from sdplay.chain.stages import STAGES, ChainStage
from sdplay.compare.planfile import check_keys, parsed, settings_in
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.schedulers import find

EXAMPLE = (
    '{"name": "apple", "stages": [{"stage": "base", "prompt": "a red apple", "seed": 7}, '
    '{"stage": "img2img", "strength": 0.4, "cfg": 9}]}'
)
_KEYS = ("name", "backend", "stages")


def read_chain(text: str, kind: str = "json", name: str = "chain") -> Chain:
    """A chain out of a file's text; `kind` is json or toml, `name` is for a chain without one."""
    fields = parsed(text, kind, "chain", EXAMPLE)
    stages = fields.get("stages") if isinstance(fields, Mapping) else None
    if not isinstance(stages, list) or not stages:
        raise BadParams(f"A chain has a list of stages. Write it like this: {EXAMPLE}")
    check_keys(fields, _KEYS, "chain")
    words = re.sub(r"[\W_]+", "-", str(fields.get("name", name)).lower()).strip("-")[:40]
    return Chain(tuple(map(_stage, stages)), words or "chain", str(fields.get("backend", "")))


def is_chain(text: str, kind: str = "json") -> bool:
    """Whether a file's text has stages, as a chain has and no other plan."""
    try:
        fields = parsed(text, kind, "chain", EXAMPLE)
    except BadParams:
        return False
    return isinstance(fields, Mapping) and "stages" in fields


def draft(params: Params, capabilities: Capabilities) -> str:
    """A chain to be changed with an editor: these settings, then every stage that the backend can
    do."""
    base = {name: value for name, value in params.asked().items() if KNOBS[name].is_plain}
    examples = {"base": base, **_examples(capabilities)}
    able = (name for name in examples if {STAGES[name].need} <= {"", *capabilities.features})
    stages = [{"stage": name, **examples[name]} for name in able]
    return json.dumps({"stages": stages}, indent=2, ensure_ascii=False)


def _examples(capabilities: Capabilities) -> dict[str, dict[str, Any]]:
    """Settings for each stage that has what it needs."""
    other = {"model": capabilities.models[-1]} if capabilities.models else {}
    upscalers = [
        name for name in capabilities.upscalers or () if not name.startswith(("Latent", "None"))
    ]
    return {
        **({"refiner": {"refiner": other["model"]}} if other else {}),
        "hires": {"hires_scale": 1.5},
        **({"upscale": {"upscaler": upscalers[0], "factor": 2}} if upscalers else {}),
        "img2img": {**other, "strength": 0.4},
        "cut-outs": {},
    }


def _stage(fields: Any) -> ChainStage:
    if not isinstance(fields, Mapping) or fields.get("stage") not in STAGES:
        raise BadParams(
            f"Each stage says which it is: {', '.join(STAGES)}. Write it like this: {EXAMPLE}"
        )
    name = str(fields["stage"])
    settings = {key: value for key, value in fields.items() if key != "stage"}
    kind = STAGES[name]
    if kind.own is None:
        settings = _of_a_picture(name, settings)
    elif unknown := [key for key in settings if key not in kind.own]:
        may = f"It may have: {', '.join(kind.own)}." if kind.own else "It has no settings."
        raise BadParams(f"The stage {name} has no {unknown[0]!r}. {may}")
    if kind.required and not settings.get(kind.required):
        raise BadParams(f"The stage {name} needs {kind.required}, or it would change nothing.")
    return ChainStage(name, settings)


def _of_a_picture(stage: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    settings = settings_in(fields)
    for name in settings:
        if not KNOBS[name].is_plain:
            raise BadParams(
                f"{KNOBS[name].label} is a picture: in a chain each stage begins with the one "
                f"before it. Take it out of {stage}."
            )
    if str(settings.get("seed", "")) == "-1":
        raise BadParams("A chain goes on where it stopped, so its seed is a number, not -1.")
    if "scheduler" in settings and (entry := find(str(settings["scheduler"]))):
        settings["scheduler"] = entry.id
    return settings
