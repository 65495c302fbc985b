/** What web vitals are made of, by hand. In a browser they are measured in test/browser/vitals.test.js. */

import assert from "node:assert/strict";
import test from "node:test";

import { Interactions, measureVitals, Shifts } from "../../client/browser/vitals.js";

function cls(...entries) {
  const shifts = new Shifts();
  for (const [startTime, value, hadRecentInput = false] of entries) shifts.add({ startTime, value, hadRecentInput });
  return Number(shifts.worst.toFixed(6));
}

/** Interactions of these latencies, one after the other; the ids rise by seven. */
function inp(latencies, total) {
  const interactions = new Interactions();
  latencies.forEach((duration, at) => interactions.add({ interactionId: 7 * at + 3, entryType: "event", duration }));
  return interactions.latency(total);
}

test("shifts within a second of each other add up", () => {
  assert.equal(cls(), 0);
  assert.equal(cls([0, 0.1], [999, 0.1], [1998, 0.1]), 0.3);
  assert.equal(cls([0, 0.1], [1000, 0.1]), 0.1, "a second without a shift ends a window");
});

test("a window lasts five seconds at most, and the worst one counts", () => {
  const every900 = [0, 900, 1800, 2700, 3600, 4500, 5400].map((at) => [at, 0.1]);
  assert.equal(cls(...every900), 0.6);
  assert.equal(cls([0, 0.3], [5000, 0.1], [5500, 0.1]), 0.3);
  assert.equal(cls([0, 0.1], [5000, 0.1], [5500, 0.3]), 0.4);
});

test("shifts that follow an input are not counted, and end no window", () => {
  assert.equal(cls([0, 0.5, true]), 0);
  assert.equal(cls([0, 0.1], [500, 0.5, true], [900, 0.1]), 0.2);
});

test("of few interactions the worst counts", () => {
  assert.equal(inp([]), null);
  assert.equal(inp([40]), 40);
  assert.equal(inp([40, 300, 56]), 300);
  assert.equal(inp(Array(49).fill(40).concat(500)), 40, "from fifty on, one is left out of account");
  assert.equal(inp(Array(48).fill(40).concat(500)), 500);
});

test("of many interactions one in fifty is left out", () => {
  const latencies = Array.from({ length: 200 }, (_, at) => at + 1);
  assert.equal(inp(latencies), 196);
  assert.equal(inp(latencies.toReversed()), 196);
  assert.equal(inp(Array.from({ length: 2000 }, (_, at) => at + 1)), 1991, "never below the ten longest");
});

test("the browser's own number of interactions goes before the one that ids tell", () => {
  assert.equal(inp([300, 200], 49), 300);
  assert.equal(inp([300, 200], 50), 200);
});

test("the entries of one interaction are one, as long as the longest", () => {
  const interactions = new Interactions();
  for (const duration of [80, 120, 96]) interactions.add({ interactionId: 3, entryType: "event", duration });
  interactions.add({ interactionId: 10, entryType: "event", duration: 48 });
  assert.equal(interactions.latency(), 120);
  assert.equal(interactions.counted, 2);
});

test("entries that are no interaction are none, beside the first input", () => {
  const interactions = new Interactions();
  interactions.add({ interactionId: 0, entryType: "event", duration: 900 });
  assert.equal(interactions.latency(), null);
  interactions.add({ entryType: "first-input", duration: 16 });
  assert.equal(interactions.latency(), 16);
});

test("a view that comes back counts its own interactions only", () => {
  const before = new Interactions();
  before.add({ interactionId: 3, entryType: "event", duration: 500 });
  assert.equal(before.latency(60), 500);
  const after = new Interactions(before.counted);
  after.add({ interactionId: 900, entryType: "event", duration: 80 });
  after.add({ interactionId: 907, entryType: "event", duration: 64 });
  assert.equal(after.latency(62), 80);
});

test("without a page nothing is measured, and nothing fails", () => {
  measureVitals({ track: assert.fail }, { sample: 1 })();
});
