/** A worker's client by a clock of the test's own: who waits, who asks, what is left to be done behind which response. */

import assert from "node:assert/strict";
import test from "node:test";

import { bootstrapHtml } from "../../client/worker/index.js";
import { boolean, snapshot } from "../worker/documents.js";
import { EDGE, made, settled } from "./worker-hands.js";

/** @param {Promise<unknown>} promise */
async function isSettled(promise) {
  let is = false;
  void promise.then(() => (is = true));
  await settled();
  return is;
}

const never = () => new Promise(() => {});

test("only those wait who come within the first request's bound, and all until its end", async () => {
  const { hands, kv, client, ctx } = made({ timeoutMs: 1000 });
  kv.before = /** @type {any} */ (never);
  const first = client.load(ctx);
  await hands.pass(600);
  const second = client.load(ctx);
  assert.deepEqual([await isSettled(first), await isSettled(second)], [false, false]);
  await hands.pass(405);
  assert.deepEqual([(await first).ready, (await second).ready], [false, false]);
  assert.equal(await isSettled(client.load(ctx)), true, "it does not wait again for what did not come");
  assert.equal(kv.reads, 1);
});

test("what comes in time is there for all who wait", async () => {
  const { hands, kv, behind, client, ctx } = made({ timeoutMs: 1000 });
  let arrive = () => {};
  kv.before = () => new Promise((resolve) => (arrive = () => resolve(undefined)));
  const waiting = [client.load(ctx), client.load(ctx), client.load(ctx)];
  await hands.pass(300);
  arrive();
  await behind[0];
  await hands.pass(10);
  for (const rules of await Promise.all(waiting)) assert.equal(rules.boolean("checkout", { targetingKey: "u1" }, false), true);
  assert.equal(kv.reads, 1);
  assert.equal(hands.timers.length, 0, "no timer is left behind");
});

test("a refresh is begun behind one response an interval, and nobody waits for it", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 30 });
  await client.load(ctx);
  assert.equal(behind.length, 1);
  await hands.pass(29_999);
  await client.load(ctx);
  assert.deepEqual([kv.reads, behind.length], [1, 1]);
  await hands.pass(1);
  kv.before = /** @type {any} */ (never);
  for (let i = 0; i < 5; i++) assert.equal((await client.load(ctx)).ready, true);
  assert.deepEqual([kv.reads, behind.length], [2, 2]);
});

test("a refresh that was cut off with its request is begun anew by another", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 1 });
  await client.load(ctx);
  await hands.pass(1000);
  kv.before = /** @type {any} */ (never);
  await client.load(ctx);
  hands.timers = []; // the request is gone, and its timers with it
  kv.before = undefined;
  kv.body = snapshot(8, [boolean("checkout", { version: 2, on: false })]);
  hands.ms += 30_000;
  await client.load(ctx);
  await behind.at(-1);
  const rules = await client.load(ctx);
  assert.deepEqual([rules.revision, rules.boolean("checkout", {}, true)], ["1.8", false]);
});

test("all of a request sees one revision", async () => {
  const { hands, kv, behind, client, ctx } = made({ kvIntervalS: 1 });
  const rules = await client.load(ctx);
  kv.body = snapshot(8, [boolean("checkout", { version: 2, on: false })]);
  await hands.pass(1000);
  await client.load(ctx);
  await behind.at(-1);
  assert.equal(rules.boolean("checkout", {}, false), true);
  assert.equal((await client.load(ctx)).boolean("checkout", {}, true), false);
});

test("a source that fails is asked less and less often, and soon again where nothing is known", async () => {
  const { hands, kv, client, ctx } = made({ kvIntervalS: 30 });
  kv.before = async () => {
    throw new Error("KV is gone");
  };
  /** @type {number[]} */
  const asked = [];
  for (let ms = 0; ms < 120_000; ms += 250) {
    const before = kv.reads;
    await client.load(ctx);
    await settled();
    if (kv.reads > before) asked.push(hands.ms);
    hands.ms += 250;
  }
  const pauses = asked.slice(1).map((ms, at) => ms - asked[at]);
  assert.deepEqual(pauses.slice(0, 5), [1000, 2000, 4000, 8000, 16_000]);
  assert.equal(hands.warnings.length, 1);
});

test("a client without flags answers the fallback, in whatever kind, and throws nothing", async () => {
  const { client, kv } = made({});
  kv.before = async () => {
    throw new Error("KV is gone");
  };
  const rules = await client.load();
  assert.deepEqual(
    [rules.boolean("a", {}, true), rules.string("a", {}, "x"), rules.number("a", {}, 7), rules.object("a", {}, { b: 1 })],
    [true, "x", 7, { b: 1 }],
  );
  assert.deepEqual([rules.revision, rules.flagsVersion, rules.bootstrapScript({})], ["", "", ""]);
  // @ts-expect-error: an application may get it wrong
  assert.equal(rules.boolean(undefined, null, false), false);
});

test("imported flags that look at the time see it pass", async () => {
  const { hands, kv, client, ctx } = made({});
  const conditions = [{ op: "after", attribute: "currentTime", values: ["2026-03-01T12:01:00Z"] }];
  const rules = [{ id: "later", conditions, serve: { variation: "on" } }];
  const compat = { vendor: "unleash", dialect: "node" };
  kv.body = snapshot(7, [boolean("timed", { rules, compat, fallthrough: { variation: "off" } })]);
  const early = await client.load(ctx);
  assert.equal(early.evaluation("timed", {}, null).reason, "FALLTHROUGH");
  await hands.pass(120_000);
  assert.equal((await client.load(ctx)).evaluation("timed", {}, null).reason, "RULE_MATCH");
});

test("a context that is none, or of a request that is over, costs no answer", async () => {
  const over = {
    waitUntil() {
      throw new Error("the request is over");
    },
  };
  for (const ctx of [over, {}, null, "ctx"]) {
    const { client, hands } = made({ edge: EDGE });
    await client.load(/** @type {any} */ (ctx));
    const rules = await client.load(/** @type {any} */ (ctx));
    assert.equal(rules.boolean("checkout", { targetingKey: "u1" }, false), true);
    assert.equal(rules.boolean("checkout", { targetingKey: "u2" }, false), true);
    assert(hands.warnings.length <= 2, hands.warnings.join());
  }
});

test("where there is no HTMLRewriter a page passes as it is", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { client } = made({});
  const page = new Response("<head></head>", { headers: { "content-type": "text/html" } });
  assert.equal(bootstrapHtml(page, await client.load(), {}), page);
  assert.equal(warn.mock.callCount(), 1);
});

/** A client that knows its flags out of KV and reports to a node; the node itself is asked for nothing here. */
async function counting() {
  const all = made({ edge: EDGE, flushIntervalS: 5, edgeIntervalS: 1e9 });
  await all.client.load(all.ctx);
  return { ...all, rules: await all.client.load(all.ctx) };
}

test("what one request counts is sent behind it, with what others counted meanwhile", async () => {
  const { hands, client, ctx, rules } = await counting();
  for (let i = 0; i < 3; i++) rules.boolean("checkout", { targetingKey: "u1" }, false);
  rules.boolean("gone", {}, false);
  rules.bootstrap({ targetingKey: "u1" });
  (await client.load(ctx)).track("order-value", { targetingKey: "u1" }, { value: 42 });
  assert.equal(hands.posted.length, 0);
  await hands.pass(5000);
  const [batch] = hands.posted;
  assert.equal(hands.posted.length, 1);
  assert.equal(batch.counters.length, 1);
  const [{ flag, variation, reason, count }] = batch.counters;
  assert.deepEqual([flag, variation, reason, count], ["checkout", "on", "FALLTHROUGH", 3]);
  assert.deepEqual(batch.metrics.map((/** @type {any} */ each) => [each.key, each.unit, each.value]), [["order-value", "u1", 42]]);
  assert.deepEqual([batch.revision, batch.sequence], ["1.7", 1]);
  rules.boolean("checkout", {}, false);
  await hands.pass(5000);
  assert.deepEqual([hands.posted[1].instance, hands.posted[1].sequence], [batch.instance, 2]);
});

test("a batch that was not taken is sent again as it was", async () => {
  const { hands, client, rules } = await counting();
  rules.boolean("checkout", {}, false);
  hands.answers = [503, new Error("gone"), 202];
  await hands.pass(5000);
  assert.match(client.status().problem, /events cannot be reported: the node answers 503/);
  rules.boolean("checkout", {}, false);
  await hands.pass(5000);
  await client.flush();
  assert.equal(hands.posted.length, 4);
  const [first, second, third, fourth] = hands.posted;
  assert.deepEqual([second, third], [first, first]);
  assert.deepEqual([fourth.sequence, fourth.counters[0].count], [first.sequence + 1, 1]);
  assert.doesNotMatch(client.status().problem, /events/);
});

test("a batch that is refused is owned up to, and an instance that is unknown begins anew", async () => {
  const { hands, client, rules } = await counting();
  rules.boolean("checkout", {}, false);
  rules.boolean("checkout", {}, false);
  hands.answers = [409];
  await client.flush();
  const [first, second] = hands.posted;
  assert.equal(hands.posted.length, 2);
  assert.notEqual(second.instance, first.instance);
  assert.deepEqual(second.dropped, { evaluations: 2 });
});

test("a worker that reports nothing keeps nothing", async () => {
  const { hands, client, ctx, behind } = made({});
  const rules = await client.load(ctx);
  const before = behind.length;
  rules.boolean("checkout", { targetingKey: "u1" }, false);
  rules.track("order-value", { targetingKey: "u1" });
  await client.flush();
  await hands.pass(60_000);
  assert.deepEqual([behind.length, hands.posted.length], [before, 0]);
});
