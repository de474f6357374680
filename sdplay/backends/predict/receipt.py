"""What a hosted endpoint was asked and what it says it did, with a sentence for every
difference."""

import io
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from PIL import Image

from sdplay.backends.predict.answer import Answer
from sdplay.backends.predict.presets import PICTURES, SIZE
from sdplay.backends.predict.probe import EndpointReport
from sdplay.backends.predict.request import get, settings, unsent
from sdplay.backends.shown import shown
from sdplay.params import KNOBS, Params
from sdplay.picture import Receipt
from sdplay.schedulers import find


def receipt(
    params: Params,
    report: EndpointReport,
    body: Mapping[str, Any],
    answer: Answer,
    data: bytes,
    clean: Callable[[str], str],
) -> Receipt:
    """The receipt of one picture."""
    with Image.open(io.BytesIO(data)) as opened:
        size, brightest = opened.size, opened.convert("L").getextrema()[1]
    fields = answer.reported(data)
    warnings = [
        *unsent(params, report),
        *_raw(params, report, body),
        *_differences(params, report, body, answer, fields),
        *_size(params, report, body, size),
        *_pictures(answer, brightest == 0),
    ]
    applied = {**fields, "width": size[0], "height": size[1]}
    return Receipt(
        shown(_requested(params, report), clean),
        shown(body, clean),
        applied,
        tuple(map(clean, dict.fromkeys(warnings))),
    )


def _requested(params: Params, report: EndpointReport) -> dict[str, Any]:
    """Without what stands at our default because the endpoint has no place for it: nobody asked for
    that."""
    placed = {
        *report.places,
        *(("width", "height") if SIZE in report.places else ()),
    }
    changed = params.changed()
    return {
        name: value for name, value in params.asked().items() if name in placed or name in changed
    }


def _raw(params: Params, report: EndpointReport, body: Mapping[str, Any]) -> Iterator[str]:
    """What the raw payload fields did."""
    for name, value in settings(params, report).items():
        if name not in PICTURES and (now := get(body, report.places[name])) != value:
            yield f"Raw payload fields replaced {_label(name)}: {now} instead of {value}."
    if report.schema:
        for name in params.extra_fields():
            if name not in report.schema.inputs and name not in body:
                yield (
                    f"The model has no input called {name!r}, so that raw payload field "
                    "has no effect."
                )


def _differences(
    params: Params,
    report: EndpointReport,
    body: Mapping[str, Any],
    answer: Answer,
    fields: Mapping[str, Any],
) -> Iterator[str]:
    if not fields:
        yield (
            "The endpoint does not report what it applied, so only the picture's size "
            "could be checked."
        )
    sent = {name: get(body, path) for name, path in report.places.items() if name not in PICTURES}
    names = {theirs: ours for ours, theirs in report.schedulers.items()}
    for name, value in fields.items():
        expected = (
            names.get(str(sent.get(name)), sent.get(name))
            if name == "scheduler"
            else sent.get(name)
        )
        if expected is not None and not _same(expected, value):
            yield (
                f"{_label(name)}: the endpoint used {_as_text(name, value)} instead of "
                f"{_as_text(name, expected)}."
            )
    for name, value in answer.echoed(report.places).items():
        if sent.get(name) is not None and not _same(sent[name], value):
            yield f"{_label(name)}: the endpoint took {value} instead of {sent[name]}."


def _size(
    params: Params, report: EndpointReport, body: Mapping[str, Any], size: tuple[int, int]
) -> Iterator[str]:
    """A sentence when the picture is not as large as asked."""
    both = str(get(body, report.places.get(SIZE, SIZE))).split("x")
    sides = (
        [int(side) for side in both if side.isdigit()]
        if SIZE in report.places
        else [
            get(body, report.places[name]) if name in report.places else getattr(params, name)
            for name in ("width", "height")
        ]
    )
    meant = {SIZE, "width", "height"} & set(report.places) or sides != [
        KNOBS["width"].default,
        KNOBS["height"].default,
    ]
    if meant and tuple(sides) != size:
        yield f"Size: the picture is {size[0]}×{size[1]}, not {'×'.join(map(str, sides))}."


def _pictures(answer: Answer, black: bool) -> Iterator[str]:
    if len(answer.pictures) > 1:
        yield (
            f"The endpoint made {len(answer.pictures)} pictures; the first one is kept. "
            "Use Compare for several."
        )
    if answer.filtered():
        yield (
            "The endpoint's content filter struck, so this may not be the picture you "
            "asked for. Change the prompt."
        )
    elif black:
        yield (
            "The picture is all black: many endpoints send that when their content filter "
            "strikes. Change the prompt."
        )


def _same(sent: Any, done: Any) -> bool:
    if isinstance(sent, float) or isinstance(done, float):
        return isinstance(done, int | float) and math.isclose(
            float(sent), done, rel_tol=1e-4, abs_tol=1e-4
        )
    return str(sent) == str(done)


def _label(name: str) -> str:
    return KNOBS[name].label if name in KNOBS else "Size"


def _as_text(name: str, value: Any) -> str:
    entry = find(str(value)) if name == "scheduler" else None
    return entry.label if entry else str(value)
