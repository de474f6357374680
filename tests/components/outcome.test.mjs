import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {isNewer, sinceStroke} = await load("outcome");

test("a picture that was asked for earlier never takes the place of a later one", () => {
  assert.ok(isNewer(undefined, 3));
  assert.ok(isNewer(3, 4));
  assert.ok(isNewer(4, 4));
  assert.ok(!isNewer(4, 3));
});

test("the time is counted from the stroke's own end, and not told of strokes made elsewhere", () => {
  const marks = name => (name === "sdplay-stroke-7" ? [{startTime: 900}] : []);
  assert.equal(sinceStroke(7, 1250, marks), 350);
  assert.equal(sinceStroke(8, 1250, marks), null);
});
