import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {neighbour} = await load("grid");

// Six cells, three in a row.
for (const [from, key, to] of [
  [0, "ArrowRight", 1],
  [1, "ArrowLeft", 0],
  [1, "ArrowDown", 4],
  [4, "ArrowUp", 1],
  [2, "ArrowRight", null],
  [3, "ArrowLeft", null],
  [0, "ArrowUp", null],
  [5, "ArrowDown", null],
  [0, "Enter", null],
  [-1, "ArrowRight", null],
])
  test(`${key} leads from cell ${from} to ${to ?? "nowhere"}`, () => {
    assert.equal(neighbour(from, key, 3, 6), to);
  });

test("in a single column up and down lead from row to row", () => {
  assert.equal(neighbour(1, "ArrowDown", 1, 3), 2);
  assert.equal(neighbour(1, "ArrowUp", 1, 3), 0);
});
