"""Two pictures looked at together: slider, side by side, blink, onion skin or difference, with one
zoom for both."""

import base64
from dataclasses import dataclass

import streamlit as st

MODES = ("slider", "side by side", "blink", "onion", "difference")


@dataclass(frozen=True)
class Shown:
    """One of the two pictures and what it is called."""

    label: str
    data: bytes
    """The file as it is kept: PNG, JPEG, WebP or GIF."""


_VIEWER = st.components.v2.component(
    "sdplay_viewer",
    html="""
<section class="viewer" role="group">
  <div class="labels"><span class="one"></span><span class="other"></span></div>
  <div class="stage" tabindex="0" role="group">
    <div class="pane one"><img draggable="false"></div>
    <div class="pane other"><img draggable="false"></div>
    <div class="pane map"><img draggable="false"></div>
    <div class="handle" role="slider" tabindex="0" aria-orientation="horizontal" aria-valuemin="0" aria-valuemax="100">
      <i><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9.5 7l-5 5 5 5M14.5 7l5 5-5 5"/></svg></i></div>
  </div>
  <div class="bar">
    <button type="button" class="pause"></button>
    <label class="onion"><span></span><input type="range" min="0" max="100" step="1"></label>
    <span class="note" role="status"></span>
    <span class="zoom" role="group" aria-label="Zoom">
      <button type="button" class="out" aria-label="Zoom out" title="Zoom out ( - )"><svg viewBox="0 0 24 24"
        aria-hidden="true"><path d="M6 12h12"/></svg></button>
      <button type="button" class="whole" title="Show the whole picture ( 0 )"></button>
      <button type="button" class="in" aria-label="Zoom in" title="Zoom in ( + )"><svg viewBox="0 0 24 24"
        aria-hidden="true"><path d="M6 12h12M12 6v12"/></svg></button>
    </span>
    <button type="button" class="full" aria-label="Fill the screen" title="Fill the screen"><svg viewBox="0 0 24 24"
      aria-hidden="true"><path d="M5 9V5h4M15 5h4v4M19 15v4h-4M9 19H5v-4"/></svg></button>
  </div>
</section>
""",
    css="""
.viewer{font-family:var(--st-font);font-size:.87rem;color:var(--st-text-color)}
.labels{display:grid;grid-template-columns:1fr 1fr;gap:8px;align-items:end;margin-bottom:8px}
.labels span{padding:4px 10px;border-radius:14px;background:var(--st-gray-background-color);line-height:1.35;
  font-weight:500;overflow-wrap:anywhere;justify-self:start}
.viewer:not([data-mode="side by side"]) .labels .other{justify-self:end}
.labels .shown{background:var(--st-primary-color);color:var(--st-background-color)}
.labels .hidden{opacity:.62}
.labels,.stage,.bar{width:min(100%,calc(var(--tall) * var(--ratio) * var(--across) + var(--gap)));margin-inline:auto}
.viewer{--across:1;--gap:0px;--tall:min(74vh,760px)}
.viewer:fullscreen{--tall:calc(100vh - 130px);padding:16px;overflow:auto;background:var(--st-background-color)}
[data-mode="side by side"]{--across:2;--gap:8px}
.stage{position:relative;display:grid;cursor:default;touch-action:pan-y;user-select:none;-webkit-user-select:none;
  border-radius:var(--st-base-radius);overflow:hidden}
.stage:focus-visible,.handle:focus-visible i,button:focus-visible{
  outline:2px solid var(--st-primary-color);outline-offset:2px}
.stage.zoomed{touch-action:none;cursor:grab}
.stage.dragged{cursor:grabbing}
[data-mode="slider"] .stage:not(.zoomed){cursor:ew-resize}
[data-mode="blink"] .stage:not(.zoomed){cursor:pointer}
.pane{grid-area:1/1;overflow:hidden;aspect-ratio:var(--ratio);background:var(--st-secondary-background-color)}
.pane img{display:block;width:100%;height:100%;object-fit:contain;transform-origin:0 0;pointer-events:none;
  transform:translate(calc(var(--x) * 100%),calc(var(--y) * 100%)) scale(var(--zoom))}
.pixels img{image-rendering:pixelated}
[data-mode="slider"] .pane.one{clip-path:inset(0 calc(100% - var(--at) * 1%) 0 0);z-index:1}
[data-mode="side by side"] .stage{grid-template-columns:1fr 1fr;gap:var(--gap)}
[data-mode="side by side"] .pane{border-radius:var(--st-base-radius)}
[data-mode="side by side"] .pane.other{grid-column:2}
[data-mode="blink"] .stage:not(.second) .other,[data-mode="blink"] .second .one{visibility:hidden}
[data-mode="onion"] .pane.other{opacity:var(--seen);background:none}
.map,.handle,.pause,.onion{display:none}
[data-mode="difference"] .map{display:block;z-index:1}
[data-mode="blink"] .pause{display:inline-flex}
[data-mode="onion"] .onion{display:flex}
[data-mode="slider"] .handle{display:block;position:absolute;z-index:2;top:0;bottom:0;left:calc(var(--at) * 1%);
  width:44px;margin-left:-22px;cursor:ew-resize;touch-action:none;outline:none}
.handle::before{content:"";position:absolute;inset:0 auto 0 21px;width:2px;background:#fff;box-shadow:0 0 5px #0009}
.handle i{position:absolute;top:50%;left:50%;width:36px;height:36px;margin:-18px;border-radius:50%;background:#fff;
  box-shadow:0 1px 8px #0007;color:#33333d;display:grid;place-items:center}
[hidden]{display:none !important}
svg{width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:8px;margin-top:10px}
.note{flex:1 1 0;color:var(--st-gray-text-color);font-size:.82rem;line-height:1.4}
.note:not(:empty){min-width:140px}
.zoom{display:inline-flex}
button{display:inline-flex;align-items:center;justify-content:center;gap:6px;min-width:38px;height:36px;padding:0 10px;
  border:1px solid var(--st-border-color);border-radius:var(--st-button-radius);background:var(--st-background-color);
  color:inherit;font:500 .87rem var(--st-font);font-variant-numeric:tabular-nums;cursor:pointer}
button:hover:enabled{border-color:var(--st-primary-color);position:relative}
button:disabled{color:var(--st-gray-color);cursor:default}
.zoom .whole{min-width:58px;border-radius:0;margin:0 -1px}
.zoom .out{border-radius:var(--st-button-radius) 0 0 var(--st-button-radius)}
.zoom .in{border-radius:0 var(--st-button-radius) var(--st-button-radius) 0}
.onion{align-items:center;gap:10px;white-space:nowrap;font-variant-numeric:tabular-nums}
.onion span{min-width:5.4em}
input{appearance:none;width:min(240px,100%);margin:0;height:24px;outline:none;background:none;
  --ring:0 0 0 2px var(--st-background-color),0 0 0 4px var(--st-primary-color);--bar:
  linear-gradient(to right,var(--st-primary-color) calc(var(--seen) * 100%),var(--st-border-color) 0)}
input::-webkit-slider-runnable-track{height:6px;border-radius:3px;background:var(--bar)}
input::-moz-range-track{height:6px;border-radius:3px;background:var(--bar)}
input::-webkit-slider-thumb{appearance:none;width:18px;height:18px;margin-top:-6px;border-radius:50%;
  background:var(--st-primary-color)}
input::-moz-range-thumb{width:18px;height:18px;border:0;border-radius:50%;background:var(--st-primary-color)}
input:focus-visible::-webkit-slider-thumb{box-shadow:var(--ring)}
input:focus-visible::-moz-range-thumb{box-shadow:var(--ring)}
@media (pointer:coarse){button{height:44px;min-width:46px}input{height:40px}}
@media (max-width:480px){.onion{flex:1 1 100%}.onion input{flex:1}}
""",
    js="""
const LOOKS = new WeakMap();  // what the person has set: it outlives new pictures and other modes
const BLINK = 600, CLOSEST = 16;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

export default function({data, parentElement}) {
  const $ = name => parentElement.querySelector(name);
  const viewer = $(".viewer"), stage = $(".stage"), handle = $(".handle"), opacity = $(".onion input");
  const images = {one: $(".pane.one img"), other: $(".pane.other img"), map: $(".pane.map img")};
  const look = LOOKS.get(parentElement) ?? {zoom: 1, x: 0, y: 0, at: 50, seen: 50, second: false, fingers: new Map(),
    paused: matchMedia("(prefers-reduced-motion: reduce)").matches};
  LOOKS.set(parentElement, look);
  const mode = viewer.dataset.mode = data.mode;
  const zoomed = () => look.zoom > 1;

  const draw = () => {
    const {zoom, x, y, at, seen} = look;
    for (const [name, value] of Object.entries({zoom, x, y, at, seen: seen / 100}))
      viewer.style.setProperty("--" + name, value);
    stage.classList.toggle("zoomed", zoomed());
    stage.classList.toggle("pixels", zoom > 2);
    stage.classList.toggle("second", look.second);
    for (const [name, second] of [["one", false], ["other", true]]) {
      $(`.labels .${name}`).classList.toggle("shown", mode === "blink" && look.second === second);
      $(`.labels .${name}`).classList.toggle("hidden", mode === "blink" && look.second !== second);
    }
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute("aria-valuetext",
      `${Math.round(at)} % ${data.one.label}, ${100 - Math.round(at)} % ${data.other.label}`);
    opacity.value = seen;
    opacity.setAttribute("aria-valuetext", `${seen} % ${data.other.label}`);
    $(".onion span").textContent = `Fade ${seen} %`;
    $(".pause").textContent = look.paused ? "Blink" : "Pause";
    $(".pause").setAttribute("aria-pressed", look.paused);
    $(".whole").textContent = `${Math.round(zoom * 100)} %`;
    $(".whole").setAttribute("aria-label", `Zoom ${Math.round(zoom * 100)} %. Show the whole picture.`);
    $(".out").disabled = $(".whole").disabled = !zoomed();
    $(".in").disabled = zoom >= CLOSEST;
  };

  const slide = at => { look.at = within(at, 0, 100); draw(); };
  const pan = (dx, dy) => {
    look.x = within(look.x + dx, 1 - look.zoom, 0);
    look.y = within(look.y + dy, 1 - look.zoom, 0);
    draw();
  };
  const zoom = (wanted, x = .5, y = .5) => {  // what lies at x, y of the pane stays there
    const next = within(wanted, 1, CLOSEST), grown = next / look.zoom;
    look.zoom = next < 1.01 ? 1 : next;
    pan((x - look.x) * (1 - grown), (y - look.y) * (1 - grown));
  };
  const whole = () => zoom(1);
  const blink = () => {
    clearInterval(look.timer);
    const turn = () => { look.second = !look.second; draw(); };
    if (mode === "blink" && !look.paused) look.timer = setInterval(turn, BLINK);
    draw();
  };
  const pause = () => { look.paused = !look.paused; blink(); };
  const show = second => { look.second = second; look.paused = true; blink(); };

  // A point of the screen as a share of the pane it lies on.
  const place = event => {
    const right = images.other.parentElement.getBoundingClientRect();
    const left = images.one.parentElement.getBoundingClientRect();
    const pane = mode === "side by side" && event.clientX >= right.left ? right : left;
    return [(event.clientX - pane.left) / pane.width, (event.clientY - pane.top) / pane.height, pane];
  };

  stage.onwheel = event => {
    // At 100 % the wheel scrolls the page down as ever; a page on its way past does not zoom what it meets.
    const pinch = event.ctrlKey;
    if (!pinch && (!look.entered || (!zoomed() && event.deltaY > 0))) return;
    event.preventDefault();
    zoom(look.zoom * Math.exp(-within(event.deltaY, -100, 100) * (pinch ? .01 : .0025)), ...place(event));
  };
  stage.onpointerleave = () => { look.entered = false; };
  stage.onpointerdown = event => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    look.fingers.set(event.pointerId, event);
    look.moved = look.fingers.size > 1;
    look.sliding = mode === "slider" && !look.moved && (!zoomed() || handle.contains(event.target));
    if (look.sliding) {
      if (event.pointerType !== "touch") slide(place(event)[0] * 100);  // a finger may be about to scroll the page
      handle.focus({preventScroll: true});
      event.preventDefault();
    }
  };
  stage.onpointermove = event => {
    look.entered ||= Boolean(event.movementX || event.movementY);
    const before = look.fingers.get(event.pointerId);
    if (!before) return;
    const [x, y, pane] = place(event);
    const dx = (event.clientX - before.clientX) / pane.width, dy = (event.clientY - before.clientY) / pane.height;
    if (look.fingers.size === 2) {
      const [still] = [...look.fingers.values()].filter(finger => finger.pointerId !== event.pointerId);
      const apart = finger => Math.hypot(finger.clientX - still.clientX, finger.clientY - still.clientY);
      zoom(look.zoom * apart(event) / Math.max(apart(before), 1), ...place(still));
    } else if (look.sliding) slide(x * 100);
    else if (zoomed()) { stage.classList.add("dragged"); pan(dx, dy); }
    look.moved ||= Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) > 3;
    if (look.moved || look.sliding || zoomed()) look.fingers.set(event.pointerId, event);
  };
  stage.onpointerup = stage.onpointercancel = event => {
    const touched = look.fingers.delete(event.pointerId);
    stage.classList.remove("dragged");
    if (!touched || look.moved || event.type !== "pointerup") return;
    if (look.sliding) slide(place(event)[0] * 100);
    else if (mode === "blink") pause();
  };
  stage.ondblclick = whole;
  opacity.oninput = () => { look.seen = Number(opacity.value); draw(); };
  $(".pause").onclick = pause;
  $(".in").onclick = () => zoom(look.zoom * 1.5);
  $(".out").onclick = () => zoom(look.zoom / 1.5);
  $(".whole").onclick = whole;
  $(".full").hidden = !document.fullscreenEnabled;
  $(".full").onclick = () => document.fullscreenElement ? document.exitFullscreen() : viewer.requestFullscreen();

  viewer.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    const keys = {"+": () => zoom(look.zoom * 1.5), "=": () => zoom(look.zoom * 1.5), "-": () => zoom(look.zoom / 1.5),
      "0": whole};
    if (event.target === handle && !event.shiftKey) {
      keys.Home = () => slide(0);
      keys.End = () => slide(100);
      keys.PageUp = () => slide(look.at + 10);
      keys.PageDown = () => slide(look.at - 10);
      if (arrow) keys[event.key] = () => slide(look.at + 2 * (arrow[0] - arrow[1]));
    } else if (arrow && event.target !== opacity) {
      if (zoomed()) keys[event.key] = () => pan(-arrow[0] * .1, -arrow[1] * .1);
      else if (mode === "blink" && arrow[0]) keys[event.key] = () => show(arrow[0] > 0);
    }
    if (mode === "blink" && event.target === stage) keys[" "] = pause;
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };

  const note = () => {
    const {one, other} = images, size = image => `${image.naturalWidth} × ${image.naturalHeight}`;
    if (!one.naturalWidth || !other.naturalWidth) return;
    viewer.style.setProperty("--ratio", one.naturalWidth / one.naturalHeight);
    const told = mode === "difference" && !data.map ? ["There is no difference map of these two pictures."] : [];
    if (size(one) !== size(other)) told.push(`${size(one)} and ${size(other)} pixels, drawn at the same size.`);
    $(".note").textContent = told.join(" ");
  };
  viewer.setAttribute("aria-label", `${data.one.label} and ${data.other.label}, ${mode}`);
  stage.setAttribute("aria-label", {
    "slider": "Pictures", "side by side": "Pictures side by side", "difference": "Difference map",
    "blink": "Pictures in turn, Space pauses", "onion": "Pictures over each other"}[mode]);
  stage.tabIndex = mode === "slider" ? -1 : 0;
  handle.setAttribute("aria-label", `Line between ${data.one.label} and ${data.other.label}`);
  $(".onion input").setAttribute("aria-label", `Opacity of ${data.other.label}`);
  for (const [name, said] of [["one", data.one.label], ["other", data.other.label], ["map", "Difference map"]]) {
    const source = name === "map" ? data.map : data[name].source;
    if (name !== "map") $(`.labels .${name}`).textContent = $(`.labels .${name}`).title = said;
    images[name].alt = said;
    images[name].onload = note;
    images[name].hidden = !source;
    if (source && images[name].src !== source) images[name].src = source;
  }
  note();
  blink();
  return () => clearInterval(look.timer);
}
""",
)


def viewer(one: Shown, other: Shown, mode: str, key: str, difference: bytes = b"") -> None:
    """Draw both pictures in one of MODES.  Zoom and handle stay where the person left them when
    pictures change."""
    told = [{"label": each.label, "source": source(each.data)} for each in (one, other)]
    _VIEWER(
        key=key,
        data={"one": told[0], "other": told[1], "map": source(difference), "mode": mode},
        height="content",
    )


def source(data: bytes) -> str:
    """A picture file as the address an img element takes; nothing stays nothing."""
    starts = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp", b"GIF8": "gif"}
    kind = next((kind for start, kind in starts.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if data else ""
