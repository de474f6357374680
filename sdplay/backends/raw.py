"""Raw payload fields: what a person lays over a request."""

from collections.abc import Mapping
from typing import Any


def laid_over(body: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `raw` over those of a request, objects part by part."""
    fields = dict(body)
    for name, value in raw.items():
        below = fields.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        fields[name] = laid_over(below, value) if both and below is not None else value
    return fields


def without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that are null: that is how one is taken out."""
    return {
        name: without_nulls(value) if isinstance(value, Mapping) else value
        for name, value in body.items()
        if value is not None
    }
