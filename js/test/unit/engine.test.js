/** Rule sets through time: deltas, ages, dialects that are loaded or not, exposures. What flags mean is in spec/vectors. */

import assert from "node:assert/strict";
import test from "node:test";

import { compileSnapshot } from "pennon/engine";
import { dialectsFor } from "pennon/engine/dialects";
import { explain } from "pennon/engine/explain";

import { Compiler } from "../../engine/compiler.js";
import { OPERATORS } from "../../engine/operators.js";
import { Rules } from "../../engine/rules.js";

const VARIATIONS = [
  { key: "on", value: true },
  { key: "off", value: false },
];
const flag = (key, more = {}) => ({
  key,
  on: true,
  variations: VARIATIONS,
  fallthrough: { variation: "on" },
  offVariation: "off",
  ...more,
});
const asking = (key, segment) =>
  flag(key, { rules: [{ id: "r", conditions: [{ op: "inSegment", values: [segment] }], serve: { variation: "off" } }] });
const split = (more = {}) => ({
  split: { weights: VARIATIONS.map(({ key }, index) => ({ variation: key, weight: index === 0 ? 100_000 : 0 })), ...more },
});
const USER = { targetingKey: "u1" };

/** Counts how often each flag's text is read. */
function watched(flags) {
  const read = new Map();
  for (const [key, value] of Object.entries(flags)) {
    Object.defineProperty(flags, key, {
      enumerable: true,
      configurable: true,
      get: () => (read.set(key, (read.get(key) ?? 0) + 1), value),
    });
  }
  return read;
}

test("a delta changes what it names, and leaves the rule set before it alone", () => {
  const before = compileSnapshot({ epoch: 1, revision: 4, flags: { a: flag("a"), b: flag("b") } });
  const after = before.updated({ epoch: 1, to: 5, digest: "d", flags: { a: flag("a", { on: false }), b: null, c: flag("c") } });
  assert.deepEqual(
    [before, after].map((rules) => ["a", "b", "c"].map((key) => rules.evaluate(key, USER).reason)),
    [
      ["FALLTHROUGH", "FALLTHROUGH", "ERROR"],
      ["OFF", "ERROR", "FALLTHROUGH"],
    ],
  );
  assert.deepEqual([after.epoch, after.revision, after.snapshot.digest], [1, 5, "d"]);
});

test("a delta reads anew only what it names and what depends on that", () => {
  const segments = { s: { key: "s", included: ["u1"] }, t: { key: "t" } };
  const before = compileSnapshot({
    flags: { a: asking("a", "s"), b: asking("b", "t"), c: flag("c", { prerequisites: [{ flag: "a", variations: ["on"] }] }) },
    segments,
  });
  for (const key of ["a", "b", "c"]) before.evaluate(key, USER);
  const flags = { ...before.snapshot.flags };
  const read = watched(flags);
  const after = before.advanced({ ...before.snapshot, flags, segments: { ...segments, s: { key: "s" } } }, { segments: ["s"] });
  assert.deepEqual(
    ["a", "b", "c"].map((key) => after.evaluate(key, USER).reason),
    ["FALLTHROUGH", "FALLTHROUGH", "FALLTHROUGH"],
  );
  assert.equal(before.evaluate("a", USER).reason, "RULE_MATCH");
  assert.equal(read.get("b"), undefined);
  assert.ok(read.get("a") > 0 && read.get("c") > 0);
});

test("a layer's change reaches the flags whose experiments are in it", () => {
  const experiment = { key: "e", layer: "l", otherwise: "off" };
  const layer = (owner) => ({ key: "l", salt: "q", slots: [{ from: 0, to: 100_000, experiment: owner }] });
  const before = compileSnapshot({ flags: { a: flag("a", { fallthrough: split({ experiment }) }) }, layers: { l: layer("e") } });
  assert.equal(before.evaluate("a", USER).variation, "on");
  const after = before.updated({ layers: { l: layer("f") } });
  assert.equal(after.evaluate("a", USER).variation, "off");
});

test("affectedBy names the flags that a change may reach, through segments and prerequisites", () => {
  const needs = flag("c", { prerequisites: [{ flag: "a", variations: ["on"] }] });
  const rules = compileSnapshot({ flags: { a: asking("a", "s"), b: flag("b"), c: needs }, segments: { s: { key: "s" } } });
  assert.deepEqual(rules.affectedBy({ segments: ["s"] }).sort(), ["a", "c"]);
  assert.deepEqual(rules.affectedBy({ flags: { b: null } }), ["b"]);
  const later = rules.updated({ flags: { a: flag("a") } });
  assert.deepEqual(later.affectedBy({ segments: ["s"] }), []);
});

test("flags answer STALE from the age on that they bear, also after deltas", () => {
  const staleness = { maxAgeS: 60, serve: { variation: "off" } };
  const young = compileSnapshot({ flags: { a: flag("a", { staleness }), b: flag("b") } });
  assert.equal(young.nextStaleness(0), 60);
  assert.equal(young.aged(60), young);
  const old = young.aged(61);
  assert.deepEqual(
    ["a", "b"].map((key) => old.evaluate(key, USER).reason),
    ["STALE", "FALLTHROUGH"],
  );
  assert.equal(old.nextStaleness(61), undefined);
  assert.equal(old.updated({ flags: { b: flag("b", { staleness }) } }).evaluate("b", USER).reason, "STALE");
  assert.equal(old.updated({ flags: { a: flag("a") } }).evaluate("a", USER).reason, "FALLTHROUGH");
  assert.equal(old.aged(0).evaluate("a", USER).reason, "FALLTHROUGH");
});

test("an imported flag says what to load, and answers when that is loaded", async () => {
  const imported = flag("a", { compat: { vendor: "launchdarkly", dialect: "node" } });
  const snapshot = { flags: { a: imported, b: flag("b") } };
  const without = compileSnapshot(snapshot).evaluate("a", USER, "mine");
  assert.deepEqual([without.value, without.errorCode], ["mine", "PARSE_ERROR"]);
  assert.match(without.errorMessage, /dialectsFor\(snapshot\).*pennon\/engine\/dialects/);
  const rules = compileSnapshot(snapshot, { dialects: await dialectsFor(snapshot) });
  assert.equal(rules.evaluate("a", USER).variation, "on");
  assert.equal(rules.evaluate("a", {}).errorCode, "TARGETING_KEY_MISSING");
});

test("a flag that needs a part which is not loaded is broken, and no other value", () => {
  const rule = (condition) => ({ rules: [{ id: "r", conditions: [condition], serve: { variation: "off" } }] });
  const flags = {
    alone: flag("alone"),
    needing: flag("needing", { prerequisites: [{ flag: "alone", variations: ["on"] }] }),
    listing: asking("listing", "s"),
    layered: flag("layered", { fallthrough: split({ experiment: { key: "e", layer: "l", otherwise: "off" } }) }),
    matching: flag("matching", rule({ op: "matches", attribute: "plan", values: ["p"] })),
    later: flag("later", rule({ op: "after", attribute: "at", values: ["2026-01-01T00:00:00Z"] })),
    imported: flag("imported", { compat: { vendor: "unleash", dialect: "node" } }),
  };
  const snapshot = { flags, segments: { s: { key: "s" } }, layers: { l: { key: "l" } } };
  const rules = new Rules(new Compiler(snapshot, {}, OPERATORS));
  const codes = Object.keys(flags).map((key) => rules.evaluate(key, USER).errorCode);
  assert.deepEqual(codes, [null, ...Array(6).fill("PARSE_ERROR")]);
});

test("a delta may bring a dialect that was not needed before", async () => {
  const delta = { flags: { a: flag("a", { compat: { vendor: "unleash", dialect: "node" } }) } };
  const before = compileSnapshot({ flags: {} });
  assert.equal(before.updated(delta).evaluate("a", USER).errorCode, "PARSE_ERROR");
  assert.equal(before.updated(delta, { dialects: await dialectsFor(delta) }).evaluate("a", USER).variation, "on");
});

test("dialects that nobody knows are not among those that are loaded", async () => {
  const of = (vendor) => ({
    flags: { a: { compat: { vendor, dialect: "x" } }, b: null, c: 5 },
    segments: { s: { compat: { vendor: 7 } } },
  });
  assert.deepEqual(await dialectsFor(of("acme")), {});
  assert.deepEqual(await dialectsFor(of("constructor")), {});
  assert.deepEqual(await dialectsFor(null), {});
  assert.deepEqual(Object.keys(await dialectsFor(of("flagd"))), ["flagd"]);
});

test("an imported flag is told the time by the clock, unless the caller says it", async () => {
  const value = { contextName: "currentTime", operator: "DATE_AFTER", value: "2024-01-01T00:00:00Z" };
  const rules = [{ id: "r", conditions: [{ op: "expression", value }], serve: { variation: "off" } }];
  const snapshot = { flags: { a: flag("a", { rules, compat: { vendor: "unleash", dialect: "node" } }) } };
  const timed = compileSnapshot(snapshot, { dialects: await dialectsFor(snapshot), clock: () => Date.UTC(2025, 0) / 1000 });
  assert.equal(timed.evaluate("a", USER).variation, "off");
  assert.equal(timed.evaluate("a", USER, null, Date.UTC(2023, 0) / 1000).variation, "on");
});

test("exposures are told with their site, of experiments only unless the flag wants all", () => {
  const told = [];
  const experiment = { key: "e", layer: null, otherwise: null };
  const flags = {
    a: flag("a", { version: 3, fallthrough: split({ experiment, by: "org" }) }),
    b: flag("b"),
    c: flag("c", { exposures: "all" }),
    d: flag("d", { exposures: "none", fallthrough: split({ experiment }) }),
    e: flag("e", { prerequisites: [{ flag: "c", variations: ["on"] }] }),
  };
  const rules = compileSnapshot({ flags }, { exposed: (site, context) => told.push([site, context]) });
  const context = { ...USER, org: "o1" };
  for (const key of Object.keys(flags)) rules.evaluate(key, context);
  explain(rules, "a", context);
  assert.deepEqual(told, [
    [{ flag: "a", version: 3, variation: "on", ruleId: null, experiment: "e", by: "org" }, context],
    [{ flag: "c", version: 1, variation: "on", ruleId: null, experiment: null, by: "targetingKey" }, context],
  ]);
});

test("the same answer is the same object, for defaults that are the same", () => {
  const rules = compileSnapshot({ flags: { a: flag("a"), b: flag("b", { on: false, offVariation: null }) } });
  assert.equal(rules.evaluate("a", USER, 1), rules.evaluate("a", { targetingKey: "u2" }, 2));
  assert.equal(rules.evaluate("b", USER, 1), rules.evaluate("b", USER, 1));
  assert.deepEqual([rules.evaluate("b", USER, 1).value, rules.evaluate("b", USER, 2).value], [1, 2]);
  assert.ok(Object.isFrozen(rules.evaluate("b", USER, 1)));
});

test("what every object inherits is no flag, no segment and no attribute", () => {
  const inherited = asking("a", "constructor");
  const rules = compileSnapshot({ flags: { a: inherited, b: flag("b", { fallthrough: split({ by: "valueOf" }) }) } });
  assert.equal(rules.evaluate("toString", USER).errorCode, "FLAG_NOT_FOUND");
  assert.equal(rules.evaluate("a", USER).errorCode, "PARSE_ERROR");
  assert.equal(rules.evaluate("b", USER).errorCode, "TARGETING_KEY_MISSING");
});

test("a context that throws when it is read, throws nothing at the caller, and its explanation says where", () => {
  const rules = compileSnapshot({ flags: { a: flag("a", { targets: [{ attribute: "org", values: ["o"], variation: "off" }] }) } });
  const hostile = {
    get org() {
      throw new Error("boo");
    },
  };
  assert.equal(rules.evaluate("a", hostile, 7).errorCode, "GENERAL");
  assert.deepEqual(
    explain(rules, "a", hostile, 7).steps.map(({ what, why }) => [what, why]),
    [
      ["off", "the flag is on"],
      ["target", "reading the context failed here"],
      ["fallthrough", "not reached"],
      ["error", "GENERAL: while reading the context: boo"],
    ],
  );
});
