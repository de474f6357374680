"""Reads a search as it is typed into one box: words of the prompt, and conditions on any
setting."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sdplay.errors import BadParams
from sdplay.knob import OWN
from sdplay.params import KNOBS
from sdplay.schedulers import find

FACTS: dict[str, type] = {"backend": str, "version": str, "stars": int, "seconds": float}
"""What can be searched for besides the settings."""
SCOPES = ("mine", "shared", "all")
MAX_TEXT = 2000
_PART = re.compile(r'(-?)(?:(\w+)(>=|<=|>|<|=))?("[^"]*"|\S+)')


@dataclass(frozen=True)
class Between:
    """A range that includes both ends. None means that it is open at that end."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Query:
    """A search. A picture is found only if it meets every condition."""

    words: tuple[str, ...] = ()
    """Word beginnings, each of which must occur in prompt, tags or note."""
    without: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Knobs and facts, each with a value, a `Between`, or a tuple of values of which one must
    match."""
    tags: tuple[str, ...] = ()
    near: str = ""
    """The id of a picture: find the pictures that differ from it in exactly one thing."""
    since: datetime | None = None
    until: datetime | None = None
    groups: tuple[int, ...] = ()
    """The numbers of groups: only pictures of these. Empty for all groups."""
    scope: str = "mine"
    """Which pictures to search: "mine", "shared", or "all" that the owner may see."""
    deleted: bool = False
    """Search the bin instead."""

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise BadParams(
                f"There is no scope called {self.scope!r}. There are: {', '.join(SCOPES)}."
            )
        if unknown := set(self.settings) - {*KNOBS, *FACTS}:
            raise _unknown(min(unknown))

    @property
    def has_words(self) -> bool:
        return bool(self.words or self.without or self.tags)


def query(text: str, **extra: Any) -> Query:
    """Reads a line such as `fox -blue steps=20 cfg=5..9 stars>=3 tag=good made>=2026-01-31`."""
    words: dict[str, list[str]] = {"": [], "-": [], "tag": []}
    settings: dict[str, Any] = {}
    days: dict[str, datetime] = {}
    near = ""
    for minus, name, sign, value in _PART.findall(text[:MAX_TEXT]):
        value = value.strip('"')
        if not name:
            words[minus].append(value)
        elif name == "tag":
            words["tag"].append(value)
        elif name == "near":
            near = value
        elif name == "made":
            days["until" if sign in ("<", "<=") else "since"] = _day(value)
        else:
            settings[name] = _met(settings.get(name), condition(name, sign, value))
    fields: dict[str, Any] = {
        "words": tuple(words[""]),
        "without": tuple(words["-"]),
        "tags": tuple(words["tag"]),
        "near": near,
        "settings": settings,
        **days,
    }
    return Query(**{**fields, **extra})


def condition(name: str, sign: str, value: str) -> Any:
    """Reads one condition, with its value in the setting's type, or raises an error that says what
    is wrong."""
    kind = FACTS.get(name) or (KNOBS[name].kind if name in KNOBS else None)
    if kind is None:
        raise _unknown(name)
    if name == "scheduler" and (entry := find(value)):
        value = entry.id
    if name in KNOBS and (kind is bool or value.lower() == OWN):
        return KNOBS[name].check(value)
    if kind not in (int, float):
        return value
    if sign != "=":
        limit = _number(name, value)
        end = math.inf if sign[0] == ">" else -math.inf
        limit = limit if sign[1:] else math.nextafter(limit, end)
        return Between(limit, None) if end > 0 else Between(None, limit)
    low, dots, high = value.partition("..")
    if dots:
        return Between(_number(name, low) if low else None, _number(name, high) if high else None)
    return (
        tuple(_number(name, part) for part in value.split(","))
        if "," in value
        else _number(name, value)
    )


def _unknown(name: str) -> BadParams:
    names = ", ".join([*KNOBS, *FACTS, "tag", "near", "made"])
    return BadParams(f"There is no setting called {name!r} to look for. There are: {names}.")


def _number(name: str, value: str) -> float:
    try:
        number = float(value) if "." in value or "e" in value.lower() else int(value)
    except ValueError as error:
        raise BadParams(
            f"{name} needs a number, not {value!r}. Write it like {name}=20 or {name}=5..9."
        ) from error
    if abs(number) >= 2**63:
        raise BadParams(f"{name} is never as large as {value}.")
    return number


def _met(earlier: Any, later: Any) -> Any:
    """Joins two limits on the same setting to one range."""
    if isinstance(earlier, Between) and isinstance(later, Between):
        return Between(
            later.low if earlier.low is None else earlier.low,
            later.high if earlier.high is None else earlier.high,
        )
    return later


def _day(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadParams(f"made needs a date like 2026-01-31, not {value!r}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
