"""A local process of an earlier version than this page: what it knows of our settings, and a
sentence for what it does not."""

from collections.abc import Iterator, Mapping
from typing import Any

from sdplay.params import FIRST_KNOBS, KNOBS, Params


def knobs(about: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that a process knows; those of the first version where it does not tell."""
    knobs = about.get("knobs")
    return tuple(map(str, knobs)) if isinstance(knobs, list) else FIRST_KNOBS


def understood(
    settings: Mapping[str, Any], params: Params, about: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings without those that this process does not know, which refuses what it does not
    know; and, at one that does not tell, without those that are left to it."""
    there = knobs(about)
    tells = "knobs" in about
    return {
        name: value
        for name, value in settings.items()
        if name not in KNOBS
        or (name in there and (tells or not KNOBS[name].unset or getattr(params, name) is not None))
    }


def left_out(params: Params, about: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for every setting that asks for something this process does not know."""
    there = knobs(about)
    for name, knob in KNOBS.items():
        if name not in there and name != "extra" and params.sets(name):
            yield (
                f"{knob.label}: this local process is older than the page and does not know it, so "
                "it was left out."
            )
    if "knobs" not in about and params.sets("eta") and params.eta == 0:
        yield (
            "Eta: this local process is older than the page and takes 0 for the sampler's own. "
            "Start it anew to be sure."
        )
