const LOOKS = new WeakMap(); // where the person stands: it outlives new pictures
const RESTED = 140, // milliseconds without a step until sharp pictures are asked for
  FRAME = 450, // between two pictures while it plays
  PATIENCE = 4000, // until a picture that did not come is asked for again
  NOTCH = 40, // a wheel's pixels for one step
  DECODED = 120; // pictures held ready to be shown
const ICONS = {play: "M8 5l11 7-11 7z", pause: "M7 5h3v14H7zM14 5h3v14h-3z"};
const KEYS = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 1],
  ArrowUp: [1, -1],
  PageDown: [2, 1],
  PageUp: [2, -1],
};
const within = (value, low, high) => Math.min(Math.max(value, low), high);

// The place that many steps along an axis, held at its ends or begun anew.
export const moved = (at, axis, by, lengths, round = false) => {
  const last = lengths[axis] - 1,
    to = at[axis] + by,
    next = [...at];
  next[axis] = round ? ((to % (last + 1)) + last + 1) % (last + 1) : within(to, 0, last);
  return next;
};
// What a key does: along which axis and how far; nothing for other keys and axes that are not there.
export const keyed = (key, lengths) => {
  const [axis, by] = KEYS[key] ?? [];
  return axis !== undefined && axis < lengths.length ? {axis, by} : null;
};
// The places one step away along every axis, and two steps ahead along the one in use.
export const neighbours = (at, lengths, axis = 0) => {
  const places = lengths.flatMap((_, along) =>
    (along === axis ? [1, -1, 2, -2] : [1, -1]).map(by => moved(at, along, by, lengths)),
  );
  const seen = new Set([at.join()]);
  return places.filter(place => !seen.has(place.join()) && seen.add(place.join()));
};
// Whole steps out of a wheel's pixels, and what is left of them.
export const notches = (pixels, notch = NOTCH) => {
  const steps = Math.trunc(pixels / notch);
  return {steps, rest: pixels - steps * notch};
};

const drawing = path => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"),
    line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
};

export default function ({data, parentElement, setStateValue, setTriggerValue}) {
  window.sdplayThumbnails ??= new Map();
  window.sdplayPictures ??= new Map();
  const small = window.sdplayThumbnails,
    sharp = window.sdplayPictures;
  const $ = name => parentElement.querySelector(name);
  const book = $(".flipbook"),
    stage = $(".stage"),
    image = $(".stage img"),
    side = $(".axes");
  const lengths = data.axes.map(axis => axis.marks.length);
  const cells = new Map(data.cells.map(cell => [cell.at.join(), cell]));
  const look = LOOKS.get(parentElement) ?? {
    axis: 0,
    turned: 0,
    decoded: new Map(),
    asked: new Map(),
  };
  LOOKS.set(parentElement, look);
  if (!look.at || look.shape !== lengths.join() || look.start !== data.start.join()) {
    look.at = [...data.start];
    look.start = data.start.join();
    look.shape = lengths.join();
  }
  const rejected = new Set(data.rejected);
  const here = () => cells.get(look.at.join());
  const source = cell => sharp.get(cell?.picture) ?? small.get(cell?.picture);

  // A decoded picture is on screen with the next frame.
  const ready = cell => {
    const address = source(cell);
    if (!address || look.decoded.has(address)) return;
    const picture = new Image();
    picture.src = address;
    look.decoded.set(address, picture);
    picture.decode?.().catch(() => look.decoded.delete(address));
    if (look.decoded.size > DECODED) look.decoded.delete(look.decoded.keys().next().value);
  };
  const around = () => neighbours(look.at, lengths, look.axis).map(at => cells.get(at.join()));
  const rest = () => {
    for (const cell of around()) ready(cell);
    const missing = [here(), ...around()]
      .map(cell => cell?.picture)
      .filter(id => id && !sharp.has(id) && Date.now() - (look.asked.get(id) ?? 0) > PATIENCE);
    if (!missing.length) return;
    for (const id of missing) look.asked.set(id, Date.now());
    // As a state: of two triggers before one run only the later arrives, and clicks are triggers.
    setStateValue("wanted", {pictures: [...new Set(missing)], asked: Date.now()});
  };

  const draw = () => {
    const cell = here(),
      address = source(cell);
    if (address && image.src !== address) image.src = address;
    if (!address) image.removeAttribute("src");
    image.alt = cell?.name ?? "";
    $(".empty").textContent = address ? "" : cell?.note || "No picture yet";
    $(".name").textContent = cell?.name ?? "";
    $(".note").textContent = cell?.note ?? "";
    const out = rejected.has(look.at.join());
    book.classList.toggle("rejected", out);
    $(".reject").textContent = out ? "Take back" : "Reject";
    $(".reject").setAttribute("aria-pressed", out);
    for (const name of [".beside", ".details"]) $(name).disabled = !cell?.picture;
    look.rows.forEach(({slider, output, row}, axis) => {
      const mark = data.axes[axis].marks[look.at[axis]];
      slider.value = look.at[axis];
      slider.style.setProperty("--share", look.at[axis] / Math.max(1, lengths[axis] - 1));
      slider.setAttribute("aria-valuetext", mark);
      output.textContent = output.title = mark;
      row.classList.toggle("current", axis === look.axis);
    });
    clearTimeout(look.rest);
    look.rest = setTimeout(rest, RESTED);
  };
  const go = (at, axis = look.axis) => {
    look.axis = axis;
    if (at.join() === look.at.join()) return false;
    look.at = at;
    draw();
    return true;
  };
  const step = (axis, by, round) => go(moved(look.at, axis, by, lengths, round), axis);
  const stop = () => {
    clearInterval(look.timer);
    look.timer = look.playing = undefined;
    buttons();
  };
  const play = axis => {
    const again = look.playing !== axis;
    stop();
    if (!again) return;
    look.playing = axis;
    look.timer = setInterval(() => step(axis, 1, true), FRAME);
    buttons();
  };
  const buttons = () => {
    look.rows.forEach(({button}, axis) => {
      const on = look.playing === axis;
      button.replaceChildren(drawing(on ? ICONS.pause : ICONS.play));
      button.setAttribute("aria-pressed", on);
      button.title = `${on ? "Stop" : "Play"} along ${data.axes[axis].label}`;
      button.setAttribute("aria-label", button.title);
    });
  };
  // Who acts on a picture means the one that is there now.
  const held = act => () => {
    stop();
    act();
  };
  const reject = held(() => {
    const at = look.at.join();
    rejected.has(at) ? rejected.delete(at) : rejected.add(at);
    setTriggerValue("rejected", [...rejected]);
    draw();
  });

  if (side.dataset.shape !== JSON.stringify(data.axes)) {
    side.dataset.shape = JSON.stringify(data.axes);
    look.rows = data.axes.map(axis => {
      const row = document.createElement("div"),
        label = document.createElement("label"),
        name = document.createElement("span"),
        output = document.createElement("output"),
        slider = document.createElement("input"),
        button = document.createElement("button");
      row.className = "axis";
      name.textContent = axis.label;
      slider.type = "range";
      slider.min = 0;
      slider.max = axis.marks.length - 1;
      slider.step = 1;
      slider.setAttribute("aria-label", axis.label);
      button.type = "button";
      button.className = "play";
      label.append(name, output);
      row.append(label, slider, button);
      row.hidden = axis.marks.length < 2;
      return {row, slider, output, button};
    });
    side.replaceChildren(...look.rows.map(({row}) => row));
  }
  look.rows.forEach(({slider, button}, axis) => {
    slider.oninput = () => {
      const at = [...look.at];
      at[axis] = Number(slider.value);
      go(at, axis);
    };
    button.onclick = () => play(axis);
  });

  stage.onwheel = event => {
    // Over its ends, or as the page scrolls past, the wheel belongs to the page.
    if (event.ctrlKey || !look.entered) return;
    const {steps, rest: left} = notches(look.turned + event.deltaY + event.deltaX);
    const at = moved(look.at, look.axis, Math.sign(event.deltaY + event.deltaX), lengths);
    if (at.join() === look.at.join()) {
      look.turned = 0;
      return;
    }
    event.preventDefault();
    look.turned = left;
    if (steps) step(look.axis, steps);
  };
  stage.onpointerleave = () => {
    look.entered = false;
  };
  stage.onpointerdown = event => {
    if (event.button) return;
    stop();
    stage.setPointerCapture(event.pointerId);
    look.drag = {x: event.clientX, from: look.at[look.axis]};
  };
  stage.onpointermove = event => {
    look.entered ||= Boolean(event.movementX || event.movementY);
    if (!look.drag || !lengths.length) return;
    const wide = within(stage.clientWidth / lengths[look.axis], 12, 60);
    const to = look.drag.from + Math.round((event.clientX - look.drag.x) / wide);
    step(look.axis, to - look.at[look.axis]);
  };
  stage.onpointerup = stage.onpointercancel = () => {
    look.drag = undefined;
  };
  book.onkeydown = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onSlider = event.target.type === "range",
      onButton = event.target.tagName === "BUTTON";
    const move = onSlider ? null : keyed(event.key, lengths);
    const others = {
      x: reject,
      X: reject,
      " ": onButton ? undefined : () => play(look.axis),
      Home: onSlider ? undefined : () => step(look.axis, -lengths[look.axis]),
      End: onSlider ? undefined : () => step(look.axis, lengths[look.axis]),
    };
    const act = move ? () => step(move.axis, move.by) : others[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  $(".reject").onclick = reject;
  $(".beside").onclick = held(() => setTriggerValue("beside", look.at.join()));
  $(".details").onclick = held(() => setTriggerValue("details", look.at.join()));
  $(".full").hidden = !document.fullscreenEnabled;
  $(".full").onclick = () =>
    document.fullscreenElement ? document.exitFullscreen() : book.requestFullscreen();

  book.style.setProperty("--ratio", data.ratio);
  const names = data.axes.map(axis => axis.label);
  $(".keys").textContent = [
    names[0] && `← → ${names[0]}`,
    names[1] && `↑ ↓ ${names[1]}`,
    names[2] && `Page ↑ ↓ ${names[2]}`,
    names[0] && "Space plays",
    "X rejects",
  ]
    .filter(Boolean)
    .join(" · ");
  stage.setAttribute("aria-label", "Large picture: arrow keys, wheel or a drag turn the pages");
  buttons();
  draw();
  window.addEventListener("sdplay-thumbnails", draw);
  window.addEventListener("sdplay-pictures", draw);
  return () => {
    clearInterval(look.timer);
    clearTimeout(look.rest);
    look.playing = undefined;
    window.removeEventListener("sdplay-thumbnails", draw);
    window.removeEventListener("sdplay-pictures", draw);
  };
}
