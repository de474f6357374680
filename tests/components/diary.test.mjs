import assert from "node:assert/strict";
import test from "node:test";
import {load} from "./load.mjs";

const {joined} = await load("diary");
const said = (choice, when) => ({choice, reason: "", sentence: "", when});
const record = (predictions, more = {}) =>
  JSON.stringify({predictions, before: [], after: [], order: "", ...more});
const join = (stored, mine) => JSON.parse(joined(stored, mine));

test("what two windows of a browser wrote stands beside each other", () => {
  const {predictions} = join(record({cfg: said(1, "10")}), record({seed: said(2, "11")}));
  assert.deepEqual(predictions, {cfg: said(1, "10"), seed: said(2, "11")});
});

test("of one lesson the later prediction stands, and one's own where both are as late", () => {
  const [early, late] = [record({cfg: said(1, "10")}), record({cfg: said(2, "11")})];
  for (const pair of [
    [early, late],
    [late, early],
  ])
    assert.equal(join(...pair).predictions.cfg.choice, 2);
  const again = {...said(1, "10"), sentence: "It shouts."};
  assert.deepEqual(join(early, record({cfg: again})).predictions.cfg, again);
});

test("the first answers to the five questions stand, with their order", () => {
  const first = record({}, {before: [1, 2], order: "ba"});
  const other = record({}, {before: [3, 3], order: "ab"});
  const {before, order, after} = join(first, other);
  assert.deepEqual([before, order, after], [[1, 2], "ba", []]);
  assert.deepEqual(join(first, record({}, {after: [0, 1]})).after, [0, 1]);
});

test("nothing or damage in the storage takes nothing away", () => {
  for (const stored of [null, "", "{", "null", "7"])
    assert.deepEqual(join(stored, record({cfg: said(1, "10")})).predictions, {cfg: said(1, "10")});
});
