"""The kinds of film: the controls of each kind, and the storyboard that they describe."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from sdplay.errors import BadParams
from sdplay.film import FrameToFrame, FromTo, Storyboard
from sdplay.params import KNOBS, Params
from sdplay.ui.share import linked

Draw = Callable[[], Mapping[str, Any]]
"""Draws the controls of a kind and returns their values."""
Tell = Callable[[Params, int, Mapping[str, Any]], Storyboard]


def frames() -> int:
    """Asks for the number of frames."""
    return int(
        st.number_input(
            "Frames",
            value=24,
            **linked.bound("reel_frames"),
            help="1 to 1,000. Twelve a second look smooth.",
        )
    )


def _movement() -> Mapping[str, Any]:
    zoom, turn, change, seeds = st.columns(4, vertical_alignment="bottom")
    return {
        "zoom": zoom.slider(
            "Zoom",
            value=1.03,
            step=0.01,
            **linked.bound("reel_zoom"),
            help="Nearer with each frame.",
        ),
        "degrees": turn.slider(
            "Rotation",
            value=0.0,
            step=0.5,
            format="%g°",
            **linked.bound("reel_turn"),
            help="With each frame.",
        ),
        "strength": change.slider(
            "Change",
            value=0.4,
            step=0.05,
            **linked.bound("reel_strength"),
            help="The strength of each frame: how much of the one before it is painted anew.",
        ),
        "seeds": "next"
        if seeds.toggle(
            "New seeds",
            True,
            **linked.bound("reel_seeds"),
            help="Each frame takes the next seed. With one seed its pattern burns in.",
        )
        else "same",
    }


def _moving(base: Params, count: int, settings: Mapping[str, Any]) -> Storyboard:
    movement = dict(settings)
    strength = movement.pop("strength")
    return FrameToFrame(base.with_(strength=strength), count, **movement)


def _last_prompt() -> Mapping[str, Any]:
    return {
        "prompt": st.text_input(
            "Prompt of the last frame",
            **linked.bound("reel_prompt"),
            placeholder="What the picture turns into",
            help="In between both are sent: what they share once, and what differs by its weight.",
        )
    }


def _last_seed() -> Mapping[str, Any]:
    seed = st.number_input("Seed of the last frame", value=1, **linked.bound("reel_seed"))
    return {"seed": int(seed)}


def _to(base: Params, count: int, settings: Mapping[str, Any]) -> Storyboard:
    if not settings.get("prompt", "there"):
        raise BadParams("The last frame has no prompt yet. Say what the picture turns into.")
    return FromTo(base, base.with_(**settings), count)


def _strengths() -> Mapping[str, Any]:
    low, high = st.slider(
        KNOBS["strength"].label,
        value=(0.0, 1.0),
        step=0.05,
        **linked.bound("reel_strengths"),
        help="From the start image itself to a picture that has forgotten it.",
    )
    return {"low": low, "high": high}


def _morph(base: Params, count: int, settings: Mapping[str, Any]) -> Storyboard:
    if not base.init:
        raise BadParams(
            "Strength moves only from a start image. Choose one in the form, or open a picture and "
            "press Strength morph."
        )
    low, high = (base.with_(strength=settings[end]) for end in ("low", "high"))
    return FromTo(low, high, count)


KINDS: Mapping[str, tuple[str, Draw, Tell]] = {
    "Frame to frame": (
        "Each frame is the one before it, moved a little and painted over.",
        _movement,
        _moving,
    ),
    "Two prompts": ("The picture turns into another, word by word.", _last_prompt, _to),
    "Two seeds": ("One prompt: the picture of one seed turns into another's.", _last_seed, _to),
    "Strength": ("The start image turns into what the prompt says.", _strengths, _morph),
}
"""For each kind: a sentence that says what it does, its controls, and its storyboard."""
