import {paint, WHITE} from "./paint.js";
import {covering, SHORT_SIDE} from "./space.js";

// The pixels of a drawing: a white sheet, a picture on it, and the layer that is drawn on.  What
// was done is kept as changes; a copy of the layer now and then makes undo quick.
const EVERY = 12;
const COPIES = 6;
const VEIL = 0.65; // how much of the picture a mask over it hides
const HATCH = 12; // pixels from one stripe of a mask to the next

const sheet = (width = 1, height = 1) =>
  Object.assign(document.createElement("canvas"), {width, height});
const copied = (target, source) => {
  const pen = target.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, target.width, target.height);
  pen.drawImage(source, 0, 0);
};

// One tile of white stripes, on nothing.
const hatched = () => {
  const tile = sheet(HATCH, HATCH),
    pen = tile.getContext("2d");
  Object.assign(pen, {strokeStyle: WHITE, lineWidth: HATCH / 5});
  for (const shift of [-HATCH, 0, HATCH]) {
    pen.beginPath();
    pen.moveTo(shift - 1, HATCH + 1);
    pen.lineTo(shift + HATCH + 1, -1);
    pen.stroke();
  }
  return tile;
};

export class Paper {
  constructor(images) {
    this.images = images; // loaded pictures by their id
    this.settled = sheet(); // the layer as far as changes are finished
    this.layer = sheet(); // the same with the one that is being drawn
    this.under = sheet();
    this.laid = "";
    this.base = ""; // the picture that a mask lies over; it cannot be taken away
    this.mask = false; // what is drawn is a mask
    this.soft = 0; // how far a mask's edge is blurred, as a share of the width
    this.seen = {background: true, drawing: true};
    this.forget();
  }

  // Begin anew from the changes, at another size or with a picture that has just been loaded.
  forget() {
    this.painted = [];
    this.copies = [];
    this.started = false;
  }

  resize([width, height]) {
    if (this.layer.width === width && this.layer.height === height) return false;
    for (const each of [this.settled, this.layer, this.under]) Object.assign(each, {width, height});
    this.forget();
    return true;
  }

  get unit() {
    return Math.min(this.layer.width, this.layer.height) / SHORT_SIDE;
  }

  pixelAt([x, y]) {
    return [
      Math.floor(x * this.unit + this.layer.width / 2),
      Math.floor(y * this.unit + this.layer.height / 2),
    ];
  }

  // Show exactly these changes.
  settle(changes) {
    const kept = this.painted.every((change, at) => changes[at] === change) && this.started;
    if (!kept) this.rewind(changes);
    for (let at = this.painted.length; at < changes.length; at++) {
      this.add(this.settled, changes[at]);
      this.painted.push(changes[at]);
      if ((at + 1) % EVERY === 0) this.copy();
    }
    copied(this.layer, this.settled);
  }

  // Show one more, which is still being drawn.
  preview(change) {
    copied(this.layer, this.settled);
    if (change) this.add(this.layer, change);
  }

  add(target, change) {
    const pen = target.getContext("2d");
    pen.setTransform(this.unit, 0, 0, this.unit, target.width / 2, target.height / 2);
    paint(pen, change, this);
  }

  copy() {
    const picture = sheet(this.settled.width, this.settled.height);
    copied(picture, this.settled);
    this.copies = [...this.copies, {picture, painted: [...this.painted], laid: this.laid}].slice(
      -COPIES,
    );
  }

  rewind(changes) {
    const fits = ({painted}) =>
      painted.length <= changes.length && painted.every((change, at) => changes[at] === change);
    this.copies = this.copies.filter(fits);
    const nearest = this.copies[this.copies.length - 1];
    this.started = true;
    this.painted = nearest ? [...nearest.painted] : [];
    this.lay(nearest?.laid || this.base);
    if (nearest) copied(this.settled, nearest.picture);
    else paint(this.settled.getContext("2d"), {tool: "clear"}, this);
  }

  // Put the picture of that id under the drawing, or none.
  lay(id) {
    this.laid = id;
    const pen = this.under.getContext("2d"),
      {width, height} = this.under,
      image = this.images.get(id);
    pen.fillStyle = WHITE;
    pen.fillRect(0, 0, width, height);
    if (!image) return;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image, ...covering(image.naturalWidth, image.naturalHeight, width, height));
  }

  // What is seen, in any pen's pixels: sheet, picture, drawing.
  show(pen, left, top, width, height, layer = this.layer) {
    pen.fillStyle = WHITE;
    pen.fillRect(left, top, width, height);
    if (this.seen.background) pen.drawImage(this.under, left, top, width, height);
    if (this.mask) this.veil(pen, left, top, width, height, layer);
    else if (this.seen.drawing) pen.drawImage(layer, left, top, width, height);
  }

  // A mask over its picture, as soft as it will be; striped, so that it is seen on any colour.
  veil(pen, left, top, width, height, layer) {
    const cloth = sheet(pen.canvas.width, pen.canvas.height),
      brush = cloth.getContext("2d");
    if (this.soft) brush.filter = `blur(${this.soft * width}px)`;
    brush.drawImage(layer, left, top, width, height);
    brush.filter = "none";
    brush.globalCompositeOperation = "source-atop";
    brush.fillStyle = brush.createPattern(hatched(), "repeat");
    brush.fillRect(0, 0, cloth.width, cloth.height);
    pen.globalAlpha = VEIL;
    pen.drawImage(cloth, 0, 0);
    pen.globalAlpha = 1;
  }

  // A mask by itself: white where it was painted, on black.
  stamp(pen) {
    const {width, height} = this.settled;
    pen.drawImage(this.settled, 0, 0);
    for (const [operation, colour] of [
      ["source-in", WHITE],
      ["destination-over", "#000000"],
    ]) {
      Object.assign(pen, {globalCompositeOperation: operation, fillStyle: colour});
      pen.fillRect(0, 0, width, height);
    }
  }

  // What a fill goes by, as RGBA: all that is drawn, and the picture under it unless that is masked.
  pixels() {
    const whole = sheet(this.layer.width, this.layer.height),
      pen = whole.getContext("2d", {willReadFrequently: true});
    if (!this.mask) pen.drawImage(this.under, 0, 0);
    pen.drawImage(this.settled, 0, 0);
    return pen.getImageData(0, 0, whole.width, whole.height).data;
  }

  colourAt(point) {
    const [x, y] = this.pixelAt(point);
    if (x < 0 || y < 0 || x >= this.layer.width || y >= this.layer.height) return null;
    const dot = sheet(1, 1).getContext("2d");
    this.show(dot, -x, -y, this.layer.width, this.layer.height);
    const [red, green, blue] = dot.getImageData(0, 0, 1, 1).data;
    return `#${[red, green, blue].map(value => value.toString(16).padStart(2, "0")).join("")}`;
  }

  // An area in one colour.
  stencil({mask, box}, colour) {
    const width = box.right - box.left + 1,
      height = box.bottom - box.top + 1,
      cut = sheet(width, height),
      pen = cut.getContext("2d"),
      area = pen.createImageData(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        area.data[4 * (y * width + x) + 3] =
          255 * mask[(box.top + y) * this.layer.width + box.left + x];
    pen.putImageData(area, 0, 0);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = colour;
    pen.fillRect(0, 0, width, height);
    return cut;
  }

  // What is seen, or the mask, in exactly so many pixels.
  exported(width, height) {
    let whole = sheet(this.layer.width, this.layer.height);
    if (this.mask) this.stamp(whole.getContext("2d"));
    else this.show(whole.getContext("2d"), 0, 0, whole.width, whole.height, this.settled);
    // By halves: one large step would leave out pixels, and thin lines with them.
    while (whole.width >= 2 * width) {
      const half = sheet(Math.ceil(whole.width / 2), Math.ceil(whole.height / 2));
      half.getContext("2d").drawImage(whole, 0, 0, half.width, half.height);
      whole = half;
    }
    const exact = sheet(width, height),
      pen = exact.getContext("2d", {alpha: false}); // a quarter less to send
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, 0, 0, width, height);
    return exact;
  }
}
