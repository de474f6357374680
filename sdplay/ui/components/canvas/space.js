// From the screen to the drawing's own units: its shorter side is 512 of them, its middle is 0, 0,
// so that a drawing keeps its shape and its middle when the picture's size changes.
export const SHORT_SIDE = 512;

export const unitsAcross = (width, height) => {
  const unit = SHORT_SIDE / Math.min(width, height);
  return [width * unit, height * unit];
};
// A point of the screen as a point of the drawing; `look` is how the stage is zoomed and moved.
export const toUnits = (x, y, stage, look, size) => {
  const [across, down] = unitsAcross(size.width, size.height);
  return [
    (((x - stage.left) / stage.width - look.x) / look.zoom - 0.5) * across,
    (((y - stage.top) / stage.height - look.y) / look.zoom - 0.5) * down,
  ];
};
// The same point as a share of the stage.
export const toStage = ([x, y], look, size) => {
  const [across, down] = unitsAcross(size.width, size.height);
  return [(x / across + 0.5) * look.zoom + look.x, (y / down + 0.5) * look.zoom + look.y];
};
const LONGEST = 4096; // a narrow band would take more memory than a browser has
// The pixels of a drawing that is sharp on this screen and large enough for what is sent.
export const fineSize = ({width, height}, screenPixels) => {
  const short = Math.min(2048, Math.max(1024, Math.min(width, height), Math.ceil(screenPixels))),
    scale = Math.min(short / Math.min(width, height), LONGEST / Math.max(width, height));
  return [Math.round(width * scale), Math.round(height * scale)];
};
// How a picture of one size fills a frame of another: from the middle, what is too much is cut.
export const covering = (width, height, frameWidth, frameHeight) => {
  const scale = Math.max(frameWidth / width, frameHeight / height);
  return [
    (frameWidth - width * scale) / 2,
    (frameHeight - height * scale) / 2,
    width * scale,
    height * scale,
  ];
};
// A brush's width, one notch wider or thinner: wide brushes change in larger steps.
export const notched = (width, wider, low, high) => {
  const notch = Math.max(1, Math.round(width / 10));
  return Math.min(high, Math.max(low, width + (wider ? notch : -notch)));
};
