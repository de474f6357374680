"""Copes with a local process of an earlier version: which of our settings it knows, and a sentence
for each that it does not."""

from collections.abc import Iterator, Mapping
from typing import Any

from sdplay.params import FIRST_KNOBS, KNOBS, Params


def knobs(about: Mapping[str, Any]) -> tuple[str, ...]:
    """The settings that the process knows; those of the first version if it does not say."""
    knobs = about.get("knobs")
    return tuple(map(str, knobs)) if isinstance(knobs, list) else FIRST_KNOBS


def understood(
    settings: Mapping[str, Any], params: Params, about: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings without those that the process does not know, because it would refuse them.  If
    it does not say which it knows, settings left to it are not sent either."""
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
