import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {pannedBy, zoomedTo} = await load("viewer");
const WHOLE = {zoom: 1, x: 0, y: 0};

test("what lies under the pointer stays there while zooming in", () => {
  const {zoom, x, y} = zoomedTo(WHOLE, 4, 0.25, 0.5);
  assert.equal(zoom, 4);
  assert.deepEqual([x + 4 * 0.25, y + 4 * 0.5], [0.25, 0.5]);
});

test("zooming out to the whole picture leaves no gap", () => {
  const corner = zoomedTo(WHOLE, 4, 1, 1);
  assert.deepEqual(zoomedTo(corner, 0.5, 0, 0), {zoom: 1, x: 0, y: 0});
});

test("a zoom of nearly one is the whole picture, and sixteen is the closest", () => {
  assert.equal(zoomedTo(WHOLE, 1.005, 0.5, 0.5).zoom, 1);
  assert.equal(zoomedTo(WHOLE, 99, 0.5, 0.5).zoom, 16);
});

test("a push ends at the picture's edge", () => {
  assert.deepEqual(pannedBy({zoom: 2, x: -0.5, y: -0.5}, 9, -9), {x: 0, y: -1});
});
