// What the tools are called, how wide they draw, and which key chooses each.
export const TOOLS = {
  pen: "Pen",
  eraser: "Eraser",
  line: "Line",
  rectangle: "Rectangle",
  ellipse: "Ellipse",
  fill: "Fill",
  text: "Text",
  pipette: "Pipette",
  hand: "Move the view",
};
export const WIDTHS = {low: 1, high: 60};
export const SIZES = {low: 8, high: 160};
export const range = tool => (tool === "text" ? SIZES : WIDTHS);
// What paints a mask, and in which colour it lies over its picture.
export const MASKING = ["pen", "eraser", "line", "rectangle", "ellipse", "fill", "hand"];
export const VEILED = "#8b3dff";
export const DRAGGED = ["line", "rectangle", "ellipse"];
export const POINTED = ["fill", "text", "pipette"];

// The one choice that a tool has beside its width: its name, what it stands for, its sign.
const WAVE = "M3 14c3-8 6-8 9 0s6 8 9 0",
  FULL = "M5 7h14v10H5zM8 10h8M8 14h8",
  BACK = "M4 5v5h5M4.5 10a8 8 0 111 6M12 8v4l3 2";
export const OPTIONS = {
  pen: {name: "smooth", label: "Smooth the line", sign: WAVE},
  rectangle: {name: "filled", label: "Filled", sign: FULL},
  ellipse: {name: "filled", label: "Filled", sign: FULL},
  eraser: {name: "original", label: "Back to the original", sign: BACK},
};

// Keys by their place, for keyboards that write other letters there than Latin ones.
const SIGNS = {BracketLeft: "[", BracketRight: "]"};
const latin = (key, code = "") =>
  key.length === 1 && key > "~" ? (SIGNS[code] ?? code.replace(/^Key/, "")) : key;

// What a key means on the pad: a tool, or something to do; nothing for keys of others.
export const meaning = ({key: typed, code, ctrlKey, metaKey, shiftKey, altKey}, keys) => {
  if (altKey) return null;
  const key = latin(typed, code),
    letter = key.toLowerCase();
  if (ctrlKey || metaKey) {
    if (letter === "z") return {act: shiftKey ? "redo" : "undo"};
    return letter === "y" ? {act: "redo"} : null;
  }
  const acts = {"+": "in", "=": "in", "-": "out", 0: "whole", "[": "thinner", "]": "wider"};
  if (acts[key]) return {act: acts[key]};
  return keys[letter] ? {tool: keys[letter]} : null;
};
export const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
