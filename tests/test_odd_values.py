"""Somebody who fills in the page's controls by hand, with values that no browser would send."""

from itertools import cycle

import pytest

from sdplay.ui import tabs
from tests.serving import forked
from tests.suites import crossed
from tests.visiting import Visitor, forget_peak, megabytes

LONG = "ы" * 20_000
HOSTILE = "\0\x1b[31m\u202e<img src=x onerror=alert(1)>=1+1{{__import__}}../../etc/passwd"
DEEP = "[" * 50_000
MOST_MEGABYTES = 200

SHAPED = {
    "huge": {
        "number": 1e300,
        "whole": 2**62,
        "slider": [1e300],
        "text": LONG,
        "list": [LONG],
        "json": f'"{LONG}"',
    },
    "tiny": {
        "number": -1e300,
        "whole": -(2**62),
        "slider": [-1e300],
        "text": "",
        "list": ["none"],
        "json": "{}",
    },
    "no number": {
        "number": float("nan"),
        "whole": 0,
        "slider": [1e-300],
        "text": "nan",
        "list": ["nan"],
        "json": '{"at": NaN, "seed": 1e999, "strokes": [[1e999]], "picture": "data:,"}',
    },
    "hostile": {
        "number": float("inf"),
        "whole": -1,
        "slider": [1.5, 2.5, 3.5],
        "text": HOSTILE,
        "list": [HOSTILE] * 100,
        "json": '{"strokes": "none", "mask": {"data": 7}, "guides": [null], "at": [], "x": {}}',
    },
}
"""Values of the right type for each sort of control: whatever they say, the page answers."""
FIELD = {
    "number_input": ("double_value", "number"),
    "whole_number_input": ("int_value", "whole"),
    "slider": ("double_array_value", "slider"),
    "text_input": ("string_value", "text"),
    "text_area": ("string_value", "text"),
    "chat_input": ("string_value", "text"),
    "selectbox": ("string_value", "text"),
    "radio": ("string_value", "text"),
    "color_picker": ("string_value", "text"),
    "multiselect": ("string_array_value", "list"),
    "button_group": ("string_array_value", "list"),
    "date_input": ("string_array_value", "list"),
    "bidi_component": ("json_value", "json"),
}
"""For each sort of control the field that carries its value, and which of the values above."""
MISSHAPEN = {
    "a number": {"int_value": 10**18},
    "no number": {"double_value": float("nan")},
    "a text": {"string_value": LONG},
    "nested JSON": {"json_value": DEEP},
    "texts": {"string_array_value": [HOSTILE] * 1000},
    "numbers": {"double_array_value": [1e300] * 1000},
    "bytes": {"bytes_value": b"\xff" * 100_000},
    "pressed": {"trigger_value": True},
    "yes": {"bool_value": True},
}
"""Values for every control, whatever it takes."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    process, url = forked(tmp_path_factory.mktemp("home"))
    yield process, url
    process.kill()
    process.wait()


def given(visitor, key, field, value):
    """Hold that value for a control, as a browser's state of it."""
    if field.endswith("array_value"):
        visitor.set(key)
        getattr(visitor.state(key), field).data.extend(value)
    else:
        visitor.set(key, **{field: value})


def faults(visitor):
    """What ended one run with these values, and one with Generate pressed besides."""
    visitor.run()
    found = list(visitor.faults)
    if "go" in visitor.ids:
        visitor.press("go")
    return found + visitor.faults


@pytest.mark.parametrize(("name", "title"), crossed(SHAPED, tabs.titles()))
def test_no_value_that_a_control_can_carry_takes_the_page_away(name, title, server):
    _, url = server
    with Visitor(url, f"view={title}") as visitor:
        for key, kind in visitor.kinds.items():
            if kind in FIELD:
                field, value = FIELD[kind]
                given(visitor, key, field, SHAPED[name][value])
        assert faults(visitor) == []


@pytest.mark.parametrize(("name", "title"), [*zip(MISSHAPEN, cycle(tabs.titles()))])
def test_values_of_a_wrong_type_cost_only_who_sends_them(name, title, server):
    process, url = server
    forget_peak(process.pid)
    before = megabytes(process.pid)
    ((field, value),) = MISSHAPEN[name].items()
    with Visitor(url) as other, Visitor(url, f"view={title}", owner=other.owner) as odd:
        for key in odd.ids:
            given(odd, key, field, value)
        faults(odd)
        assert other.run().faults == []
    assert megabytes(process.pid, "VmHWM") - before < MOST_MEGABYTES
