"""A bar with the parts of the time a picture took, and its legend."""

from sdplay.ui.components import component
from sdplay.wording import lasting

COLOURS = {
    "waited": "gray",
    "queued": "yellow",
    "others' turns": "orange",
    "network": "blue",
    "load": "violet",
    "sampling": "primary",
    "decode": "green",
    "other": "gray",
}
_BAR = component("timebar")


def timebar(seconds: dict[str, float], key: str) -> None:
    """Draws the parts in their order, without those that are too short to see."""
    parts = [
        {"name": name, "seconds": spent, "told": lasting(spent), "colour": _colour(name)}
        for name, spent in seconds.items()
        if spent >= 0.005
    ]
    if parts:
        text = ", ".join(f"{part['name']} {part['told']}" for part in parts)
        _BAR(key=key, data={"parts": parts, "said": f"Time spent: {text}"}, height="content")


def _colour(name: str) -> str:
    colour = COLOURS.get(name, "gray")
    return "primary-color" if colour == "primary" else f"{colour}-color"
