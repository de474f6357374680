import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {moved, keyed, neighbours, notches} = await load("flipbook");
const LENGTHS = [4, 3];

for (const [at, axis, by, round, to] of [
  [[1, 1], 0, 1, false, [2, 1]],
  [[1, 1], 1, -1, false, [1, 0]],
  [[3, 0], 0, 1, false, [3, 0]],
  [[0, 0], 0, -9, false, [0, 0]],
  [[3, 2], 0, 1, true, [0, 2]],
  [[0, 2], 0, -1, true, [3, 2]],
])
  test(`${by} along axis ${axis} leads from ${at} to ${to}${round ? ", round and round" : ""}`, () => {
    assert.deepEqual(moved(at, axis, by, LENGTHS, round), to);
  });

test("arrows belong to the first two axes, and pages to the third", () => {
  assert.deepEqual(keyed("ArrowLeft", LENGTHS), {axis: 0, by: -1});
  assert.deepEqual(keyed("ArrowDown", LENGTHS), {axis: 1, by: 1});
  assert.deepEqual(keyed("PageUp", [2, 2, 2]), {axis: 2, by: -1});
  assert.equal(keyed("PageUp", LENGTHS), null);
  assert.equal(keyed("Enter", LENGTHS), null);
});

test("neighbours lie one step away, two along the axis in use, and none twice", () => {
  assert.deepEqual(neighbours([1, 1], LENGTHS, 0), [
    [2, 1],
    [0, 1],
    [3, 1],
    [1, 2],
    [1, 0],
  ]);
  assert.deepEqual(neighbours([0], [1], 0), []);
});

test("a wheel turns a page for every notch and keeps the rest", () => {
  assert.deepEqual(notches(100, 40), {steps: 2, rest: 20});
  assert.deepEqual(notches(-50, 40), {steps: -1, rest: -10});
  assert.deepEqual(notches(12, 40), {steps: 0, rest: 12});
});
