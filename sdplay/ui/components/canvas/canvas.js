import {pannedBy, zoomedTo} from "../zoom.js";
import {blank, changed, pictures, recalled, redo, undo, untouched} from "./changes.js";
import {refresh, wire} from "./controls.js";
import {remember, remembered} from "./keep.js";
import {Paper} from "./paper.js";
import {isSlow, marked, save, written} from "./sending.js";
import {fineSize, notched, toStage, toUnits} from "./space.js";
import {DRAGGED, MASKING, range, VEILED} from "./tools.js";
import {write} from "./words.js";

const PADS = new Map(); // by name: a drawing outlives the tab that shows it
const WIDE = 40; // a mask's brush, at first
const FIRST = {
  tool: "pen",
  colour: "#18181f",
  width: 12,
  size: 48,
  smooth: true,
  filled: true,
  original: true,
};

class Pad {
  constructor({name, mask}) {
    this.name = name;
    this.mask = mask;
    this.changes = untouched();
    this.images = new Map();
    this.sources = new Map();
    this.paper = new Paper(this.images);
    this.paper.mask = mask;
    this.settings = mask ? {...FIRST, width: WIDE, colour: VEILED} : {...FIRST};
    this.look = {zoom: 1, x: 0, y: 0};
    this.now = null; // the change that is being drawn
    this.cursor = null; // where the keyboard's pen is
    this.number = 0;
    this.unsent = false; // whether a change is not on its way to the page yet
    this.marks = [];
    this.loaded = this.load();
  }

  // Begin with what this browser remembers.
  async load() {
    const [changes, settings, sources] = await Promise.all(
      [`${this.name} changes`, this.memory, `${this.name} pictures`].map(remembered),
    );
    Object.assign(this.settings, settings);
    await Promise.all([...(sources ?? [])].map(([id, source]) => this.picture(id, source)));
    if (changes) this.changes = recalled(changes, this.changes);
  }

  // Where tool and width are remembered: those of one mask are those of the next.
  get memory() {
    return `${this.mask ? "mask" : this.name} settings`;
  }

  picture(id, source) {
    this.sources.set(id, source);
    const image = new Image();
    return new Promise(resolve => {
      image.onload = () => {
        this.images.set(id, image);
        resolve();
      };
      image.onerror = resolve; // a picture that is damaged is none
      image.src = source;
    });
  }

  keepPictures() {
    const needed = pictures(this.changes);
    for (const id of this.sources.keys()) if (!needed.has(id)) this.sources.delete(id);
    return remember(`${this.name} pictures`, this.sources);
  }

  // On the page ------------------------------------------------------------------------------

  mount(parent) {
    this.watch?.disconnect();
    this.parent = parent;
    this.$ = selector => parent.querySelector(selector);
    this.ink = this.$(".ink");
    wire(this);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.ink);
  }

  receive(data, send) {
    const {width, height, visit} = this.data ?? {};
    Object.assign(this, {data, send});
    this.$(".stage").style.setProperty("--ratio", data.width / data.height);
    const resized = width !== undefined && (width !== data.width || height !== data.height);
    this.paper.soft = data.soft / data.width;
    this.loaded.then(() => {
      this.fit();
      refresh(this);
      this.receiveBackground(data.background);
      if (visit !== data.visit || resized) this.tell(resized ? "size" : "there");
    });
  }

  // A picture that was chosen outside becomes the background, once.
  async receiveBackground(background) {
    if (!background || this.received === background.id) return;
    this.received = background.id;
    await this.picture(background.id, background.source);
    if (this.mask) return this.veil(background.id);
    this.change({tool: "background", picture: background.id});
    this.keepPictures();
  }

  // The picture under a mask is no part of what was drawn: Undo leaves it where it is.
  veil(id) {
    for (const other of [...this.images.keys()].filter(other => other !== id))
      this.images.delete(other);
    this.paper.base = id;
    this.paper.forget();
    this.fit();
    this.tell("there");
  }

  fit() {
    if (!this.data || !this.ink.isConnected) return;
    const box = this.ink.getBoundingClientRect();
    if (!box.width) return;
    const [width, height] = [box.width, box.height].map(side =>
      Math.round(side * devicePixelRatio),
    );
    if (this.ink.width !== width || this.ink.height !== height)
      Object.assign(this.ink, {width, height});
    this.paper.resize(fineSize(this.data, Math.min(width, height)));
    this.paper.settle(this.changes.done);
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    const {width, height} = this.ink,
      {zoom, x, y} = this.look,
      pen = this.ink.getContext("2d");
    this.paper.preview(this.now);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.imageSmoothingQuality = "high";
    this.paper.show(pen, x * width, y * height, zoom * width, zoom * height);
    if (this.cursor) this.drawCursor(pen);
  }

  drawCursor(pen) {
    const [left, top] = toStage(this.cursor, this.look, this.data),
      [x, y] = [left * this.ink.width, top * this.ink.height],
      reach = 9 * devicePixelRatio;
    for (const [colour, wide] of [
      ["#ffffff", 4],
      ["#18181f", 1.5],
    ]) {
      Object.assign(pen, {strokeStyle: colour, lineWidth: wide * devicePixelRatio});
      pen.beginPath();
      pen.moveTo(x - reach, y);
      pen.lineTo(x + reach, y);
      pen.moveTo(x, y - reach);
      pen.lineTo(x, y + reach);
      pen.stroke();
    }
  }

  // Drawing ----------------------------------------------------------------------------------

  get tool() {
    return this.settings.tool;
  }

  pointAt({clientX, clientY}) {
    return toUnits(clientX, clientY, this.ink.getBoundingClientRect(), this.look, this.data);
  }

  // Whether a stroke has begun; tools that act at a point are done at once.
  begin(point, tool = this.tool) {
    this.cursor = this.byKeys ? this.cursor : null;
    const {colour, width, smooth, filled, original} = this.settings,
      at = point.slice(0, 2);
    if (tool === "pen") this.now = {tool, colour, width, calm: smooth, points: [point]};
    else if (tool === "eraser")
      this.now = {tool, width, calm: true, white: !original && !this.mask, points: [point]};
    else if (DRAGGED.includes(tool)) this.now = {tool, colour, width, filled, from: at, to: at};
    else if (tool === "fill") this.change({tool, colour, at});
    else if (tool === "text") write(this, at);
    else if (tool === "pipette") this.takeColour(at);
    this.draw();
    return Boolean(this.now);
  }

  extend(point) {
    if (!this.now) return;
    if (this.now.points) this.now.points.push(point);
    else this.now.to = point.slice(0, 2);
    this.draw();
  }

  finish(moment = null) {
    const now = this.now;
    this.lifted = moment;
    this.now = null;
    if (now) this.change(now);
  }

  abandon() {
    this.now = null;
    this.draw();
  }

  change(change) {
    this.changes = changed(this.changes, change);
    this.altered();
  }

  altered() {
    this.paper.settle(this.changes.done);
    remember(`${this.name} changes`, this.changes);
    this.draw();
    refresh(this);
    this.tell("change");
  }

  takeColour(at) {
    const colour = this.paper.colourAt(at);
    if (colour) this.set({colour, tool: this.before ?? "pen"});
  }

  // Looking ----------------------------------------------------------------------------------

  zoomBy(factor, event) {
    const box = this.ink.getBoundingClientRect(),
      x = event ? (event.clientX - box.left) / box.width : 0.5,
      y = event ? (event.clientY - box.top) / box.height : 0.5;
    Object.assign(this.look, zoomedTo(this.look, this.look.zoom * factor, x, y));
    refresh(this);
    this.draw();
  }

  pan(x, y) {
    const box = this.ink.getBoundingClientRect();
    Object.assign(this.look, pannedBy(this.look, x / box.width, y / box.height));
    this.draw();
  }

  // Controls ---------------------------------------------------------------------------------

  get acts() {
    const step = next => {
      if (
        next !== this.changes &&
        (next.done !== this.changes.done || next.undone !== this.changes.undone)
      ) {
        this.changes = next;
        this.altered();
      }
    };
    return {
      undo: () => step(undo(this.changes)),
      redo: () => step(redo(this.changes)),
      clear: () => !blank(this.inked()) && this.change({tool: "clear"}),
      invert: () => this.mask && this.change({tool: "invert", colour: VEILED}),
      remove: () => this.change({tool: "background", picture: ""}),
      in: () => this.zoomBy(1.5),
      out: () => this.zoomBy(1 / 1.5),
      whole: () => this.zoomBy(1 / this.look.zoom),
      wider: () => this.notch(true),
      thinner: () => this.notch(false),
      export: () => save(this),
    };
  }

  // What was drawn, without pictures under it.
  inked() {
    return this.changes.done.filter(change => change.tool !== "background");
  }

  set(settings) {
    if (this.mask && settings.tool && !MASKING.includes(settings.tool)) return;
    if (settings.tool && ["pipette", "hand"].includes(settings.tool) && settings.tool !== this.tool)
      this.before = DRAWING.includes(this.tool) ? this.tool : this.before;
    Object.assign(this.settings, settings);
    remember(this.memory, this.settings);
    refresh(this);
  }

  get amount() {
    return this.tool === "text" ? "size" : "width";
  }

  notch(wider) {
    const {low, high} = range(this.tool);
    this.set({[this.amount]: notched(this.settings[this.amount], wider, low, high)});
  }

  choose(colour) {
    const paints = !["eraser", "pipette", "hand"].includes(this.tool);
    this.set({colour, tool: paints ? this.tool : (this.before ?? "pen")});
  }

  toggleLayer(layer) {
    this.paper.seen[layer] = !this.paper.seen[layer];
    this.draw();
    refresh(this);
    this.tell("change");
  }

  // Away from here ---------------------------------------------------------------------------

  // Send what is seen, in the size that is asked for; why: it changed, its size did, or it was
  // there when the page came.
  async tell(why) {
    if (!this.data) return;
    const {width, height} = this.data,
      number = Math.max(this.number + 1, Date.now()),
      empty = blank(this.mask ? this.inked() : this.changes.done);
    this.number = number;
    this.unsent ||= why === "change"; // and stays so if something else overtakes it
    marked(this, number);
    if (empty && why !== "change" && !(this.mask && this.received)) return;
    if (!empty && isSlow(this.data)) this.send("coming", {number}); // a click meanwhile waits for it
    const picture = empty ? "" : await written(this, number);
    if (picture === null || number !== this.number) return; // a newer one is on its way
    const large = picture === undefined;
    this.note(large ? "This drawing is too large to be sent. Choose a smaller size." : "");
    const drawing = {number, picture, large, width, height, background: this.received ?? ""};
    this.send("drawing", {...drawing, why: this.unsent ? "change" : why});
    this.unsent = false;
  }

  note(text) {
    this.$(".note").textContent = text;
  }
}

const DRAWING = ["pen", "eraser", "line", "rectangle", "ellipse", "fill", "text"];
// One mask at a time holds its pixels; the others lie in the browser's storage.
const leaveOtherMasks = () => {
  for (const [name, pad] of PADS)
    if (pad.mask) {
      pad.watch?.disconnect();
      PADS.delete(name);
    }
};
export default function ({data, parentElement, setTriggerValue}) {
  if (!PADS.has(data.name)) {
    if (data.mask) leaveOtherMasks();
    PADS.set(data.name, new Pad(data));
  }
  const pad = PADS.get(data.name);
  if (pad.parent !== parentElement) pad.mount(parentElement);
  pad.receive(data, setTriggerValue);
}
