import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {beside} = await load("exhibit");
const wall = [{source: "a"}, {source: ""}, {source: "c"}];

test("the next picture is the next that is there, around the end", () => {
  assert.equal(beside(wall, 0, 1), 2);
  assert.equal(beside(wall, 2, 1), 0);
  assert.equal(beside(wall, 0, -1), 2);
});

test("an empty wall has no next picture", () => {
  assert.equal(beside([{source: ""}], 0, 1), -1);
});
