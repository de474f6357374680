"""What an A1111 server refuses, with its own words for the cause and our advice; and what it passes
over without a word."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sdplay.backends.a1111.dialects import A1111
from sdplay.backends.a1111.probe import Server
from sdplay.backends.a1111.scripts import CONTROLNET, faults, oddities
from sdplay.params import KNOBS, Params

_ADVICE = {
    "sampler not found": "Choose another scheduler: this server has none of that name.",
    "bad sampler name": "Choose another scheduler: this server has none of that name.",
    "unipc order": "Take more steps, or another scheduler. With a start image only steps times "
    "strength are made.",
    "could not find upscaler": "Choose another upscaler: this server has none of that name.",
    "could not find checkpoint": "Choose another checkpoint: this server has none of that name.",
    "init image not found": "The start image did not arrive: choose it again.",
    "nansexception": "The model broke down on these settings: try another size, model or VAE.",
    "tensor with nans": "The model broke down on these settings: try another size, model or VAE.",
    "sizes of tensors must match": "This model takes other sizes: try multiples of 64.",
    "controlnet model not found": "Choose another ControlNet model: this server has none of that "
    "name.",
    "urlopen error": "The server lacks a file for this and could not download it: let it reach the "
    "internet once, or choose another preprocessor or model.",
    "not found": "Something named in the request is unknown there: choose another, or look at the "
    "raw payload fields.",
}
"""Words of the server in lower case, and what a person can do about them."""


def advice_for(reason: str) -> str:
    """What to do about the cause that the server tells; empty for one we do not know."""
    text = reason.lower()
    return next((advice for words, advice in _ADVICE.items() if words in text), "")


def refused_before(params: Params, server: Server, body: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for every name in the request that this server has not, and for what it would
    misread: nothing is sent then."""
    unguided = params.control and not server.has_controlnet()
    if unguided and (hint := server.capabilities().hints.get(CONTROLNET)):
        yield hint
    yield from server.capabilities().missing(params)
    overrides = body.get("override_settings")
    for name in overrides if isinstance(overrides, Mapping) and server.options else ():
        if name not in server.options:
            near = ", ".join(difflib.get_close_matches(name, server.options, 3, 0.6))
            like = f" Like it are: {near}." if near else ""
            yield f"There is no option {name!r} on this server, and it would fail on it.{like}"
    if server.scripts:
        yield from faults(body, server.scripts, page_only=server.dialect is A1111)


def passed_over(params: Params, server: Server, body: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for every LoRA, raw field and setting that this server has not: it says
    nothing."""
    capabilities = server.capabilities()
    for knob in KNOBS.values():
        offered = capabilities.offers(knob.needs) or knob.needs in server.dialect.lacks
        if not offered and params.sets(knob.name):
            yield f"{knob.label}: the server does not offer it, so it was probably passed over."
    tags = dict.fromkeys(re.findall(r"<lora:([^:>]+)", params.prompt))
    if server.loras is not None:
        names = {name.lower() for name in server.loras}
        for tag in tags:
            if tag.strip().lower() not in names:
                yield f"Prompt: there is no LoRA {tag!r} on the server, so it was passed over."
    for name in params.extra_fields():
        if server.fields is not None and name not in server.fields:
            yield f"Raw payload fields: the server does not know {name!r}, so it was passed over."
    yield from oddities(body, server.scripts or ())
