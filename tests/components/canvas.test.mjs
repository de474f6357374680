import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {pressureOfSpeed, rounded, smoothed, strokeShapes} = await load("canvas/strokes");
const {flooded, widened} = await load("canvas/flood");
const {blank, changed, ground, pictures, recalled, redo, undo, untouched} =
  await load("canvas/changes");
const {covering, fineSize, notched, toStage, toUnits} = await load("canvas/space");
const {meaning} = await load("canvas/tools");
const {listen} = await load("canvas/pointers");

const area = shape =>
  shape.reduce((sum, [x, y], at) => {
    const [nextX, nextY] = shape[(at + 1) % shape.length];
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);
const inside = (shape, [x, y]) =>
  shape.every(([fromX, fromY], at) => {
    const [toX, toY] = shape[(at + 1) % shape.length];
    return (toX - fromX) * (y - fromY) - (toY - fromY) * (x - fromX) >= -1e-6;
  });
const covered = (shapes, point) => shapes.some(shape => inside(shape, point));

test("a tap is a round dot as wide as the brush", () => {
  const [dot] = strokeShapes([[10, 20, 1]], 8);
  for (const [x, y] of dot) assert.ok(Math.abs(Math.hypot(x - 10, y - 20) - 4) < 1e-9);
});

test("a stroke is wide where the pen is pressed and thin where it is not", () => {
  const shapes = strokeShapes(
    [
      [0, 0, 1],
      [100, 0, 0.5],
      [200, 0, 0],
    ],
    20,
  );
  assert.ok(covered(shapes, [2, 9.5]));
  assert.ok(!covered(shapes, [198, 5]));
  assert.ok(covered(shapes, [198, 3]));
});

test("every piece of a stroke turns the same way, so that a loop cuts no hole", () => {
  const loop = Array.from({length: 80}, (_, at) => {
    const angle = at / 6;
    return [40 * Math.cos(angle), 25 * Math.sin(2 * angle), 0.2 + (0.6 * ((at * 7) % 10)) / 10];
  });
  for (const shape of strokeShapes(loop, 30)) assert.ok(area(shape) > 0);
});

test("a sharp corner has no gap at its outside", () => {
  const shapes = strokeShapes(
    [
      [0, 0, 1],
      [50, 0, 1],
      [50, 0, 1],
      [0, 2, 1],
    ],
    10,
    false,
  );
  assert.ok(covered(shapes, [50, 0]));
});

test("smoothing takes the shaking away and keeps both ends", () => {
  const shaky = Array.from({length: 40}, (_, at) => [at * 5, at % 2 ? 4 : -4, 0.5]);
  const calm = smoothed(shaky),
    shake = points => points.slice(5, -5).reduce((most, [, y]) => Math.max(most, Math.abs(y)), 0);
  assert.ok(shake(calm) < shake(shaky) / 2);
  assert.deepEqual(calm[0], shaky[0]);
  assert.deepEqual(calm.at(-1), shaky.at(-1));
  assert.equal(calm.length, shaky.length);
});

test("a curve through few points has no corner", () => {
  const curve = rounded([
    [0, 0, 1],
    [100, 0, 1],
    [100, 100, 1],
    [200, 100, 1],
  ]);
  const turns = curve.slice(2).map((point, at) => {
    const way = (from, to) => Math.atan2(to[1] - from[1], to[0] - from[0]);
    return Math.abs(way(curve[at], curve[at + 1]) - way(curve[at + 1], point));
  });
  assert.ok(Math.max(...turns) < 0.2);
});

test("a fast hand draws thinner than a slow one, by no jump", () => {
  const fast = pressureOfSpeed(0.8, 100, 10),
    slow = pressureOfSpeed(0.8, 1, 10);
  assert.ok(fast < slow);
  assert.ok(0.8 - fast < 0.2);
});

const picture = (...rows) => {
  const tones = {".": [255, 255, 255, 255], "#": [0, 0, 0, 255], "-": [235, 235, 235, 255]};
  return Uint8ClampedArray.from(rows.flatMap(row => [...row].flatMap(mark => tones[mark])));
};
const marks = ({mask}, width) =>
  Array.from({length: mask.length / width}, (_, row) =>
    [...mask.slice(row * width, (row + 1) * width)].join(""),
  );

test("fill stops at a line and goes around a corner", () => {
  const pixels = picture("..#..", ".##..", "....#", "###..");
  assert.deepEqual(marks(flooded(pixels, 5, 4, 0, 0), 5), ["11011", "10011", "11110", "00011"]);
});

test("fill takes a line's soft edge with it, and tells the box around it", () => {
  const {mask, box} = flooded(picture("#-.#", "#-.#"), 4, 2, 2, 0);
  assert.deepEqual([...mask], [0, 1, 1, 0, 0, 1, 1, 0]);
  assert.deepEqual(box, {left: 1, top: 0, right: 2, bottom: 1});
});

test("a fill is widened by one pixel, and never over the edge", () => {
  const area = flooded(picture("###", "#.#", "###", "###"), 3, 4, 1, 1);
  assert.deepEqual(marks(widened(area, 3, 4), 3), ["010", "111", "010", "000"]);
  const corner = widened(flooded(picture(".#", "##"), 2, 2, 0, 0), 2, 2);
  assert.deepEqual(corner.box, {left: 0, top: 0, right: 1, bottom: 1});
});

test("fill of a large sheet ends", () => {
  const side = 700;
  const {mask} = flooded(new Uint8ClampedArray(4 * side * side).fill(255), side, side, 350, 350);
  assert.equal(
    mask.reduce((sum, value) => sum + value, 0),
    side * side,
  );
});

test("undo and redo walk to the very beginning and back", () => {
  let changes = untouched();
  for (let at = 0; at < 1000; at++) changes = changed(changes, {tool: "pen", at});
  const whole = changes;
  for (let at = 0; at < 1500; at++) changes = undo(changes);
  assert.deepEqual([changes.done.length, changes.undone.length], [0, 1000]);
  for (let at = 0; at < 1500; at++) changes = redo(changes);
  assert.deepEqual(changes, whole);
});

test("a new stroke forgets what was undone", () => {
  const changes = changed(undo(changed(untouched(), {tool: "pen"})), {tool: "line"});
  assert.deepEqual(changes, {done: [{tool: "line"}], undone: []});
});

test("what is drawn before the remembered drawing comes stays above it", () => {
  const before = changed(untouched(), {tool: "line"});
  assert.equal(recalled(before, untouched()), before);
  const both = recalled(before, changed(untouched(), {tool: "pen"}));
  assert.deepEqual(both.done, [{tool: "line"}, {tool: "pen"}]);
});

test("a cleared, a rubbed and an empty sheet show nothing; a picture under them does", () => {
  assert.ok(blank([]));
  assert.ok(blank([{tool: "pen"}, {tool: "clear"}, {tool: "eraser"}]));
  assert.ok(!blank([{tool: "clear"}, {tool: "pen"}]));
  assert.ok(!blank([{tool: "background", picture: "a"}]));
  assert.ok(
    blank([
      {tool: "background", picture: "a"},
      {tool: "background", picture: ""},
    ]),
  );
});

test("a picture stays as long as undo or redo may bring it back", () => {
  const one = changed(untouched(), {tool: "background", picture: "a"});
  const two = undo(changed(one, {tool: "background", picture: "b"}));
  assert.equal(ground(two.done), "a");
  assert.deepEqual([...pictures(two)].sort(), ["a", "b"]);
});

test("a point of the screen and of the drawing are the same point, however it is zoomed", () => {
  const stage = {left: 30, top: 40, width: 300, height: 200},
    size = {width: 192, height: 128},
    look = {zoom: 2.5, x: -0.6, y: -0.2};
  const [left, top] = toStage(toUnits(111, 77, stage, look, size), look, size);
  assert.ok(Math.abs(30 + left * 300 - 111) < 1e-9 && Math.abs(40 + top * 200 - 77) < 1e-9);
});

test("the middle of a drawing stays its middle when the picture's shape changes", () => {
  const stage = {left: 0, top: 0, width: 100, height: 100},
    look = {zoom: 1, x: 0, y: 0};
  for (const size of [
    {width: 512, height: 512},
    {width: 768, height: 512},
  ])
    assert.deepEqual(toUnits(50, 50, stage, look, size), [0, 0]);
});

test("the drawing's pixels are as fine as the screen or what is sent, within bounds", () => {
  assert.deepEqual(fineSize({width: 192, height: 128}, 400), [1536, 1024]);
  assert.deepEqual(fineSize({width: 128, height: 128}, 1500), [1500, 1500]);
  assert.deepEqual(fineSize({width: 4096, height: 4096}, 400), [2048, 2048]);
  assert.deepEqual(fineSize({width: 64, height: 2048}, 400), [128, 4096]);
});

test("a picture covers its frame from the middle", () => {
  assert.deepEqual(covering(200, 100, 50, 50), [-25, 0, 100, 50]);
});

test("wide brushes change in larger notches, within their range", () => {
  assert.equal(notched(3, true, 1, 60), 4);
  assert.equal(notched(40, true, 1, 60), 44);
  assert.equal(notched(60, true, 1, 60), 60);
  assert.equal(notched(1, false, 1, 60), 1);
});

test("keys mean tools and acts, and leave the browser's own keys alone", () => {
  const key = (key, more = {}) => meaning({key, ...more}, {b: "pen", r: "rectangle"});
  assert.deepEqual(key("B"), {tool: "pen"});
  assert.deepEqual(key("z", {ctrlKey: true}), {act: "undo"});
  assert.deepEqual(key("Z", {metaKey: true, shiftKey: true}), {act: "redo"});
  assert.deepEqual(key("]"), {act: "wider"});
  assert.equal(key("r", {ctrlKey: true}), null);
  assert.equal(key("q"), null);
});

test("keys keep their places where a keyboard writes Cyrillic letters", () => {
  const key = (key, code, more = {}) => meaning({key, code, ...more}, {e: "eraser"});
  assert.deepEqual(key("у", "KeyE"), {tool: "eraser"});
  assert.deepEqual(key("я", "KeyZ", {ctrlKey: true}), {act: "undo"});
  assert.deepEqual(key("ъ", "BracketRight"), {act: "wider"});
  assert.deepEqual(key("e", "KeyD"), {tool: "eraser"});
});

// A stage and a pad that write down what becomes of the pointers on it.
const pointed = (tool = "pen") => {
  const stage = {classList: {add() {}}, focus() {}, setPointerCapture() {}},
    log = [];
  const pad = {tool, data: {}, pointAt: ({clientX, clientY}) => [clientX, clientY]};
  for (const name of ["extend", "finish", "abandon", "pan", "zoomBy"])
    pad[name] = () => log.push(name);
  pad.begin = (_point, tool) => log.push(tool === "eraser" ? "erase" : "begin");
  listen(stage, pad);
  const send = (kind, pointerType, at, more = {}) =>
    stage[`onpointer${kind}`]({
      type: `pointer${kind}`,
      pointerType,
      pointerId: pointerType,
      clientX: at,
      clientY: at,
      timeStamp: at,
      button: 0,
      buttons: 1,
      preventDefault() {},
      ...more,
    });
  return {send, log};
};

test("a hand that is laid down beside the pen takes no stroke away and moves nothing", () => {
  const {send, log} = pointed();
  send("down", "pen", 1);
  send("down", "touch", 2);
  send("move", "touch", 9);
  send("move", "pen", 10);
  send("up", "pen", 11);
  send("move", "touch", 12);
  assert.deepEqual(log, ["begin", "extend", "finish"]);
});

test("a pen draws though the hand lies on the screen already", () => {
  const {send, log} = pointed();
  send("down", "touch", 1);
  send("down", "pen", 2);
  send("move", "pen", 3);
  send("up", "pen", 4);
  assert.deepEqual(log, ["begin", "abandon", "begin", "extend", "finish"]);
});

test("a tool that acts at a point waits for a second finger", () => {
  const {send, log} = pointed("fill");
  send("down", "touch", 1);
  send("down", "touch", 2, {pointerId: "second"});
  send("up", "touch", 3, {pointerId: "second"});
  send("up", "touch", 4);
  assert.deepEqual(log, ["abandon"]);
  send("down", "touch", 5);
  send("up", "touch", 6);
  assert.deepEqual(log, ["abandon", "begin"]);
});

test("a stroke ends with its own button though another one is held", () => {
  const {send, log} = pointed();
  send("down", "mouse", 1);
  send("move", "mouse", 2, {buttons: 3});
  send("move", "mouse", 3, {buttons: 2});
  send("move", "mouse", 4, {buttons: 2});
  send("up", "mouse", 5, {buttons: 0});
  assert.deepEqual(log, ["begin", "extend", "finish"]);
});

test("a pen that is turned round rubs out, whatever the tool", () => {
  for (const tool of ["pen", "fill", "hand"]) {
    const {send, log} = pointed(tool);
    send("down", "pen", 1, {button: 5, buttons: 32});
    send("move", "pen", 2, {buttons: 32});
    send("up", "pen", 3, {buttons: 0});
    assert.deepEqual(log, ["erase", "extend", "finish"]);
  }
});
