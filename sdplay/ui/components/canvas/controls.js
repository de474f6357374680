import {CLOSEST} from "../zoom.js";
import {blank, ground} from "./changes.js";
import {typed} from "./keyboard.js";
import {listen} from "./pointers.js";
import {MASKING, OPTIONS, range, TOOLS} from "./tools.js";

// Every control of the pad: what it does, and what it says now.
export const wire = pad => {
  const keys = {};
  for (const button of pad.parent.querySelectorAll("[data-tool]")) {
    const {tool, key} = button.dataset;
    keys[key.toLowerCase()] = tool;
    button.setAttribute("aria-label", TOOLS[tool]);
    button.title = `${TOOLS[tool]} (${key})`;
    button.onclick = () => pad.set({tool});
  }
  for (const button of pad.parent.querySelectorAll("[data-act]"))
    button.onclick = () => pad.acts[button.dataset.act]();
  for (const button of pad.parent.querySelectorAll("[data-layer]"))
    button.onclick = () => pad.toggleLayer(button.dataset.layer);
  for (const button of pad.parent.querySelectorAll("[data-colour]")) {
    button.style.setProperty("--swatch", button.dataset.colour);
    button.onclick = () => pad.choose(button.dataset.colour);
  }
  pad.$(".any").oninput = event => pad.choose(event.target.value);
  const width = pad.$(".width");
  width.oninput = () => pad.set({[pad.amount]: Number(width.value)});
  width.onwheel = event => {
    event.preventDefault();
    pad.notch(event.deltaY < 0);
  };
  pad.$(".option").onclick = () => {
    const {name} = OPTIONS[pad.tool];
    pad.set({[name]: !pad.settings[name]});
  };
  listen(pad.ink, pad);
  pad.$(".pad").onkeydown = event => typed(pad, event, keys);
  pad.ink.onblur = () => {
    pad.ink.classList.remove("pointed");
    pad.cursor = null;
    pad.byKeys = false;
    if (pad.now) pad.finish();
    pad.draw();
  };
};

export const refresh = pad => {
  const {settings} = pad,
    option = pad.mask && settings.tool === "eraser" ? undefined : OPTIONS[settings.tool],
    {low, high} = range(settings.tool),
    amount = settings[pad.amount],
    picture = ground(pad.changes.done);
  for (const button of pad.parent.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-checked", button.dataset.tool === settings.tool);
    button.hidden = pad.mask && !MASKING.includes(button.dataset.tool);
  }
  pad.$(".swatches").hidden = pad.mask;
  pad.$(".ink").setAttribute("aria-label", pad.mask ? "Mask" : "Drawing");
  pad.$(".pad").setAttribute("aria-label", pad.mask ? "Mask over the picture" : "Sketch pad");
  const swatches = [...pad.parent.querySelectorAll("[data-colour]")];
  for (const button of swatches)
    button.setAttribute("aria-checked", button.dataset.colour === settings.colour);
  const own = swatches.every(button => button.dataset.colour !== settings.colour);
  pad.$(".any").value = settings.colour;
  pad.$(".picker").classList.toggle("chosen", own);
  pad.$(".picker").style.setProperty("--swatch", settings.colour);
  pad.$(".ink").classList.toggle("hand", settings.tool === "hand");
  const toggle = pad.$(".option");
  toggle.disabled = !option;
  toggle.setAttribute("aria-pressed", Boolean(option && settings[option.name]));
  toggle.setAttribute("aria-label", option?.label ?? "This tool has no choices");
  toggle.title = option?.label ?? "";
  toggle.querySelector("path").setAttribute("d", option?.sign ?? "M6 12h12");
  const slider = pad.$(".width");
  Object.assign(slider, {min: low, max: high, value: amount});
  const label = pad.amount === "size" ? "Text size" : "Width";
  slider.setAttribute("aria-label", label);
  slider.title = `${label} ([ and ], or Shift and the wheel)`;
  pad.$(".amount").textContent = amount;
  pad.$("[data-act=undo]").disabled = !pad.changes.done.length;
  pad.$("[data-act=redo]").disabled = !pad.changes.undone.length;
  pad.$("[data-act=invert]").hidden = !pad.mask;
  pad.$("[data-act=clear]").disabled = blank(pad.inked());
  pad.$("[data-act=remove]").hidden = !picture;
  for (const layer of ["background", "drawing"]) {
    const button = pad.$(`[data-layer=${layer}]`);
    button.hidden = !picture;
    button.setAttribute("aria-pressed", pad.paper.seen[layer]);
    button.title = `Show the ${layer}, also in what is sent`;
  }
  const percent = Math.round(pad.look.zoom * 100);
  pad.$(".level").textContent = `${percent} %`;
  pad.$(".level").setAttribute("aria-label", `Zoom ${percent} %. Show the whole drawing.`);
  pad.$("[data-act=out]").disabled = pad.$(".level").disabled = pad.look.zoom <= 1;
  pad.$("[data-act=in]").disabled = pad.look.zoom >= CLOSEST;
};
