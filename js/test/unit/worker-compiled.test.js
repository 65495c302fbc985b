/** What stays compiled in an isolate: as much as there is room for, and all that a later document has not changed. */

import assert from "node:assert/strict";
import test from "node:test";

import { compileSnapshot } from "pennon/engine";

import { Compiled } from "../../client/worker/compiled.js";
import { boolean, snapshot } from "../worker/documents.js";
import { made } from "./worker-hands.js";

const GERMANS = { op: "inSegment", attribute: null, values: ["germans"] };
/** @param {string} country */
const germans = (country) => ({
  key: "germans",
  version: country === "DE" ? 1 : 2,
  rules: [{ id: "r1", conditions: [{ op: "in", attribute: "country", values: [country] }] }],
});

/**
 * Return what *reading* brings, a document in slices.
 * @template T
 * @param {import("./worker-hands.js").Hands} hands
 * @param {Promise<T> | undefined} reading
 */
async function read(hands, reading) {
  let isRead = false;
  const end = Promise.resolve(reading).finally(() => (isRead = true));
  while (!isRead) await hands.pass(0);
  return /** @type {Promise<T>} */ (end);
}

test("who asks for more flags than there is room for finds most of them still compiled", () => {
  const keys = Array.from({ length: 1000 }, (_, at) => `flag-${at}`);
  const rules = compileSnapshot({ flags: Object.fromEntries(keys.map((key) => [key, boolean(key)])) });
  const compiled = new Compiled(rules, {}, { most: 800 });
  /** An evaluation is the same object for as long as its flag stays compiled. @type {Map<string, unknown>} */
  const found = new Map();
  let anew = 0;
  for (let round = 0; round < 10; round++) {
    for (const key of keys) {
      const evaluation = compiled.evaluate(key, {}, false);
      assert.equal(evaluation.value, true);
      assert(rules.compiled.size <= 800);
      if (found.get(key) !== evaluation) anew++;
      found.set(key, evaluation);
    }
  }
  assert(anew > 1000, "not all of them have room");
  assert(anew < 8000, `${anew} of 10,000 were compiled`);
});

test("of a whole document that follows on another one, only what differs is compiled anew", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 1 });
  const same = boolean("same");
  const rule = { id: "r1", conditions: [GERMANS], serve: { variation: "off" } };
  const reached = boolean("reached", { rules: [rule] });
  kv.body = snapshot(7, [same, reached, boolean("changed"), boolean("gone")], { segments: { germans: germans("DE") } });
  const before = await client.load(ctx);
  const context = { targetingKey: "u1", country: "DE" };
  const kept = before.evaluation("same", context, null);
  assert.deepEqual(
    ["reached", "changed", "gone", "new"].map((key) => before.evaluation(key, context, null).value),
    [false, true, true, null],
  );
  const changed = boolean("changed", { version: 2, on: false });
  kv.body = snapshot(8, [boolean("new"), changed, reached, same], { segments: { germans: germans("AT") } });
  await hands.pass(1000);
  await client.load(ctx);
  await behind.at(-1);
  const after = await client.load(ctx);
  assert.equal(after.revision, "1.8");
  assert.equal(after.evaluation("same", context, null), kept, "it was not compiled again");
  assert.deepEqual(
    ["reached", "changed", "gone", "new"].map((key) => after.evaluation(key, context, null).value),
    [true, false, null, true],
  );
  assert.equal(after.evaluation("gone", context, null).errorCode, "FLAG_NOT_FOUND");
  assert.deepEqual(after.clientSide(context).map(([key]) => key), ["changed", "new", "reached", "same"]);
  assert.equal(before.evaluation("changed", context, null).value, true, "a request that has begun goes on with what it has");
});

test("an item is another one by its hash, also where its version is the same", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 1 });
  assert.equal((await client.load(ctx)).boolean("checkout", {}, false), true);
  kv.body = snapshot(8, [boolean("checkout", { on: false })]);
  await hands.pass(1000);
  await client.load(ctx);
  await behind.at(-1);
  assert.equal((await client.load(ctx)).boolean("checkout", {}, true), false);
});

test("a document in which all is new is answered by, and by the one before it meanwhile", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 1, timeoutMs: 60_000 });
  const flags = (/** @type {object} */ rest) => Array.from({ length: 1500 }, (_, at) => boolean(`flag-${at}`, rest));
  kv.body = snapshot(7, flags({}));
  const before = await read(hands, client.load(ctx));
  const values = (/** @type {typeof before} */ rules) => {
    return rules.clientSide({}).map(([, { value, flagVersion }]) => `${value} ${flagVersion}`);
  };
  assert.deepEqual(new Set(values(before)), new Set(["true 1"]));
  kv.body = snapshot(8, flags({ version: 2, on: false }));
  await hands.pass(1000);
  await client.load(ctx);
  await read(hands, behind.at(-1));
  assert.deepEqual(new Set(values(await client.load(ctx))), new Set(["false 2"]));
  assert.deepEqual(new Set(values(before)), new Set(["true 1"]));
});
