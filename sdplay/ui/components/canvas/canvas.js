import {CLOSEST, pannedBy, zoomedTo} from "../zoom.js";
import {blank, changed, ground, pictures, redo, undo, untouched} from "./changes.js";
import {remember, remembered} from "./keep.js";
import {Paper} from "./paper.js";
import {listen} from "./pointers.js";
import {fineSize, notched, toStage, toUnits} from "./space.js";
import {ARROWS, DRAGGED, meaning, OPTIONS, range, TOOLS} from "./tools.js";

const PADS = new Map(); // by name: a drawing outlives the tab that shows it
const QUICK_PIXELS = 600_000; // so many are written at once, more of them beside the drawing
const MARKS = 30; // strokes whose moment is remembered
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
  constructor(name) {
    this.name = name;
    this.changes = untouched();
    this.images = new Map();
    this.sources = new Map();
    this.paper = new Paper(this.images);
    this.settings = {...FIRST};
    this.look = {zoom: 1, x: 0, y: 0};
    this.now = null; // the change that is being drawn
    this.cursor = null; // where the keyboard's pen is
    this.number = 0;
    this.marks = [];
    this.loaded = this.load();
  }

  // Begin with what this browser remembers.
  async load() {
    const [changes, settings, sources] = await Promise.all(
      ["changes", "settings", "pictures"].map(part => remembered(`${this.name} ${part}`)),
    );
    Object.assign(this.settings, settings);
    await Promise.all([...(sources ?? [])].map(([id, source]) => this.picture(id, source)));
    if (changes) this.changes = changes;
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
    this.wire();
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.ink);
  }

  receive(data, send) {
    const {width, height} = this.data ?? {};
    Object.assign(this, {data, send});
    this.$(".stage").style.setProperty("--ratio", data.width / data.height);
    const resized = width !== undefined && (width !== data.width || height !== data.height);
    this.loaded.then(() => {
      this.fit();
      this.refresh();
      this.receiveBackground(data.background);
      if (width === undefined || resized) this.tell(resized ? "size" : "there");
    });
  }

  // A picture that was chosen outside becomes the background, once.
  async receiveBackground(background) {
    if (!background || this.received === background.id) return;
    this.received = background.id;
    await this.picture(background.id, background.source);
    this.change({tool: "background", picture: background.id});
    this.keepPictures();
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

  busy() {
    return !this.data || !this.$(".words").hidden;
  }

  pointAt({clientX, clientY}) {
    return toUnits(clientX, clientY, this.ink.getBoundingClientRect(), this.look, this.data);
  }

  // Whether a stroke has begun; tools that act at a point are done at once.
  begin(point) {
    this.cursor = this.byKeys ? this.cursor : null;
    const {tool, colour, width, smooth, filled, original} = this.settings,
      at = point.slice(0, 2);
    if (tool === "pen") this.now = {tool, colour, width, calm: smooth, points: [point]};
    else if (tool === "eraser")
      this.now = {tool, width, calm: true, white: !original, points: [point]};
    else if (DRAGGED.includes(tool)) this.now = {tool, colour, width, filled, from: at, to: at};
    else if (tool === "fill") this.change({tool, colour, at});
    else if (tool === "text") this.write(at);
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

  finish() {
    const now = this.now;
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
    this.refresh();
    this.tell("change");
  }

  takeColour(at) {
    const colour = this.paper.colourAt(at);
    if (colour) this.set({colour, tool: this.before ?? "pen"});
  }

  write(at) {
    const field = this.$(".words"),
      [left, top] = toStage(at, this.look, this.data),
      box = this.ink.getBoundingClientRect(),
      {size, colour} = this.settings,
      pixels = (size * this.look.zoom * Math.min(box.width, box.height)) / 512;
    field.style.setProperty("--left", `${left * box.width}px`);
    field.style.setProperty("--top", `${top * box.height - pixels}px`);
    field.style.setProperty("--size", `${pixels}px`);
    Object.assign(field, {hidden: false, value: ""});
    field.style.color = colour === "#ffffff" ? "#18181f" : colour;
    const close = done => {
      field.onblur = field.onkeydown = null;
      field.hidden = true;
      const text = field.value.trim();
      if (done && text) this.change({tool: "text", colour, size, at, text});
      this.ink.focus({preventScroll: true});
    };
    field.onblur = () => close(true);
    field.onkeydown = event => {
      event.stopPropagation();
      if (event.key === "Enter") close(true);
      if (event.key === "Escape") close(false);
    };
    setTimeout(() => field.focus({preventScroll: true})); // after the click that opened it
  }

  // Looking ----------------------------------------------------------------------------------

  zoomBy(factor, event) {
    const box = this.ink.getBoundingClientRect(),
      x = event ? (event.clientX - box.left) / box.width : 0.5,
      y = event ? (event.clientY - box.top) / box.height : 0.5;
    Object.assign(this.look, zoomedTo(this.look, this.look.zoom * factor, x, y));
    this.refresh();
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
      remove: () => this.change({tool: "background", picture: ""}),
      in: () => this.zoomBy(1.5),
      out: () => this.zoomBy(1 / 1.5),
      whole: () => this.zoomBy(1 / this.look.zoom),
      wider: () => this.notch(true),
      thinner: () => this.notch(false),
      export: () => this.save(),
    };
  }

  // What was drawn, without pictures under it.
  inked() {
    return this.changes.done.filter(change => change.tool !== "background");
  }

  set(settings) {
    if (settings.tool && ["pipette", "hand"].includes(settings.tool) && settings.tool !== this.tool)
      this.before = DRAWING.includes(this.tool) ? this.tool : this.before;
    Object.assign(this.settings, settings);
    remember(`${this.name} settings`, this.settings);
    this.refresh();
  }

  get amount() {
    return this.tool === "text" ? "size" : "width";
  }

  notch(wider) {
    const {low, high} = range(this.tool);
    this.set({[this.amount]: notched(this.settings[this.amount], wider, low, high)});
  }

  wire() {
    const keys = {};
    for (const button of this.parent.querySelectorAll("[data-tool]")) {
      const {tool, key} = button.dataset;
      keys[key.toLowerCase()] = tool;
      button.setAttribute("aria-label", TOOLS[tool]);
      button.title = `${TOOLS[tool]} (${key})`;
      button.onclick = () => this.set({tool: tool === this.tool ? "pen" : tool});
    }
    for (const button of this.parent.querySelectorAll("[data-act]"))
      button.onclick = () => this.acts[button.dataset.act]();
    for (const button of this.parent.querySelectorAll("[data-layer]"))
      button.onclick = () => this.toggleLayer(button.dataset.layer);
    for (const button of this.parent.querySelectorAll("[data-colour]")) {
      button.style.setProperty("--swatch", button.dataset.colour);
      button.onclick = () => this.choose(button.dataset.colour);
    }
    this.$(".any").oninput = event => this.choose(event.target.value);
    const width = this.$(".width");
    width.oninput = () => this.set({[this.amount]: Number(width.value)});
    width.onwheel = event => {
      event.preventDefault();
      this.notch(event.deltaY < 0);
    };
    this.$(".option").onclick = () => {
      const {name} = OPTIONS[this.tool];
      this.set({[name]: !this.settings[name]});
    };
    listen(this.ink, this);
    this.$(".pad").onkeydown = event => this.typed(event, keys);
    this.ink.onblur = () => {
      this.ink.classList.remove("pointed");
      this.cursor = null;
      this.byKeys = false;
      if (this.now) this.finish();
      this.draw();
    };
  }

  choose(colour) {
    const paints = !["eraser", "pipette", "hand"].includes(this.tool);
    this.set({colour, tool: paints ? this.tool : (this.before ?? "pen")});
  }

  toggleLayer(layer) {
    this.paper.seen[layer] = !this.paper.seen[layer];
    this.draw();
    this.refresh();
    this.tell("change");
  }

  typed(event, keys) {
    const sliding = event.target === this.$(".width");
    if (event.target === this.ink && this.drawsByKeys(event)) event.preventDefault();
    else {
      const {tool, act} = meaning(event, keys) ?? {};
      if (!tool && !act) {
        if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) event.stopPropagation();
        return;
      }
      if (sliding && !act) return;
      event.preventDefault();
      if (tool) this.set({tool});
      else this.acts[act]();
    }
    event.stopPropagation(); // a letter means something else to the page
  }

  // Arrow keys move a pen that Space puts down and lifts.
  drawsByKeys({key, shiftKey}) {
    const arrow = ARROWS[key];
    if (!arrow && key !== " " && key !== "Enter") return key === "Escape" && Boolean(this.now);
    this.cursor ??= [0, 0];
    if (arrow) {
      const step = shiftKey ? 2 : 12;
      this.cursor = this.cursor.map((value, axis) => value + step * arrow[axis]);
      this.extend([...this.cursor, 0.8]);
    } else if (this.now) this.finish();
    else {
      this.byKeys = true;
      const begun = this.begin([...this.cursor, 0.8]);
      if (begun && key === "Enter") this.finish();
    }
    this.draw();
    return true;
  }

  refresh() {
    const {settings} = this,
      option = OPTIONS[settings.tool],
      {low, high} = range(settings.tool),
      amount = settings[this.amount],
      picture = ground(this.changes.done);
    for (const button of this.parent.querySelectorAll("[data-tool]"))
      button.setAttribute("aria-pressed", button.dataset.tool === settings.tool);
    const swatches = [...this.parent.querySelectorAll("[data-colour]")];
    for (const button of swatches)
      button.setAttribute("aria-pressed", button.dataset.colour === settings.colour);
    const own = swatches.every(button => button.dataset.colour !== settings.colour);
    this.$(".any").value = settings.colour;
    this.$(".picker").classList.toggle("chosen", own);
    this.$(".picker").style.setProperty("--swatch", settings.colour);
    this.$(".ink").classList.toggle("hand", settings.tool === "hand");
    const toggle = this.$(".option");
    toggle.disabled = !option;
    toggle.setAttribute("aria-pressed", Boolean(option && settings[option.name]));
    toggle.setAttribute("aria-label", option?.label ?? "This tool has no choices");
    toggle.title = option?.label ?? "";
    toggle.querySelector("path").setAttribute("d", option?.sign ?? "M6 12h12");
    const slider = this.$(".width");
    Object.assign(slider, {min: low, max: high, value: amount});
    const label = this.amount === "size" ? "Text size" : "Width";
    slider.setAttribute("aria-label", label);
    slider.title = `${label} ([ and ], or Shift and the wheel)`;
    this.$(".amount").textContent = amount;
    this.$("[data-act=undo]").disabled = !this.changes.done.length;
    this.$("[data-act=redo]").disabled = !this.changes.undone.length;
    this.$("[data-act=clear]").disabled = blank(this.inked());
    this.$("[data-act=remove]").hidden = !picture;
    for (const layer of ["background", "drawing"]) {
      const button = this.$(`[data-layer=${layer}]`);
      button.hidden = !picture;
      button.setAttribute("aria-pressed", this.paper.seen[layer]);
      button.title = `Show the ${layer}, also in what is sent`;
    }
    const percent = Math.round(this.look.zoom * 100);
    this.$(".level").textContent = `${percent} %`;
    this.$(".level").setAttribute("aria-label", `Zoom ${percent} %. Show the whole drawing.`);
    this.$("[data-act=out]").disabled = this.$(".level").disabled = this.look.zoom <= 1;
    this.$("[data-act=in]").disabled = this.look.zoom >= CLOSEST;
  }

  // Away from here ---------------------------------------------------------------------------

  // Send what is seen, in the size that is asked for; why: it changed, its size did, or it was
  // there when the page came.
  async tell(why) {
    if (!this.data) return;
    const number = Math.max(this.number + 1, Date.now()),
      empty = blank(this.changes.done);
    this.number = number;
    this.mark(number);
    if (empty && why !== "change") return;
    const picture = empty ? "" : await this.written(number);
    if (picture === null || number !== this.number) return; // a newer one is on its way
    this.note(
      picture === undefined ? "This drawing is too large to be sent. Choose a smaller size." : "",
    );
    if (picture !== undefined)
      this.send("drawing", {number, picture, why, background: this.received ?? ""});
  }

  // The moment of a stroke, for whoever measures how long its picture takes.
  mark(number) {
    performance.mark(`sdplay-stroke-${number}`);
    this.marks.push(number);
    if (this.marks.length > MARKS) performance.clearMarks(`sdplay-stroke-${this.marks.shift()}`);
  }

  // A PNG, or a JPEG where that would be too large; undefined where both are, null when outdated.
  async written(number) {
    const {width, height, largest} = this.data,
      exact = this.paper.exported(width, height),
      fits = text => text.length <= largest;
    const png =
      width * height <= QUICK_PIXELS ? exact.toDataURL("image/png") : await encoded(exact);
    if (number !== this.number) return null;
    if (fits(png)) return png;
    return [0.92, 0.75].map(quality => exact.toDataURL("image/jpeg", quality)).find(fits);
  }

  save() {
    const {width, height} = this.data,
      link = document.createElement("a");
    link.download = "sketch.png";
    link.href = this.paper.exported(width, height).toDataURL("image/png");
    link.click();
  }

  note(text) {
    this.$(".note").textContent = text;
  }
}

const DRAWING = ["pen", "eraser", "line", "rectangle", "ellipse", "fill", "text"];
const encoded = canvas =>
  new Promise(resolve => {
    canvas.toBlob(blob => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
    }, "image/png");
  });

export default function ({data, parentElement, setTriggerValue}) {
  if (!PADS.has(data.name)) PADS.set(data.name, new Pad(data.name));
  const pad = PADS.get(data.name);
  if (pad.parent !== parentElement) pad.mount(parentElement);
  pad.receive(data, setTriggerValue);
}
