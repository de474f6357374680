import {flooded, widened} from "./flood.js";
import {strokeShapes} from "./strokes.js";

// Paints one change onto the layer of the drawing; `paper` knows the layer and what lies under it.
export const WHITE = "#ffffff";

const traced = points => {
  const path = new Path2D();
  for (const [x, y] of points) path.lineTo(x, y);
  path.closePath();
  return path;
};
const stroke = (pen, {points, width, calm}) => {
  const whole = new Path2D();
  for (const shape of strokeShapes(points, width, calm)) whole.addPath(traced(shape));
  pen.fill(whole, "nonzero");
};
const boxed = ({from, to}) => [
  Math.min(from[0], to[0]),
  Math.min(from[1], to[1]),
  Math.abs(to[0] - from[0]),
  Math.abs(to[1] - from[1]),
];
const closed = (pen, path, filled) => {
  if (filled) pen.fill(path);
  pen.stroke(path);
};

const PAINTERS = {
  pen: stroke,
  eraser(pen, change) {
    if (change.white) pen.fillStyle = WHITE;
    else pen.globalCompositeOperation = "destination-out";
    stroke(pen, change);
  },
  line(pen, {from, to}) {
    const path = new Path2D();
    path.moveTo(...from);
    path.lineTo(...to);
    pen.stroke(path);
  },
  rectangle(pen, change) {
    const path = new Path2D();
    path.rect(...boxed(change));
    closed(pen, path, change.filled);
  },
  ellipse(pen, change) {
    const [x, y, across, down] = boxed(change),
      path = new Path2D();
    path.ellipse(x + across / 2, y + down / 2, across / 2, down / 2, 0, 0, 2 * Math.PI);
    closed(pen, path, change.filled);
  },
  text(pen, {at, text, size}) {
    pen.font = `600 ${size}px Inter, system-ui, sans-serif`;
    pen.textBaseline = "alphabetic";
    pen.fillText(text, ...at);
  },
  fill(pen, {at}, paper) {
    const [x, y] = paper.pixelAt(at),
      {width, height} = pen.canvas;
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const area = widened(flooded(paper.pixels(), width, height, x, y), width, height);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(paper.stencil(area, pen.fillStyle), area.box.left, area.box.top);
  },
  clear(pen) {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
  },
  invert(pen) {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.globalCompositeOperation = "xor";
    pen.fillRect(0, 0, pen.canvas.width, pen.canvas.height);
  },
  background(_pen, {picture}, paper) {
    paper.lay(picture);
  },
};

export const paint = (pen, change, paper) => {
  pen.save();
  pen.fillStyle = pen.strokeStyle = change.colour ?? WHITE;
  pen.lineWidth = change.width ?? 1;
  pen.lineCap = pen.lineJoin = "round";
  PAINTERS[change.tool]?.(pen, change, paper);
  pen.restore();
};
