import assert from "node:assert/strict";
import test from "node:test";

import { Recorder } from "../../events/index.js";
import { Sightings } from "../../events/sightings.js";

const ON = { variation: "on", reason: "SPLIT", flagVersion: 3 };
const EXPOSURE = { flag: "checkout", version: 3, variation: "on", ruleId: null, experiment: "exp", by: "targetingKey", unit: "u1" };
const METRIC = { by: "targetingKey", unit: "u1", value: 2.5 };

test("evaluations with one flag, version, variation and reason are one counter", () => {
  const recorder = new Recorder();
  for (const now of [1000, 2000]) recorder.evaluated("checkout", ON, now);
  recorder.evaluated("checkout", { ...ON, variation: "off" }, 3000);
  recorder.evaluated("gone", { variation: null, reason: "ERROR", flagVersion: null }, 3000);
  assert.deepEqual(recorder.take(5000), {
    counters: [
      { flag: "checkout", version: 3, variation: "on", reason: "SPLIT", count: 2, from: 1000, to: 5000 },
      { flag: "checkout", version: 3, variation: "off", reason: "SPLIT", count: 1, from: 3000, to: 5000 },
      { flag: "gone", version: null, variation: null, reason: "ERROR", count: 1, from: 3000, to: 5000 },
    ],
    exposures: [],
    metrics: [],
    dropped: {},
  });
  assert.equal(recorder.take(6000), null);
});

test("a clock that goes back makes no counter that ends before it begins", () => {
  const recorder = new Recorder();
  recorder.evaluated("checkout", ON, 5000);
  assert.equal(recorder.take(1000).counters[0].to, 5000);
});

test("what does not fit is dropped, and owned up to exactly", () => {
  const recorder = new Recorder({ limits: { counters: 2, exposures: 1, metrics: 1 } });
  for (const flag of ["a", "b", "c", "c", "a"]) recorder.evaluated(flag, ON, 0);
  for (const unit of ["u1", "u2", "u3"]) recorder.exposed({ ...EXPOSURE, unit }, 0);
  assert.deepEqual(
    [1, 2].map((value) => recorder.tracked("worth", { ...METRIC, value }, 0)),
    [true, false],
  );
  const batch = recorder.take(1);
  assert.deepEqual(batch.dropped, { evaluations: 2, exposures: 2, metrics: 1 });
  assert.deepEqual(
    batch.counters.map(({ flag, count }) => [flag, count]),
    [
      ["a", 2],
      ["b", 1],
    ],
  );
  assert.equal(recorder.take(2), null);
});

test("a batch that never arrives is owned up to by the next, with what it had owned up to itself", () => {
  const recorder = new Recorder({ limits: { counters: 1 } });
  for (const flag of ["a", "a", "b"]) recorder.evaluated(flag, ON, 0);
  recorder.exposed(EXPOSURE, 0);
  recorder.tracked("worth", METRIC, 0);
  recorder.lost(recorder.take(1));
  assert.deepEqual(recorder.take(2), { counters: [], exposures: [], metrics: [], dropped: { evaluations: 3, exposures: 1, metrics: 1 } });
});

test("a batch has no more entries, and no more characters, than fit; the rest comes next and nothing is lost", () => {
  const recorder = new Recorder({ limits: { batch: 3, characters: 500 } });
  for (let i = 0; i < 8; i++) {
    recorder.evaluated(`flag-${i}`, ON, 0);
    recorder.tracked("worth", { ...METRIC, value: i }, 0);
  }
  recorder.evaluated("flag-7", ON, 0);
  const batches = [];
  for (let batch = recorder.take(1); batch !== null; batch = recorder.take(1)) batches.push(batch);
  for (const batch of batches) {
    assert.ok(batch.counters.length <= 3 && batch.metrics.length <= 3);
    assert.ok([...batch.counters, ...batch.metrics].reduce((sum, entry) => sum + JSON.stringify(entry).length, 0) <= 500);
  }
  assert.deepEqual(
    batches.flatMap(({ counters }) => counters.map(({ count }) => count)),
    [1, 1, 1, 1, 1, 1, 1, 2],
  );
  assert.deepEqual(
    batches.flatMap(({ metrics }) => metrics.map(({ value }) => value)),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(recorder.size, 0);
});

test("what no batch may carry is dropped: no text, a NUL, half a surrogate pair, endless text, numbers that are none", () => {
  const recorder = new Recorder();
  for (const unit of ["", "a\0b", "\ud800", "u".repeat(4097)]) recorder.exposed({ ...EXPOSURE, unit }, 0);
  for (const key of ["", "a\0", "\udfff!", "k".repeat(257), 7]) assert.equal(recorder.tracked(key, METRIC, 0), false);
  for (const value of [NaN, Infinity, "1", null]) assert.equal(recorder.tracked("worth", { ...METRIC, value }, 0), false);
  recorder.evaluated("f".repeat(257), ON, 0);
  assert.deepEqual(recorder.take(0).dropped, { evaluations: 1, exposures: 4, metrics: 9 });
  assert.ok(recorder.tracked("Łódź 🚀", { ...METRIC, unit: "u".repeat(4096) }, 0));
});

test("a unit sees a variation once an hour, and another variation at once", () => {
  const sightings = new Sightings();
  const hour = 3_600_000;
  assert.deepEqual(
    [0, 1, hour - 1, hour, hour + 1].map((now) => sightings.isNew(EXPOSURE, now)),
    [true, false, false, true, false],
  );
  assert.equal(sightings.isNew({ ...EXPOSURE, variation: "off" }, hour + 2), true);
  assert.equal(sightings.isNew({ ...EXPOSURE, unit: "u2" }, hour + 2), true);
  assert.equal(sightings.isNew({ ...EXPOSURE, by: "org" }, hour + 2), true);
});

test("what a unit saw is remembered for this hour and the one before", () => {
  const sightings = new Sightings();
  sightings.isNew(EXPOSURE, 0);
  sightings.isNew({ ...EXPOSURE, flag: "theme", variation: "dark" }, 3_600_000);
  assert.deepEqual(sightings.of("targetingKey", "u1"), { checkout: "on", theme: "dark" });
  sightings.isNew({ ...EXPOSURE, unit: "other" }, 7_200_000);
  assert.deepEqual(sightings.of("targetingKey", "u1"), { theme: "dark" });
  assert.deepEqual(sightings.of("targetingKey", "nobody"), {});
});

test("memory for units is bounded: the latest are remembered", () => {
  const sightings = new Sightings({ units: 10 });
  for (let i = 0; i < 1000; i++) sightings.isNew({ ...EXPOSURE, unit: `u${i}` }, 0);
  const remembered = Array.from({ length: 1000 }, (_, i) => Object.keys(sightings.of("targetingKey", `u${i}`)).length);
  assert.ok(remembered.reduce((sum, each) => sum + each) <= 20);
  assert.ok(remembered.slice(-10).every((each) => each === 1));
});
