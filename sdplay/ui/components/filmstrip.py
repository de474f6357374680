"""The steps from noise to picture of two or more runs, aligned by step, noise level or seconds,
with one slider for all."""

import base64
import io
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from PIL import Image

from sdplay.picture import Frame, jpeg_bytes
from sdplay.ui.components import component
from sdplay.wording import lasting

COLOURS = ("primary", "orange", "green", "red", "blue", "yellow")
_SIZES = ((64, 256), (200, 160))
"""How large frames are for so many of them. With more frames each is smaller."""
_SMALLEST = 96


@dataclass(frozen=True)
class Strip:
    """One run and its frames, first step first."""

    label: str
    frames: tuple[Frame, ...]

    @property
    def steps(self) -> int:
        return self.frames[-1].step


@dataclass(frozen=True)
class Stop:
    """One position of the slider."""

    at: float
    """0 is the left end, 1 the right."""
    shown: tuple[int, ...]
    """The frame of each run; -1 before its first."""
    said: str


@dataclass(frozen=True)
class Way:
    """One way to align the runs."""

    name: str
    stops: tuple[Stop, ...]
    places: tuple[tuple[float, ...], ...]
    """The position of each frame of each run on the slider's scale."""


_FILM = component("filmstrip", "slider")


def filmstrip(strips: Sequence[Strip], key: str) -> None:
    """Draws the runs that have frames; nothing if none has."""
    if drawn := tuple(strip for strip in strips if strip.frames):
        _FILM(key=key, data=_payload(drawn), height="content")


def ways(strips: Sequence[Strip]) -> tuple[Way, ...]:
    """The ways to align the runs: always by step, and by noise level and by seconds if every run
    has them."""
    frames = [frame for strip in strips for frame in strip.frames]
    all_ways = [_way("step", strips, lambda frame: frame.step, _said_by_step)]
    if all(_has_noise(frame) for frame in frames):
        all_ways.append(
            _way(
                "noise",
                strips,
                lambda frame: round(-math.log(frame.sigma), 4),
                _said_by_noise,
                nearest=True,
            )
        )
    if all(frame.seconds > 0 for frame in frames):
        all_ways.append(
            _way("seconds", strips, lambda frame: frame.seconds, _said_by_seconds, low=0.0)
        )
    return tuple(all_ways)


def _way(
    name: str,
    strips: Sequence[Strip],
    value: Callable[[Frame], float],
    sentence: Callable[[Sequence[Strip], tuple[int, ...], float], str],
    *,
    nearest: bool = False,
    low: float | None = None,
) -> Way:
    """Every value of any run is a position. A run shows its nearest frame there, or the last one
    that it had reached."""
    runs = [[value(frame) for frame in strip.frames] for strip in strips]
    values = sorted({point for run in runs for point in run})
    low = values[0] if low is None else low
    width = values[-1] - low or 1.0
    stops = []
    for now in values:
        positions = tuple(
            _nearest(run, now) if nearest else bisect_right(run, now) - 1 for run in runs
        )
        stops.append(Stop((now - low) / width, positions, sentence(strips, positions, now)))
    return Way(
        name, tuple(stops), tuple(tuple((point - low) / width for point in run) for run in runs)
    )


def _nearest(run: list[float], now: float) -> int:
    """The nearest frame; of equally near ones the latest, because Heun and PNDM visit a noise level
    twice."""
    return min(range(len(run)), key=lambda at: (abs(run[at] - now), -at))


def _said_by_step(strips: Sequence[Strip], positions: tuple[int, ...], now: float) -> str:
    """The step of each run, with a warning where one is finished and another is not."""
    going = [
        (strip, at)
        for strip, at in zip(strips, positions, strict=True)
        if at < len(strip.frames) - 1
    ]
    over = [
        strip for strip, at in zip(strips, positions, strict=True) if at == len(strip.frames) - 1
    ]
    if not going:
        return f"Step {now:.0f} of {now:.0f}: every run is finished."
    sentences = [_head(going, now)]
    if over:
        at_once = any(strip.steps == now for strip in over)
        left = _listed(_left(strip, at) for strip, at in going)
        sentences.append(
            f"{_listed(strip.label for strip in over)} {'is' if len(over) == 1 else 'are'} finished"
            f"{' here' if at_once else ''}; {left}: stopping early is not the same."
        )
    return " ".join(sentences)


def _head(going: Sequence[tuple[Strip, int]], now: float) -> str:
    """The noise with which this step begins, in every run that is not finished."""
    begun = [(strip, _noise(strip.frames[at])) for strip, at in going if at >= 0]
    if len({(strip.steps, noise) for strip, noise in begun}) == 1:
        strip, noise = begun[0]
        return f"Step {now:.0f} of {strip.steps}{': noise ' + noise if noise else ''}."
    if not begun or not all(noise for _, noise in begun):
        return f"Step {now:.0f}."
    if len({noise for _, noise in begun}) == 1:
        return f"Step {now:.0f}: noise {begun[0][1]} in every run."
    return (
        f"Step {now:.0f}: noise {_listed(f'{noise} in {strip.label}' for strip, noise in begun)}."
    )


def _left(strip: Strip, at: int) -> str:
    """How much a run still has to do: its noise if the next step is known, otherwise its steps."""
    now, then = strip.frames[max(at, 0)], strip.frames[at + 1]
    if then.step == now.step + 1 and _has_noise(then):
        return f"{strip.label} still has noise {_noise(then)}"
    return f"{strip.label} still has {strip.steps - now.step} steps to go"


def _said_by_noise(strips: Sequence[Strip], positions: tuple[int, ...], now: float) -> str:
    sigma = math.exp(-now)
    phrases = []
    for strip, at in zip(strips, positions, strict=True):
        frame = strip.frames[at]
        near = abs(math.log(frame.sigma / sigma)) < 0.05
        phrases.append(
            f"{strip.label} at step {frame.step} of "
            f"{strip.steps}{'' if near else f' (noise {_noise(frame)})'}"
        )
    return f"Noise {_number(sigma)}: {_listed(phrases)}."


def _said_by_seconds(strips: Sequence[Strip], positions: tuple[int, ...], now: float) -> str:
    phrases = []
    for strip, at in zip(strips, positions, strict=True):
        if at == len(strip.frames) - 1:
            phrases.append(f"{strip.label} finished at {lasting(strip.frames[-1].seconds)}")
        elif at < 0:
            phrases.append(f"{strip.label} at its first step")
        else:
            phrases.append(f"{strip.label} at step {strip.frames[at].step} of {strip.steps}")
    return f"After {lasting(now)}: {_listed(phrases)}."


def schedule(strips: Sequence[Strip]) -> dict[str, Any]:
    """The curve of every run's noise over its steps, as points from 0 to 1. The y axis is
    logarithmic and runs from the top."""
    frames = [frame for strip in strips for frame in strip.frames]
    last = max(frame.step for frame in frames)
    if not all(_has_noise(frame) for frame in frames):
        return {"curves": [], "ticks": [], "last": last, "said": ""}
    high, low = (math.log(pick(frame.sigma for frame in frames)) for pick in (max, min))
    height = high - low or 1.0
    curves = [
        [
            ((frame.step - 1) / max(last - 1, 1), (high - math.log(frame.sigma)) / height)
            for frame in strip.frames
        ]
        for strip in strips
    ]
    levels = [base * 10**power for power in range(-3, 7) for base in (1, 3)]
    ticks = [
        ((high - math.log(level)) / height, f"{level:g}")
        for level in levels
        if low <= math.log(level) <= high
    ]
    return {"curves": curves, "ticks": ticks, "last": last, "said": _spent(strips)}


def _spent(strips: Sequence[Strip]) -> str:
    """How each run divides its steps over the noise levels."""
    below = [sum(frame.sigma < 1 for frame in strip.frames) for strip in strips]
    counts = _listed(
        f"{strip.label} {count} of {len(strip.frames)}"
        for strip, count in zip(strips, below, strict=True)
    )
    return f"Steps below noise 1: {counts}."


@lru_cache(maxsize=8)
def _payload(strips: tuple[Strip, ...]) -> dict[str, Any]:
    """What is sent to the browser, computed once for the same frames because reducing pictures
    takes a while."""
    frames = [frame for strip in strips for frame in strip.frames]
    longest = next((size for most, size in _SIZES if len(frames) <= most), _SMALLEST)
    with Image.open(io.BytesIO(frames[0].clean)) as picture:
        ratio = picture.width / picture.height
    fields = [
        {
            "label": strip.label,
            "colour": COLOURS[at % len(COLOURS)],
            "frames": [_fields(strip, frame, longest) for frame in strip.frames],
        }
        for at, strip in enumerate(strips)
    ]
    return {
        "id": str(hash(strips)),
        "strips": fields,
        "ways": [asdict(way) for way in ways(strips)],
        "ratio": ratio,
        "noisy": all(frame.noisy for frame in frames),
        "schedule": schedule(strips),
    }


def _fields(strip: Strip, frame: Frame, longest: int) -> dict[str, str]:
    facts = [f"step {frame.step} of {strip.steps}"]
    facts += [f"noise {_noise(frame)}"] if _has_noise(frame) else []
    facts += [lasting(frame.seconds)] if frame.seconds > 0 else []
    return {
        "clean": small(frame.clean, longest),
        "noisy": small(frame.noisy, longest),
        "told": " · ".join(fact.replace(" ", "\N{NO-BREAK SPACE}") for fact in facts),
    }


def small(data: bytes, longest: int) -> str:
    """A JPEG of at most this size in base64. A picture that is small enough is sent unchanged."""
    if not data:
        return ""
    with Image.open(io.BytesIO(data)) as opened:
        if opened.format != "JPEG" or max(opened.size) > longest:
            data = jpeg_bytes(opened, longest, quality=78)
    return base64.b64encode(data).decode()


def _has_noise(frame: Frame) -> bool:
    return 0 < frame.sigma < math.inf


def _noise(frame: Frame) -> str:
    return _number(frame.sigma) if _has_noise(frame) else ""


def _number(sigma: float) -> str:
    return f"{sigma:.1f}" if sigma >= 10 else f"{sigma:.2f}"


def _listed(parts: Iterable[str]) -> str:
    *head, last = parts
    return f"{', '.join(head)} and {last}" if head else last
