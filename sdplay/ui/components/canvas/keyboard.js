import {ARROWS, meaning} from "./tools.js";

const NEAR = 2, // units that an arrow key moves the pen, with Shift
  FAR = 12;
const PUSH = 40; // pixels of the screen that it moves the view

// Arrow keys move a pen that Space puts down and lifts; or the view, with the hand.
const drawsByKeys = (pad, {key, shiftKey}) => {
  const arrow = ARROWS[key];
  if (arrow && pad.tool === "hand") {
    pad.pan(-PUSH * arrow[0], -PUSH * arrow[1]);
    return true;
  }
  if (key === "Escape" && pad.now) {
    pad.abandon();
    return true;
  }
  if (!arrow && key !== " " && key !== "Enter") return false;
  pad.cursor ??= [0, 0];
  if (arrow) {
    const step = shiftKey ? NEAR : FAR;
    pad.cursor = pad.cursor.map((value, axis) => value + step * arrow[axis]);
    pad.extend([...pad.cursor, 0.8]);
  } else if (pad.now) pad.finish();
  else {
    pad.byKeys = true;
    const begun = pad.begin([...pad.cursor, 0.8]);
    if (begun && key === "Enter") pad.finish();
  }
  pad.draw();
  return true;
};

// What a key does on the pad; letters mean something else to the page around it.
export const typed = (pad, event, keys) => {
  const sliding = event.target === pad.$(".width");
  if (event.target === pad.ink && drawsByKeys(pad, event)) event.preventDefault();
  else {
    const {tool, act} = meaning(event, keys) ?? {};
    if (!tool && !act) {
      if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) event.stopPropagation();
      return;
    }
    if (sliding && !act) return;
    event.preventDefault();
    if (tool) pad.set({tool});
    else pad.acts[act]();
  }
  event.stopPropagation();
};
