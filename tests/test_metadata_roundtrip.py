"""Infotext: what we write, A1111's own grammar reads the same; nothing is lost on the way back."""

import json
import random
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
WORDS = [
    "fox",
    "a",
    ", ",
    ": ",
    '"',
    "\\",
    "\n",
    "(red:1.2)",
    "🦊",
    "狐",
    "{x|y}",
    "Steps: 3",
    "<b>",
    "x: 1",
    "é",
    " ",
    "Negative prompt: cat",
    "\t",
    "[a]",
    "\u2028",
    "\x00",
    "\r",
]
NAMED = ["", "v1-5.safetensors [6ce0161689]", 'a, "b": c', '"x"', " y ", "[1]", "🦊"]
OTHERS = ["Restart", "DPM++ 2M Beta", "a, b"]
TEXT = some.lists(some.sampled_from(WORDS), max_size=6).map("".join) | some.text(max_size=20)
EXTRA = some.dictionaries(
    some.sampled_from(["x", "tiling", "a b", 'q"', "ü"]), some.integers() | TEXT, max_size=2
)
CALM = {
    "max_examples": 300,
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def thrown(seed):
    """Settings by chance: most at their default, the others anywhere in their range."""
    dice = random.Random(seed)

    def words():
        signs = [
            chr(dice.choice((dice.randrange(32, 127), dice.randrange(0x370, 0xD000))))
            for _ in range(4)
        ]
        return "".join(dice.choices(WORDS + signs, k=dice.randrange(8)))

    changes = {}
    for name in dice.sample(list(KNOBS), dice.randrange(10)):
        knob = KNOBS[name]
        if knob.kind is float:
            changes[name] = dice.uniform(knob.low, knob.high)
        elif knob.kind is int:
            changes[name] = dice.randrange(int(knob.low), int(knob.high) + 1, int(knob.step))
    named = {
        name: dice.choice([*NAMED, words()])
        for name in ("model", "hires_upscaler", "refiner", "styles")
    }
    extra = {dice.choice(["x", "a b", 'q"', "ü"]): dice.choice([words(), dice.random()])}
    return Params(
        **{
            **changes,
            **(named if dice.random() < 0.3 else {}),
            "prompt": words(),
            "negative": words(),
            "scheduler": dice.choice([*SCHEDULERS, *OTHERS]),
            "init": dice.choice([b"", b"picture"]),
            "extra": json.dumps(extra) if dice.random() < 0.3 else "",
        }
    )


def carried(params):
    """The settings without what infotext has no place for: pictures, and what acts on nothing."""
    quiet = {} if params.init else {"strength": 0.75, "mask_blur": 4}
    quiet |= {} if params.hires_scale > 1 else {"hires_strength": 0.5}
    return params.with_(init=b"", mask=b"", **quiet)


@settings(**{**CALM, "max_examples": 10_000})
@given(some.integers(0, 2**60))
def test_ten_thousand_settings_survive_the_way_through_infotext(seed):
    params = thrown(seed)
    assert Params(**settings_from(infotext(params))[0]) == carried(params)


@settings(**CALM)
@given(TEXT, TEXT, EXTRA)
def test_any_text_survives_the_way_through_infotext(prompt, negative, extra):
    params = Params(prompt=prompt, negative=negative, extra=json.dumps(extra))
    assert Params(**settings_from(infotext(params))[0]) == params


@settings(**CALM)
@given(some.integers(0, 2**60))
def test_a1111_reads_every_item_as_we_do(seed):
    text = infotext(thrown(seed))
    read = {
        key: json.loads(value) if value[:1] == '"' else value.strip()
        for key, value in ITEM.findall(text.strip().split("\n")[-1])
    }
    ours = parse_infotext(text)
    assert {key: read[key] for key in NAMES if key in read} == {
        key: ours[key] for key in NAMES if key in ours
    }
