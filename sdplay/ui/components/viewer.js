import {CLOSEST, pannedBy, within, zoomedTo} from "./zoom.js";

const LOOKS = new WeakMap(); // what the person has set: it outlives new pictures and other modes
const BLINK = 600;

export default function ({data, parentElement}) {
  const $ = name => parentElement.querySelector(name);
  const viewer = $(".viewer"),
    stage = $(".stage"),
    handle = $(".handle"),
    opacity = $(".onion input");
  const images = {one: $(".pane.one img"), other: $(".pane.other img"), map: $(".pane.map img")};
  const look = LOOKS.get(parentElement) ?? {
    zoom: 1,
    x: 0,
    y: 0,
    at: 50,
    seen: 50,
    second: false,
    fingers: new Map(),
    paused: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
  LOOKS.set(parentElement, look);
  const {mode} = data;
  viewer.dataset.mode = mode;
  const zoomed = () => look.zoom > 1;

  const draw = () => {
    const {zoom, x, y, at, seen} = look;
    for (const [name, value] of Object.entries({zoom, x, y, at, seen: seen / 100}))
      viewer.style.setProperty(`--${name}`, value);
    stage.classList.toggle("zoomed", zoomed());
    stage.classList.toggle("pixels", zoom > 2);
    stage.classList.toggle("second", look.second);
    for (const [name, second] of [
      ["one", false],
      ["other", true],
    ]) {
      $(`.labels .${name}`).classList.toggle("shown", mode === "blink" && look.second === second);
      $(`.labels .${name}`).classList.toggle("hidden", mode === "blink" && look.second !== second);
    }
    handle.setAttribute("aria-valuenow", Math.round(at));
    handle.setAttribute(
      "aria-valuetext",
      `${Math.round(at)} % ${data.one.label}, ${100 - Math.round(at)} % ${data.other.label}`,
    );
    opacity.value = seen;
    opacity.setAttribute("aria-valuetext", `${seen} % ${data.other.label}`);
    $(".onion span").textContent = `Fade ${seen} %`;
    $(".pause").textContent = look.paused ? "Blink" : "Pause";
    $(".pause").setAttribute("aria-pressed", look.paused);
    $(".whole").textContent = `${Math.round(zoom * 100)} %`;
    $(".whole").setAttribute(
      "aria-label",
      `Zoom ${Math.round(zoom * 100)} %. Show the whole picture.`,
    );
    $(".out").disabled = $(".whole").disabled = !zoomed();
    $(".in").disabled = zoom >= CLOSEST;
  };

  const slide = at => {
    look.at = within(at, 0, 100);
    draw();
  };
  const pan = (dx, dy) => {
    Object.assign(look, pannedBy(look, dx, dy));
    draw();
  };
  const zoom = (level, x = 0.5, y = 0.5) => {
    Object.assign(look, zoomedTo(look, level, x, y));
    draw();
  };
  const whole = () => zoom(1);
  const blink = () => {
    clearInterval(look.timer);
    const turn = () => {
      look.second = !look.second;
      draw();
    };
    if (mode === "blink" && !look.paused) look.timer = setInterval(turn, BLINK);
    draw();
  };
  const pause = () => {
    look.paused = !look.paused;
    blink();
  };
  const show = second => {
    look.second = second;
    look.paused = true;
    blink();
  };

  // A point of the screen as a share of the pane it lies on.
  const place = event => {
    const right = images.other.parentElement.getBoundingClientRect();
    const left = images.one.parentElement.getBoundingClientRect();
    const pane = mode === "side by side" && event.clientX >= right.left ? right : left;
    return [
      (event.clientX - pane.left) / pane.width,
      (event.clientY - pane.top) / pane.height,
      pane,
    ];
  };

  stage.onwheel = event => {
    // At 100 % the wheel scrolls the page down as ever; a page on its way past does not zoom what it meets.
    const pinch = event.ctrlKey;
    if (!pinch && (!look.entered || (!zoomed() && event.deltaY > 0))) return;
    event.preventDefault();
    zoom(
      look.zoom * Math.exp(-within(event.deltaY, -100, 100) * (pinch ? 0.01 : 0.0025)),
      ...place(event),
    );
  };
  stage.onpointerleave = () => {
    look.entered = false;
  };
  stage.onpointerdown = event => {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    look.fingers.set(event.pointerId, event);
    look.moved = look.fingers.size > 1;
    look.sliding = mode === "slider" && !look.moved && (!zoomed() || handle.contains(event.target));
    if (look.sliding) {
      if (event.pointerType !== "touch") slide(place(event)[0] * 100); // a finger may be about to scroll the page
      handle.focus({preventScroll: true});
      event.preventDefault();
    }
  };
  stage.onpointermove = event => {
    look.entered ||= Boolean(event.movementX || event.movementY);
    const before = look.fingers.get(event.pointerId);
    if (!before) return;
    const [x, _y, pane] = place(event);
    const dx = (event.clientX - before.clientX) / pane.width,
      dy = (event.clientY - before.clientY) / pane.height;
    if (look.fingers.size === 2) {
      const [still] = [...look.fingers.values()].filter(
        finger => finger.pointerId !== event.pointerId,
      );
      const apart = finger =>
        Math.hypot(finger.clientX - still.clientX, finger.clientY - still.clientY);
      zoom((look.zoom * apart(event)) / Math.max(apart(before), 1), ...place(still));
    } else if (look.sliding) slide(x * 100);
    else if (zoomed()) {
      stage.classList.add("dragged");
      pan(dx, dy);
    }
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
  opacity.oninput = () => {
    look.seen = Number(opacity.value);
    draw();
  };
  $(".pause").onclick = pause;
  $(".in").onclick = () => zoom(look.zoom * 1.5);
  $(".out").onclick = () => zoom(look.zoom / 1.5);
  $(".whole").onclick = whole;
  $(".full").hidden = !document.fullscreenEnabled;
  $(".full").onclick = () =>
    document.fullscreenElement ? document.exitFullscreen() : viewer.requestFullscreen();

  viewer.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[
      event.key
    ];
    const keys = {
      "+": () => zoom(look.zoom * 1.5),
      "=": () => zoom(look.zoom * 1.5),
      "-": () => zoom(look.zoom / 1.5),
      0: whole,
    };
    if (event.target === handle && !event.shiftKey) {
      keys.Home = () => slide(0);
      keys.End = () => slide(100);
      keys.PageUp = () => slide(look.at + 10);
      keys.PageDown = () => slide(look.at - 10);
      if (arrow) keys[event.key] = () => slide(look.at + 2 * (arrow[0] - arrow[1]));
    } else if (arrow && event.target !== opacity) {
      if (zoomed()) keys[event.key] = () => pan(-arrow[0] * 0.1, -arrow[1] * 0.1);
      else if (mode === "blink" && arrow[0]) keys[event.key] = () => show(arrow[0] > 0);
    }
    if (mode === "blink" && event.target === stage) keys[" "] = pause;
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };

  const note = () => {
    const {one, other} = images,
      size = image => `${image.naturalWidth} × ${image.naturalHeight}`;
    if (!one.naturalWidth || !other.naturalWidth) return;
    viewer.style.setProperty("--ratio", one.naturalWidth / one.naturalHeight);
    const told =
      mode === "difference" && !data.map
        ? ["There is no difference map of these two pictures."]
        : [];
    if (size(one) !== size(other))
      told.push(`${size(one)} and ${size(other)} pixels, drawn at the same size.`);
    $(".note").textContent = told.join(" ");
  };
  viewer.setAttribute("aria-label", `${data.one.label} and ${data.other.label}, ${mode}`);
  stage.setAttribute(
    "aria-label",
    {
      slider: "Pictures",
      "side by side": "Pictures side by side",
      difference: "Difference map",
      blink: "Pictures in turn, Space pauses",
      onion: "Pictures over each other",
    }[mode],
  );
  stage.tabIndex = mode === "slider" ? -1 : 0;
  handle.setAttribute("aria-label", `Line between ${data.one.label} and ${data.other.label}`);
  $(".onion input").setAttribute("aria-label", `Opacity of ${data.other.label}`);
  for (const [name, said] of [
    ["one", data.one.label],
    ["other", data.other.label],
    ["map", "Difference map"],
  ]) {
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
