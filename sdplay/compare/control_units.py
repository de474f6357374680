"""Reads the ControlNet units of a plan, whose guide pictures stand in it by the names of their
files."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from sdplay.errors import BadParams
from sdplay.params import Control

EXAMPLE = '{"image": "pose.png", "model": "control_openpose", "module": "none", "weight": 0.8}'
_KINDS = {field.name: field.type for field in dataclasses.fields(Control)}
_REQUIRED = ("image", "model")


def written_units(written: Any) -> list[dict[str, Any]]:
    """One unit or a list of them, checked; their pictures are still names of files."""
    units = [written] if isinstance(written, Mapping) else written
    if not isinstance(units, Sequence) or isinstance(units, str):
        raise BadParams(f"ControlNet: could not read {str(written)[:60]!r}. {_like_this()}")
    return [_unit(unit) for unit in units]


def units_label(units: Sequence[Mapping[str, Any]]) -> str:
    """The units as an axis labels them."""
    names = [
        " ".join([PurePath(unit["image"]).stem, *([unit["module"]] if "module" in unit else [])])
        for unit in units
    ]
    return " + ".join(names) or "none"


def _unit(unit: Any) -> dict[str, Any]:
    if not isinstance(unit, Mapping):
        raise BadParams(f"ControlNet: a unit is an object, not {str(unit)[:60]!r}. {_like_this()}")
    if unknown := [key for key in unit if key not in _KINDS]:
        raise BadParams(
            f"ControlNet: a unit has no {unknown[0]!r}. It may have: {', '.join(_KINDS)}."
        )
    if missing := [key for key in _REQUIRED if not unit.get(key)]:
        raise BadParams(f"ControlNet: a unit needs {missing[0]!r}. {_like_this()}")
    return {key: _typed(key, value) for key, value in unit.items()}


def _typed(key: str, value: Any) -> Any:
    """A number where a number belongs: tables hold everything as text."""
    if _KINDS[key] is not float:
        if not isinstance(value, str):
            raise BadParams(f"ControlNet: {key} must be text, not {str(value)[:40]!r}.")
        return value
    try:
        number = float("" if isinstance(value, bool) else value)
    except (TypeError, ValueError) as error:
        raise BadParams(f"ControlNet: {key} must be a number, not {str(value)[:40]!r}.") from error
    high = 2.0 if key == "weight" else 1.0
    if not 0 <= number <= high:
        raise BadParams(f"ControlNet: {key} must be between 0 and {high:g}, not {number:g}.")
    return number


def _like_this() -> str:
    return f"Write it like this: {EXAMPLE}"
