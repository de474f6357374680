"""Infotext: what we write, A1111's own grammar reads the same; nothing is lost on the way back."""

import json
import re

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install '.[dev]'")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sdplay.metadata import NAMES, infotext, parse_infotext, settings_from
from sdplay.params import KNOBS, Params
from sdplay.schedulers import SCHEDULERS

ITEM = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
"""The expression A1111 finds items with."""

WORDS = some.sampled_from(["fox", "a", ", ", ": ", '"', "\\", "\n", "(red:1.2)", "🦊", "狐", "{x|y}", "Steps: 3", "<b>",
                           "Negative prompt: cat", "x: 1", "é", " ", "\t", "[a]", "\u2028", "\x00", "\r"])  # fmt: skip
TEXT = some.lists(WORDS, max_size=6).map("".join) | some.text(max_size=20)
NAME = some.sampled_from(["", "v1-5.safetensors [6ce0161689]", 'a, "b": c', '"x"', " y ", "[1]", "🦊"])
EXTRA = some.dictionaries(some.sampled_from(["x", "tiling", "a b", 'q"', "ü"]), some.integers() | TEXT, max_size=2)


def number(name):
    knob = KNOBS[name]
    if knob.kind is float:
        return some.floats(knob.low, knob.high)
    step = int(knob.step)
    return some.integers(int(knob.low) // step, int(knob.high) // step).map(lambda value: value * step)


def either(name, kind):
    return some.just(KNOBS[name].default) | kind


NUMBERS = {name: either(name, number(name)) for name, knob in KNOBS.items() if knob.kind in (int, float)}
NAMED = {name: either(name, NAME) for name in ("model", "hires_upscaler", "refiner", "styles")}
PARAMS = some.builds(
    Params,
    prompt=TEXT, negative=TEXT, scheduler=some.sampled_from([*SCHEDULERS, "Restart", "DPM++ 2M Beta", "a, b"]),
    init=some.sampled_from([b"", b"picture"]), extra=EXTRA.map(json.dumps) | some.just(""), **NUMBERS, **NAMED,
)  # fmt: skip


def carried(params):
    """The settings without what infotext has no place for: pictures, and what acts on nothing."""
    quiet = {} if params.init else {"strength": 0.75, "mask_blur": 4}
    quiet |= {} if params.hires_scale > 1 else {"hires_strength": 0.5}
    return params.with_(init=b"", mask=b"", **quiet)


@settings(max_examples=10_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(PARAMS)
def test_any_settings_survive_the_way_through_infotext(params):
    assert Params(**settings_from(infotext(params))[0]) == carried(params)


@settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(PARAMS)
def test_a1111_reads_every_item_as_we_do(params):
    text = infotext(params)
    read = {key: json.loads(value) if value[:1] == '"' else value.strip()
            for key, value in ITEM.findall(text.strip().split("\n")[-1])}  # fmt: skip
    ours = parse_infotext(text)
    assert {key: read[key] for key in NAMES if key in read} == {key: ours[key] for key in NAMES if key in ours}
