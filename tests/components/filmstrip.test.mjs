import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {nearest} = await load("filmstrip");
const STOPS = [{at: 0}, {at: 0.4}, {at: 1}];

for (const [share, stop] of [
  [0, 0],
  [0.19, 0],
  [0.21, 1],
  [0.9, 2],
  [7, 2],
])
  test(`at ${share} of the way the scrubber rests on stop ${stop}`, () => {
    assert.equal(nearest(STOPS, share), stop);
  });
