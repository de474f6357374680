import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {ordered, fits, shares, bound} = await load("sift");
const CELLS = [
  {at: "0", numbers: {time: 3}},
  {at: "1", numbers: {}},
  {at: "2", numbers: {time: 1}},
  {at: "3", numbers: {time: 3}},
];
const places = cells => cells.map(cell => cell.at).join("");

test("the order of the plan stays where nothing is sorted by", () => {
  assert.equal(places(ordered(CELLS, "")), "0123");
});

test("equals stay in their order, and what has no number stands last either way", () => {
  assert.equal(places(ordered(CELLS, "time")), "2031");
  assert.equal(places(ordered(CELLS, "time", true)), "0321");
});

test("bounds let through what lies between them, and an empty bound holds nothing back", () => {
  const kept = (low, high) => places(CELLS.filter(cell => fits(cell, "time", low, high)));
  assert.equal(kept(2, null), "03");
  assert.equal(kept(null, 1), "2");
  assert.equal(kept(null, null), "0123");
});

test("the border is as strong as the number, and even numbers have none", () => {
  assert.deepEqual([...shares(CELLS, "time").values()], [1, 0, 0, 1]);
  assert.deepEqual([...shares([{at: "0", numbers: {time: 4}}], "time").values()], [0]);
});

test("a bound may be written with a comma, and nonsense is no bound", () => {
  assert.equal(bound("1,5"), 1.5);
  assert.equal(bound(""), null);
  assert.equal(bound("-"), null);
});
