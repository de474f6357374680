import {SHORT_SIDE, toStage} from "./space.js";

// A field at a point of the drawing; what is typed there becomes a part of it.
export const write = (pad, at) => {
  const field = pad.$(".words"),
    [left, top] = toStage(at, pad.look, pad.data),
    box = pad.ink.getBoundingClientRect(),
    {size, colour} = pad.settings,
    pixels = (size * pad.look.zoom * Math.min(box.width, box.height)) / SHORT_SIDE;
  field.style.setProperty("--left", `${left * box.width}px`);
  field.style.setProperty("--top", `${top * box.height - pixels}px`);
  field.style.setProperty("--size", `${pixels}px`);
  Object.assign(field, {hidden: false, value: ""});
  field.style.color = colour === "#ffffff" ? "#18181f" : colour;
  const close = (done, byKey) => {
    field.onblur = field.onkeydown = null;
    field.hidden = true;
    const text = field.value.trim();
    if (done && text) pad.change({tool: "text", colour, size, at, text});
    if (byKey) pad.ink.focus({preventScroll: true}); // else the person has gone elsewhere
  };
  field.onblur = () => close(true, false);
  field.onkeydown = event => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.isComposing) close(true, true);
    if (event.key === "Escape") close(false, true);
  };
  field.focus({preventScroll: true}); // at once: what is typed now belongs to it
};
