/** OFREP in an isolate: what the tag of an answer goes by. What answers say is held to a real server's in test/worker. */

import assert from "node:assert/strict";
import test from "node:test";

import { compileSnapshot } from "pennon/engine";
import { dialectsFor } from "pennon/engine/dialects";

import { Compiled } from "../../client/worker/compiled.js";
import { answerOfrep } from "../../client/worker/ofrep.js";
import { Rules } from "../../client/worker/rules.js";
import { boolean } from "../worker/documents.js";

const GERMANY = { id: "r1", conditions: [{ op: "in", attribute: "country", values: ["DE"] }], serve: { variation: "off" } };

/** Rules of *flags*, of which nothing is counted. */
async function rulesOf(/** @type {any[]} */ flags, { ageS = 0, clock = () => 0 } = {}) {
  const snapshot = { epoch: 1, revision: 7, flags: Object.fromEntries(flags.map((flag) => [flag.key, flag])) };
  /** @type {any} */
  let site = null;
  const options = { dialects: await dialectsFor(snapshot), clock, exposed: (/** @type {any} */ found) => void (site = found) };
  const compiled = new Compiled(compileSnapshot(snapshot, options), options).aged(ageS);
  const report = {
    evaluated: () => {},
    saw: () => {},
    silently: (/** @type {any} */ evaluate) => evaluate(),
    sited: (/** @type {any} */ evaluate) => {
      site = null;
      return [evaluate(), site];
    },
  };
  const standing = { environment: "shop/production", position: { epoch: 1, revision: 7 }, flagsVersion: "v7_00000000", ageS, atMs: 0 };
  return new Rules(compiled, standing, /** @type {any} */ (report));
}

/** @param {Rules} rules @param {{ context?: any, tag?: string, how?: any }} [asked] */
async function ask(rules, { context = { targetingKey: "u1" }, tag = "", how } = {}) {
  const headers = { "content-type": "application/json", ...(tag && { "if-none-match": tag }) };
  const request = new Request("https://edge.example/ofrep/v1/evaluate/flags", { method: "POST", headers, body: JSON.stringify({ context }) });
  const answer = /** @type {Response} */ (await answerOfrep(request, rules, how));
  const text = await answer.text();
  return { status: answer.status, tag: answer.headers.get("etag") ?? "", flags: text === "" ? null : JSON.parse(text).flags };
}

test("another isolate gives the same answer the same tag, and each context one of its own", async () => {
  const flags = [boolean("checkout", { rules: [GERMANY] }), boolean("banner", { on: false })];
  const [here, there] = [await rulesOf(flags), await rulesOf(flags)];
  const first = await ask(here);
  assert.deepEqual([first.status, first.flags.map((/** @type {any} */ { key, value, metadata }) => [key, value, metadata.revision])], [
    200,
    [["banner", false, "1.7"], ["checkout", true, "1.7"]],
  ]);
  assert.deepEqual([(await ask(there, { tag: first.tag })).status, (await ask(here, { tag: first.tag })).status], [304, 304]);
  const other = await ask(here, { context: { targetingKey: "u1", country: "DE" }, tag: first.tag });
  assert.deepEqual([other.status, other.flags[1].value], [200, false]);
});

test("a flag that has become stale has another tag, at the same revision", async () => {
  const flags = [boolean("checkout", { staleness: { maxAgeS: 60, serve: { variation: "off" } } })];
  const young = await ask(await rulesOf(flags));
  const old = await ask(await rulesOf(flags, { ageS: 61 }), { tag: young.tag });
  assert.deepEqual([young.flags[0].value, old.status, old.flags[0].value], [true, 200, false]);
});

test("where imported flags look at the time the tag goes by what they answer", async () => {
  const value = { contextName: "currentTime", operator: "DATE_AFTER", value: "2024-01-01T00:00:00Z" };
  const rules = [{ id: "r1", conditions: [{ op: "expression", value }], serve: { variation: "off" } }];
  const flags = [boolean("checkout", { rules, compat: { vendor: "unleash", dialect: "node" } })];
  const at = (/** @type {number} */ year) => rulesOf(flags, { clock: () => Date.UTC(year, 1) / 1000 });
  const before = await ask(await at(2022));
  assert.equal((await ask(await at(2023), { tag: before.tag })).status, 304);
  const after = await ask(await at(2025), { tag: before.tag });
  assert.deepEqual([before.flags[0].value, after.status, after.flags[0].value], [true, 200, false]);
});

test("what a worker puts into a context need not be JSON", async () => {
  const rules = await rulesOf([boolean("checkout", { rules: [GERMANY] })]);
  const how = { context: (/** @type {any} */ sent) => ({ ...sent, country: "DE", visits: 7n }) };
  const { status, tag, flags } = await ask(rules, { how });
  assert.deepEqual([status, flags[0].value], [200, false]);
  assert.equal((await ask(rules, { how, tag })).status, 304);
});

test("an entry says its revision, and its exposure, whatever was answered before", async () => {
  const flags = [boolean("seen", { exposures: "all" }), boolean("waiting", { offVariation: null, on: false })];
  const rules = await rulesOf(flags);
  const [first, again] = [await ask(rules), await ask(rules, { context: { targetingKey: "u2" } })];
  assert.deepEqual(first.flags, again.flags);
  assert.deepEqual(first.flags, [
    { key: "seen", reason: "DEFAULT", variant: "on", value: true, metadata: { revision: "1.7", exposureBy: "targetingKey", flagVersion: 1 } },
    { key: "waiting", reason: "DISABLED", variant: null, metadata: { revision: "1.7", flagVersion: 1 } },
  ]);
});
