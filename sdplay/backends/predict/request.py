"""A request to a hosted endpoint: our settings put where it wants them, checked against what it
takes."""

import base64
import copy
import io
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from sdplay.backends.predict.presets import PICTURES, SIZE
from sdplay.backends.predict.probe import EndpointReport
from sdplay.backends.raw import laid_over
from sdplay.errors import BadParams
from sdplay.params import KNOBS, Params
from sdplay.schedulers import find


def request(params: Params, report: EndpointReport) -> dict[str, Any]:
    """The whole body; the raw payload fields laid over it."""
    body = copy.deepcopy(dict(report.point.constants))
    inside = report.point.preset.inside
    for name, single in (report.schema.ones if report.schema else {}).items():
        put(body, f"{inside}.{name}" if inside else name, single)
    for name, value in settings(params, report).items():
        put(body, report.places[name], value)
    return _laid_over(body, params.extra_fields(), report)


def settings(params: Params, report: EndpointReport) -> dict[str, Any]:
    """What is sent for each setting that has a place, in the endpoint's words."""
    values = {
        name: value for name in report.places if (value := _value(name, params, report)) is not None
    }
    return {name: _fitting(name, value, report) for name, value in values.items()}


def unsent(params: Params, report: EndpointReport) -> Iterator[str]:
    """A sentence for every setting that was changed and has no place in the request."""
    both = {"width", "height"} if SIZE in report.places else set()
    for knob in KNOBS.values():
        if knob.name not in {*report.places, *both, "extra"} and params.sets(knob.name):
            yield f"{knob.label} has no effect here: this endpoint has no such setting."
    yield from params.idle()


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a.b.c in nested objects."""
    *way, last = path.split(".")
    for part in way:
        body = body.setdefault(part, {})
    body[last] = value


def get(body: Mapping[str, Any], path: str) -> Any:
    """What stands at a.b.c; None when nothing does."""
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value(name: str, params: Params, report: EndpointReport) -> Any:
    """One setting as it is sent; None leaves it out."""
    if name == SIZE:
        return f"{params.width}x{params.height}"
    value = getattr(params, name)
    if name == "scheduler":
        return _scheduler(params, report)
    if name in PICTURES:
        return _data_uri(value, KNOBS[name].label) if value and params.init else None
    knob = KNOBS[name]
    if knob.unset and value == knob.nothing:
        return None
    return None if knob.group != "main" and knob.is_idle(params) else value


def _scheduler(params: Params, report: EndpointReport) -> str:
    names = report.schedulers
    if params.scheduler not in names:
        entry = find(params.scheduler)
        called = entry.label if entry else params.scheduler
        raise BadParams(
            f"{report.point.preset.label} has no scheduler called {called}. It has: "
            f"{', '.join(names)}."
        )
    return names[params.scheduler]


def _fitting(name: str, value: Any, report: EndpointReport) -> Any:
    entry = (
        report.schema.inputs.get(report.places[name].rpartition(".")[2]) if report.schema else None
    )
    if entry is None or name in PICTURES:
        return value
    return entry.fitting(KNOBS[name].label if name in KNOBS else "Size", value)


def _data_uri(data: bytes, label: str) -> str:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            kind = Image.MIME.get(opened.format or "", "image/png")
    except (OSError, Image.DecompressionBombError) as error:
        raise BadParams(
            f"{label} could not be read. Choose a PNG, JPEG or WebP picture."
        ) from error
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _laid_over(
    body: dict[str, Any], extra: Mapping[str, Any], report: EndpointReport
) -> dict[str, Any]:
    """The model's own inputs go to its inputs; fields of the request itself replace those, objects
    part by part."""
    inside = report.point.preset.inside
    inputs = body.setdefault(inside, {}) if inside else body
    for name, value in extra.items():
        if isinstance(value, dict) and isinstance(body.get(name), dict):
            body[name] = laid_over(body[name], value)
        elif name in body and not (report.schema and name in report.schema.inputs):
            body[name] = value
        else:
            inputs[name] = value
    return body
