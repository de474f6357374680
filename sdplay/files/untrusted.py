"""JSON, TOML and CSV from outside: what they unpack to is bounded before it is unpacked."""

import csv
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

MOST_VALUES = 1_000_000
"""Values in one text; each takes about a hundred bytes once it is read."""
MOST_TOML = 300_000
MOST_ROWS = 10_000
MOST_COLUMNS = 1000
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){50}""")
"""A key of so many parts: the parser's time grows with the cube of them."""


def read_json(text: str | bytes | bytearray) -> Any:
    """The value of a JSON text; ValueError with the reason where it is none or holds too much."""
    if _values_in(text) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _values_in(text: str | bytes | bytearray) -> int:
    """At least as many as the text can hold: each stands behind one of these marks."""
    if isinstance(text, str):
        return sum(text.count(mark) for mark in "[{,")
    return sum(text.count(mark) for mark in (b"[", b"{", b","))


def read_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text; ValueError with the reason where it is none or holds too much."""
    if len(text) > MOST_TOML:
        raise ValueError(f"it has more than {MOST_TOML:,} letters")
    if _LONG_KEY.search(text):
        raise ValueError("it has a key of more than 50 parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_rows(lines: list[str], comma: str = ",") -> Iterator[dict[str, Any]]:
    """The rows of a CSV by the names in its first line; ValueError where a row cannot be read."""
    if any(line.count(comma) >= MOST_COLUMNS for line in lines):
        raise ValueError(f"it has more than {MOST_COLUMNS:,} columns")
    try:
        for number, row in enumerate(csv.DictReader(lines, delimiter=comma)):
            if number >= MOST_ROWS:
                raise ValueError(f"it has more than {MOST_ROWS:,} rows")
            yield row
    except csv.Error as error:
        raise ValueError(f"{error}") from error
