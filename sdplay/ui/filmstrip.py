"""The way from noise to picture of two or more runs, lined up by step, noise level or seconds,
under one scrubber."""

import base64
import io
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import streamlit as st
from PIL import Image

from sdplay.picture import Frame, jpeg_bytes
from sdplay.ui.timebar import told as spoken

COLOURS = ("primary", "orange", "green", "red", "blue", "yellow")
_SIZES = ((64, 256), (200, 160))
"""So many frames in all may be so large; more frames are smaller still."""
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
    """One place of the scrubber."""

    at: float
    """0 is the left end, 1 the right."""
    shown: tuple[int, ...]
    """The frame of each run; -1 before its first."""
    said: str


@dataclass(frozen=True)
class Way:
    """One way to line the runs up."""

    name: str
    stops: tuple[Stop, ...]
    places: tuple[tuple[float, ...], ...]
    """Where each frame of each run lies, on the scrubber's scale."""


_FILM = st.components.v2.component(
    "sdplay_filmstrip",
    html="""
<section class="film" role="group" aria-label="Denoising, step by step">
  <div class="bar">
    <fieldset class="ways"><legend>Line up by</legend></fieldset>
    <fieldset class="kinds"><legend>Show</legend></fieldset>
  </div>
  <div class="body">
    <div class="now"></div>
    <div class="live"><button type="button" class="play"></button><p class="said"></p></div>
    <div class="rows">
      <input type="range" min="0" max="1" step="any" aria-label="Scrubber">
      <div class="tracks"></div>
      <i class="playhead"></i>
    </div>
    <figure class="chart"><svg viewBox="0 0 380 226" role="img"></svg><figcaption></figcaption></figure>
  </div>
</section>
""",
    css="""
.film{font-family:var(--st-font);font-size:.87rem;color:var(--st-text-color);container-type:inline-size}
.bar{display:flex;flex-wrap:wrap;gap:12px 28px;margin-bottom:16px}
fieldset{border:0;margin:0;padding:0;display:flex;min-width:0}
legend{padding:0;margin-bottom:5px}
fieldset label{position:relative;display:inline-flex;align-items:center;min-height:34px;padding:0 14px;cursor:pointer;
  border:1px solid var(--st-border-color);margin-right:-1px;box-sizing:border-box}
fieldset label:first-of-type{border-radius:var(--st-button-radius) 0 0 var(--st-button-radius)}
fieldset label:last-of-type{border-radius:0 var(--st-button-radius) var(--st-button-radius) 0;margin-right:0}
fieldset label:has(:checked){z-index:1;border-color:var(--st-primary-color);
  background:color-mix(in srgb,var(--st-primary-color) 12%,transparent);
  color:color-mix(in srgb,var(--st-primary-color) 78%,var(--st-text-color))}
fieldset label:has(:focus-visible){outline:2px solid var(--st-primary-color);outline-offset:2px;z-index:2}
fieldset label:has(:disabled){color:var(--st-gray-color);cursor:default}
fieldset input{position:absolute;inset:0;opacity:0;margin:0;cursor:inherit}
.body{--thumb:64px;display:grid;grid-template:"now chart" "live live" "rows rows" / 1fr minmax(0,400px);gap:0 28px}
.body:has(.chart[hidden]){grid-template:"now" "live" "rows" / 1fr}
.now{grid-area:now;display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));align-content:start}
.live{grid-area:live}
.rows{grid-area:rows}
.chart{grid-area:chart}
[hidden]{display:none !important}
figure{margin:0;min-width:0}
.now figure{max-width:340px}
.now .picture{position:relative;border-radius:var(--st-base-radius);overflow:hidden;aspect-ratio:var(--ratio);
  background:var(--st-secondary-background-color)}
.now img{display:block;width:100%;height:100%;object-fit:cover}
.now .end{position:absolute;left:8px;bottom:8px;padding:3px 9px;border-radius:999px;background:#000b;color:#fff;
  font-size:.8rem}
.now b{display:block;font-weight:600;margin:8px 0 1px;overflow-wrap:anywhere}
.now b::before,.row span::before{content:"";display:inline-block;width:9px;height:9px;border-radius:3px;
  margin-right:7px;background:var(--colour)}
.now figcaption span,.chart figcaption{color:var(--st-gray-text-color);font-size:.82rem;line-height:1.45;
  font-variant-numeric:tabular-nums}
.chart svg{display:block;width:100%;overflow:visible;font-size:11px;fill:var(--st-gray-text-color)}
.chart .grid{stroke:var(--st-border-color);stroke-width:1}
.chart .curve{fill:none;stroke:var(--colour);stroke-width:2;stroke-linejoin:round}
.chart .drop{stroke:var(--colour);stroke-width:1;stroke-dasharray:3 3}
.chart .dot{fill:var(--colour);stroke:var(--st-background-color);stroke-width:2}
.chart figcaption{margin-top:6px}
.live{display:flex;align-items:center;gap:12px;margin:18px 0 8px;min-height:3.1em}
.said{margin:0;line-height:1.45;font-size:.93rem;font-variant-numeric:tabular-nums;max-width:95ch}
button{flex:none;display:grid;place-items:center;width:38px;height:38px;padding:0;cursor:pointer;color:inherit;
  border:1px solid var(--st-border-color);border-radius:var(--st-button-radius);background:var(--st-background-color)}
button:hover{border-color:var(--st-primary-color)}
button:focus-visible{outline:2px solid var(--st-primary-color);outline-offset:2px}
button svg{width:18px;height:18px;fill:currentColor}
.rows{position:relative;cursor:ew-resize;touch-action:pan-y;user-select:none;-webkit-user-select:none}
.rows input{appearance:none;display:block;margin:0 calc(var(--thumb) / 2 - 9px) 8px;height:24px;outline:none;
  width:calc(100% - var(--thumb) + 18px);background:none;cursor:inherit;position:relative;z-index:2;
  --ring:0 0 0 2px var(--st-background-color),0 0 0 4px var(--st-primary-color);--bar:
  linear-gradient(to right,var(--st-primary-color) calc(var(--at) * 100%),var(--st-border-color) 0)}
.rows input::-webkit-slider-runnable-track{height:6px;border-radius:3px;background:var(--bar)}
.rows input::-moz-range-track{height:6px;border-radius:3px;background:var(--bar)}
.rows input::-webkit-slider-thumb{appearance:none;width:18px;height:18px;margin-top:-6px;border-radius:50%;
  background:var(--st-primary-color)}
.rows input::-moz-range-thumb{width:18px;height:18px;border:0;border-radius:50%;background:var(--st-primary-color)}
.rows input:focus-visible::-webkit-slider-thumb{box-shadow:var(--ring)}
.rows input:focus-visible::-moz-range-thumb{box-shadow:var(--ring)}
.row{margin-bottom:12px}
.row span{display:block;margin-bottom:4px;font-size:.82rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
  position:relative;z-index:3;width:fit-content;max-width:100%;background:var(--st-background-color);padding-right:8px}
.track{position:relative;height:calc(var(--thumb) / min(var(--ratio),1.6))}
.track img{position:absolute;top:0;left:calc((100% - var(--thumb)) * var(--at));width:var(--thumb);height:100%;
  object-fit:cover;border-radius:6px;box-sizing:border-box;border:1px solid var(--st-background-color);
  pointer-events:none}
.track .current{z-index:2;border:3px solid var(--colour);transform:scale(1.12)}
.playhead{position:absolute;top:20px;bottom:0;width:2px;margin-left:-1px;background:var(--st-text-color);opacity:.55;
  left:calc(var(--thumb) / 2 + (100% - var(--thumb)) * var(--at));pointer-events:none;z-index:1}
@media (pointer:coarse){fieldset label{min-height:44px}button{width:46px;height:46px}.rows input{height:40px}}
@container (max-width:760px){
  .body{--thumb:46px;grid-template:"now" "live" "rows" "chart" / 1fr}
  .now{grid-template-columns:repeat(var(--columns),1fr);gap:10px}
  .live{min-height:5.6em;align-items:flex-start}
  .chart{margin-top:16px;max-width:460px}}
""",
    js="""
const LOOKS = new WeakMap();  // what the person has set: it outlives reruns
const SHORT = {step: "Step", noise: "Noise level", seconds: "Seconds"};
const KINDS = {clean: "Prediction", noisy: "Noisy"};
const PLAY = "M8 5v14l11-7z", PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z", TURN = 6000;
const LEFT = 34, RIGHT = 374, TOP = 8, BOTTOM = 200;

function made(tag, facts, ...inside) {
  const drawing = ["svg", "path", "line", "circle", "text"].includes(tag);
  const each = drawing ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) each.setAttribute(name, value);
  each.append(...inside);
  return each;
}

export default function({data, parentElement}) {
  const $ = name => parentElement.querySelector(name), all = name => [...parentElement.querySelectorAll(name)];
  const film = $(".film"), scrubber = $(".rows input"), rows = $(".rows");
  const {strips, ways} = data;
  const look = LOOKS.get(parentElement) ?? {};
  LOOKS.set(parentElement, look);
  const jpeg = (run, index) => "data:image/jpeg;base64," + strips[run].frames[index][look.kind];
  const colour = strip => `--colour:var(--st-${strip.colour}-color)`;

  const choices = (place, name, offered, chosen, choose) => {
    place.replaceChildren(place.firstElementChild, ...Object.entries(offered).map(([value, [text, off]]) => {
      const input = made("input", {type: "radio", name, value});
      [input.checked, input.disabled] = [value === chosen, Boolean(off)];
      input.onchange = () => choose(value);
      const label = made("label", {}, input, text);
      if (off) label.title = off;
      return label;
    }));
  };

  const build = () => {
    film.style.setProperty("--ratio", data.ratio);
    film.style.setProperty("--columns", Math.min(strips.length, 3));
    $(".now").replaceChildren(...strips.map(strip => made("figure", {style: colour(strip)},
      made("div", {class: "picture"}, made("img", {alt: ""}), made("span", {class: "end"}, "last step")),
      made("figcaption", {}, made("b", {}, strip.label), made("span", {})))));
    $(".tracks").replaceChildren(...strips.map(strip => made("div", {class: "row", style: colour(strip)},
      made("span", {title: strip.label}, strip.label),
      made("div", {class: "track", role: "img", "aria-label": `${strip.frames.length} frames of ${strip.label}`},
        ...strip.frames.map(() => made("img", {alt: "", draggable: "false"}))))));
    choices($(".ways"), "way", Object.fromEntries(Object.entries(SHORT).map(([name, text]) =>
      [name, [text, !ways.some(way => way.name === name) && "Not every run tells this."]])), look.way.name, lineUp);
    choices($(".kinds"), "kind", {clean: [KINDS.clean], noisy: [KINDS.noisy, !data.noisy &&
      "Not every run keeps what the model was given."]}, look.kind, kind => { look.kind = kind; fill(); });
    chart();
    fill();
  };

  const fill = () => {
    all(".track").forEach((track, run) => [...track.children].forEach((image, index) => {
      image.src = jpeg(run, index);
      image.style.setProperty("--at", look.way.places[run][index]);
    }));
    draw();
  };

  const x = share => LEFT + (RIGHT - LEFT) * share, y = share => TOP + (BOTTOM - TOP) * share;
  const chart = () => {
    const {curves, ticks, last, said} = data.schedule;
    $(".chart").hidden = !curves.length;
    const level = ([share, text]) => [made("line", {class: "grid", x1: LEFT, x2: RIGHT, y1: y(share), y2: y(share)}),
      made("text", {x: LEFT - 6, y: y(share) + 4, "text-anchor": "end"}, text)];
    const route = points => "M" + points.map(point => `${x(point[0])} ${y(point[1])}`).join("L");
    $(".chart svg").replaceChildren(...ticks.flatMap(level),
      made("text", {x: LEFT, y: BOTTOM + 18}, "step 1"),
      made("text", {x: RIGHT, y: BOTTOM + 18, "text-anchor": "end"}, last),
      made("text", {x: (LEFT + RIGHT) / 2, y: BOTTOM + 18, "text-anchor": "middle"}, "noise level before each step"),
      ...curves.map((points, run) => made("path", {class: "curve", d: route(points), style: colour(strips[run])})),
      ...curves.flatMap((points, run) => [
        made("line", {class: "drop", y2: BOTTOM, style: colour(strips[run])}),
        made("circle", {class: "dot", r: 6, style: colour(strips[run])})]));
    $(".chart svg").setAttribute("aria-label", "Noise level over steps");
    $(".chart figcaption").textContent = said;
  };

  const draw = () => {
    const stop = look.way.stops[look.stop];
    rows.style.setProperty("--at", stop.at);
    scrubber.value = stop.at;
    scrubber.setAttribute("aria-valuetext", stop.said);
    $(".said").textContent = stop.said;
    stop.shown.forEach((index, run) => {
      const frame = strips[run].frames[index], figure = $(".now").children[run], image = figure.querySelector("img");
      image.hidden = !frame;
      if (frame) image.src = jpeg(run, index);
      image.alt = frame ? `${KINDS[look.kind]} of ${strips[run].label}, ${frame.told}` : "";
      figure.querySelector(".end").hidden = index !== strips[run].frames.length - 1;
      figure.querySelector("figcaption span").textContent = frame ? frame.told : "not there yet";
      [...all(".track")[run].children].forEach((each, at) => each.classList.toggle("current", at === index));
      const point = data.schedule.curves[run]?.[Math.max(index, 0)];
      if (!point) return;
      const dot = all(".dot")[run], drop = all(".drop")[run];
      dot.setAttribute("cx", x(point[0]));
      dot.setAttribute("cy", y(point[1]));
      for (const [name, value] of [["x1", x(point[0])], ["x2", x(point[0])], ["y1", y(point[1])]])
        drop.setAttribute(name, value);
    });
    const sign = made("path", {d: look.timer ? PAUSE : PLAY});
    $(".play").replaceChildren(made("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, sign));
    $(".play").setAttribute("aria-label", look.timer ? "Pause" : "Play");
  };

  const go = stop => {
    look.stop = Math.min(Math.max(stop, 0), look.way.stops.length - 1);
    draw();
  };
  const halt = () => { look.timer = clearTimeout(look.timer); };
  const seek = share => {
    halt();
    const apart = look.way.stops.map(stop => Math.abs(stop.at - share));
    go(apart.indexOf(Math.min(...apart)));
  };
  const lineUp = name => {  // the longest run stays at its frame
    const counts = strips.map(strip => strip.frames.length), longest = counts.indexOf(Math.max(...counts));
    const frame = look.way.stops[look.stop].shown[longest];
    halt();
    look.way = ways.find(way => way.name === name);
    look.stop = Math.max(look.way.stops.findIndex(stop => stop.shown[longest] === frame), 0);
    fill();
  };
  const play = () => {
    const {stops} = look.way;
    if (look.timer) halt();
    else {
      if (look.stop === stops.length - 1) look.stop = 0;
      const next = () => {
        look.timer = null;
        go(look.stop + 1);
        if (look.stop < stops.length - 1) wait();
        draw();
      };
      const wait = () => {
        look.timer = setTimeout(next, TURN * (stops[look.stop + 1].at - stops[look.stop].at) + 20);
      };
      if (stops.length > 1) wait();
    }
    draw();
  };

  scrubber.oninput = () => seek(Number(scrubber.value));
  scrubber.onkeydown = event => {
    const by = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -1e6, End: 1e6};
    if (event.key !== " " && !by[event.key]) return;
    event.preventDefault();
    if (event.key === " ") return play();
    halt();
    go(look.stop + by[event.key]);
  };
  const pointed = event => {
    const box = rows.getBoundingClientRect(), thumb = $(".track img").offsetWidth;
    seek((event.clientX - box.left - thumb / 2) / (box.width - thumb));
  };
  $(".tracks").onpointerdown = event => {
    if (event.button) return;
    $(".tracks").setPointerCapture(event.pointerId);
    pointed(event);
  };
  $(".tracks").onpointermove = event => { if ($(".tracks").hasPointerCapture(event.pointerId)) pointed(event); };
  $(".play").onclick = play;

  if (look.id !== data.id) {
    halt();
    const ended = ways[0].stops.findIndex(stop => stop.shown.some((at, run) => at === strips[run].frames.length - 1));
    Object.assign(look, {id: data.id, kind: "clean", way: ways[0], stop: Math.max(ended, 0)});
    build();
  }
  return halt;
}
""",
)


def filmstrip(strips: Sequence[Strip], key: str) -> None:
    """Draw the runs that have frames; nothing at all when none has."""
    if shown := tuple(strip for strip in strips if strip.frames):
        _FILM(key=key, data=_payload(shown), height="content")


def ways(strips: Sequence[Strip]) -> tuple[Way, ...]:
    """By step always; by noise level and by seconds when every run tells them."""
    frames = [frame for strip in strips for frame in strip.frames]
    made = [_way("step", strips, lambda frame: frame.step, _said_by_step)]
    if all(_has_noise(frame) for frame in frames):
        made.append(
            _way(
                "noise",
                strips,
                lambda frame: round(-math.log(frame.sigma), 4),
                _said_by_noise,
                nearest=True,
            )
        )
    if all(frame.seconds > 0 for frame in frames):
        made.append(_way("seconds", strips, lambda frame: frame.seconds, _said_by_seconds, low=0.0))
    return tuple(made)


def _way(
    name: str,
    strips: Sequence[Strip],
    value: Callable[[Frame], float],
    said: Callable[[Sequence[Strip], tuple[int, ...], float], str],
    *,
    nearest: bool = False,
    low: float | None = None,
) -> Way:
    """Every value that any run has is a stop; a run shows its nearest frame there, or the last one
    it had reached."""
    runs = [[value(frame) for frame in strip.frames] for strip in strips]
    values = sorted({each for run in runs for each in run})
    low = values[0] if low is None else low
    width = values[-1] - low or 1.0
    stops = []
    for now in values:
        shown = tuple(_nearest(run, now) if nearest else bisect_right(run, now) - 1 for run in runs)
        stops.append(Stop((now - low) / width, shown, said(strips, shown, now)))
    return Way(
        name, tuple(stops), tuple(tuple((each - low) / width for each in run) for run in runs)
    )


def _nearest(run: list[float], now: float) -> int:
    """Of equally near frames the latest: Heun and PNDM visit a noise level twice."""
    return min(range(len(run)), key=lambda at: (abs(run[at] - now), -at))


def _said_by_step(strips: Sequence[Strip], shown: tuple[int, ...], now: float) -> str:
    """Where the runs are; and when one is finished and another is not, that this is not the
    same."""
    going = [
        (strip, at) for strip, at in zip(strips, shown, strict=True) if at < len(strip.frames) - 1
    ]
    over = [strip for strip, at in zip(strips, shown, strict=True) if at == len(strip.frames) - 1]
    if not going:
        return f"Step {now:.0f} of {now:.0f}: every run is finished."
    said = [_head(going, now)]
    if over:
        here = any(strip.steps == now for strip in over)
        left = _listed(_left(strip, at) for strip, at in going)
        said.append(
            f"{_listed(strip.label for strip in over)} {'is' if len(over) == 1 else 'are'} finished"
            f"{' here' if here else ''}; {left}: stopping early is not the same."
        )
    return " ".join(said)


def _head(going: Sequence[tuple[Strip, int]], now: float) -> str:
    """The noise that this step starts from, in every run that is under way."""
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
    """What this run still has before it: noise when the next step is known, else steps."""
    now, then = strip.frames[max(at, 0)], strip.frames[at + 1]
    if then.step == now.step + 1 and _has_noise(then):
        return f"{strip.label} still has noise {_noise(then)}"
    return f"{strip.label} still has {strip.steps - now.step} steps to go"


def _said_by_noise(strips: Sequence[Strip], shown: tuple[int, ...], now: float) -> str:
    sigma = math.exp(-now)
    told = []
    for strip, at in zip(strips, shown, strict=True):
        frame = strip.frames[at]
        near = abs(math.log(frame.sigma / sigma)) < 0.05
        told.append(
            f"{strip.label} at step {frame.step} of "
            f"{strip.steps}{'' if near else f' (noise {_noise(frame)})'}"
        )
    return f"Noise {_number(sigma)}: {_listed(told)}."


def _said_by_seconds(strips: Sequence[Strip], shown: tuple[int, ...], now: float) -> str:
    told = []
    for strip, at in zip(strips, shown, strict=True):
        if at == len(strip.frames) - 1:
            told.append(f"{strip.label} finished at {spoken(strip.frames[-1].seconds)}")
        elif at < 0:
            told.append(f"{strip.label} at its first step")
        else:
            told.append(f"{strip.label} at step {strip.frames[at].step} of {strip.steps}")
    return f"After {spoken(now)}: {_listed(told)}."


def schedule(strips: Sequence[Strip]) -> dict[str, Any]:
    """The drawing of every run's noise over its steps: points from 0 to 1, the y axis logarithmic,
    top first."""
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
    """How the runs share out their steps."""
    below = [sum(frame.sigma < 1 for frame in strip.frames) for strip in strips]
    told = _listed(
        f"{strip.label} {count} of {len(strip.frames)}"
        for strip, count in zip(strips, below, strict=True)
    )
    return f"Steps below noise 1: {told}."


@lru_cache(maxsize=8)
def _payload(strips: tuple[Strip, ...]) -> dict[str, Any]:
    """What goes to the browser: made once for the same frames, because making pictures smaller
    takes a while."""
    frames = [frame for strip in strips for frame in strip.frames]
    longest = next((size for most, size in _SIZES if len(frames) <= most), _SMALLEST)
    with Image.open(io.BytesIO(frames[0].clean)) as first:
        ratio = first.width / first.height
    told = [
        {
            "label": strip.label,
            "colour": COLOURS[at % len(COLOURS)],
            "frames": [_told(strip, frame, longest) for frame in strip.frames],
        }
        for at, strip in enumerate(strips)
    ]
    return {
        "id": str(hash(strips)),
        "strips": told,
        "ways": [asdict(way) for way in ways(strips)],
        "ratio": ratio,
        "noisy": all(frame.noisy for frame in frames),
        "schedule": schedule(strips),
    }


def _told(strip: Strip, frame: Frame, longest: int) -> dict[str, str]:
    facts = [f"step {frame.step} of {strip.steps}"]
    facts += [f"noise {_noise(frame)}"] if _has_noise(frame) else []
    facts += [spoken(frame.seconds)] if frame.seconds > 0 else []
    return {
        "clean": small(frame.clean, longest),
        "noisy": small(frame.noisy, longest),
        "told": " · ".join(fact.replace(" ", "\N{NO-BREAK SPACE}") for fact in facts),
    }


def small(data: bytes, longest: int) -> str:
    """A JPEG of at most this size as base64; one that is small enough goes as it is."""
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
