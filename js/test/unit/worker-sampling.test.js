/** The sample of contexts that a worker takes: what is in it, what never is, and that it costs no request much. */

import assert from "node:assert/strict";
import test from "node:test";

import { answerOfrep } from "../../client/worker/index.js";
import { boolean, snapshot } from "../worker/documents.js";
import { EDGE, made } from "./worker-hands.js";

/** A flag that looks at an attribute. @param {string} attribute @param {string} [key] @param {object} [rest] */
function asking(attribute, key = "checkout", rest = {}) {
  const conditions = [{ attribute, op: "in", values: ["DE"], negate: false, ignoreCase: false }];
  return boolean(key, { rules: [{ id: "r", conditions, serve: { variation: "off" } }], ...rest });
}

const WHO = { targetingKey: "u1", country: "DE", email: "u1@mail.example" };

/** @param {object} [options] @param {any[]} [flags] */
async function sampling(options = {}, flags = [asking("country")]) {
  const world = made({ edge: EDGE, sampleContexts: true, flushIntervalS: 5, ...options });
  world.kv.body = snapshot(7, flags);
  /** @type {import("../../client/worker/index.js").Rules | undefined} */
  let rules;
  void world.client.load(world.ctx).then((loaded) => (rules = loaded));
  // A large document is read with pauses, which end by this clock.
  while (rules === undefined) await world.hands.pass(0);
  return { ...world, rules };
}

/** Let what was gathered be sent; return the contexts. @param {Awaited<ReturnType<typeof sampling>>} world */
async function sent({ hands }) {
  const before = hands.posted.length;
  await hands.pass(6000);
  return hands.posted.slice(before).flatMap(({ contexts = [] }) => contexts.map((/** @type {any} */ each) => each.context));
}

test("whom a worker evaluates for is sent once, behind a request, with what rules look at and is not private", async () => {
  const world = await sampling({ privateAttributes: ["email"] }, [asking("country"), asking("email", "other")]);
  for (let i = 0; i < 3; i++) world.rules.boolean("checkout", WHO, false);
  assert.deepEqual(await sent(world), [{ targetingKey: "u1", country: "DE" }]);
  world.rules.boolean("other", WHO, false);
  assert.deepEqual(await sent(world), []);
  assert.deepEqual(world.hands.warnings, []);
  const [{ counters, contexts }] = world.hands.posted;
  assert.equal(counters[0].count, 3);
  assert(contexts[0].time > 1_772_366_400_000);
});

test("nothing is sampled unless told, and no bootstrap unless the application says whose", async () => {
  const untold = await sampling({ sampleContexts: undefined });
  untold.rules.boolean("checkout", WHO, false);
  assert.deepEqual(await sent(untold), []);
  assert.equal(untold.hands.posted[0].contexts, undefined);
  const told = await sampling();
  told.rules.bootstrap(WHO);
  assert.deepEqual(await sent(told), []);
  told.rules.sample(WHO);
  assert.deepEqual(await sent(told), [{ targetingKey: "u1", country: "DE" }]);
});

test("who asks by OFREP is sampled where the application says so, and who asks does not forbid it", async () => {
  const world = await sampling();
  /** @param {string} path @param {any} body @param {object} [headers] @param {object} [how] */
  const ask = async (path, body, headers = {}, how = { sample: true }) => {
    const url = `https://worker.example/ofrep/v1/evaluate/flags${path}`;
    const init = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
    const answer = await answerOfrep(new Request(url, init), world.rules, how);
    assert.equal(answer?.status, 200);
  };
  for (const path of ["", "/checkout"]) {
    const context = { ...WHO, targetingKey: `u${path}` };
    await ask(path, { context }, {}, {});
    await ask(path, { context }, { "sec-gpc": "1" });
    for (const all of [true, "country", 7, { country: true }, ["country", 7], null]) await ask(path, { context, private: all });
    assert.deepEqual(await sent(world), []);
    await ask(path, { context, private: ["country"] });
    await ask(path, { context, private: false }, { "sec-gpc": "0" });
    assert.deepEqual(await sent(world), [{ targetingKey: `u${path}` }, { targetingKey: `u${path}`, country: "DE" }]);
  }
});

test("a large state is looked through behind many requests, and nobody is sampled with half of it", async () => {
  const flags = Array.from({ length: 250 }, (_, at) => asking(at === 249 ? "plan" : "country", `flag-${String(at).padStart(3, "0")}`));
  const world = await sampling({}, flags);
  world.rules.boolean("flag-000", { ...WHO, plan: "pro" }, false);
  const second = await world.client.load(world.ctx);
  second.boolean("flag-000", { ...WHO, plan: "pro" }, false);
  assert.deepEqual(await sent(world), []);
  const third = await world.client.load(world.ctx);
  third.boolean("flag-000", { ...WHO, plan: "pro" }, false);
  assert.deepEqual(await sent(world), [{ targetingKey: "u1", country: "DE", plan: "pro" }]);
});

test("another state is followed, also one that is empty", async () => {
  const world = await sampling({ kvIntervalS: 1 });
  for (const [revision, flags, expected] of /** @type {[number, any[], object][]} */ ([
    [8, [asking("plan", "checkout", { version: 2 })], { targetingKey: "u1", plan: "pro" }],
    [9, [], { targetingKey: "u1" }],
  ])) {
    world.kv.body = snapshot(revision, flags);
    await world.hands.pass(60_000);
    await world.client.load(world.ctx);
    await world.behind.at(-1);
    const rules = await world.client.load(world.ctx);
    assert.equal(rules.revision, `1.${revision}`);
    rules.sample({ ...WHO, plan: "pro" });
    assert.deepEqual(await sent(world), [expected]);
  }
});

test("settings that cannot be are said, and nobody is sampled by them", async () => {
  for (const [options, problem] of /** @type {[any, RegExp][]} */ ([
    [{ edge: undefined }, /sampleContexts.*give edge/],
    [{ events: false }, /sampleContexts.*leave events on/],
    [{ sampleContexts: "yes" }, /sampleContexts is yes: give true or false/],
    [{ privateAttributes: "email" }, /privateAttributes is no list/],
    [{ privateAttributes: ["email", 7] }, /privateAttributes is no list/],
  ])) {
    const world = await sampling(options);
    assert.match(world.hands.warnings.join("\n"), problem);
    world.rules.boolean("checkout", WHO, false);
    assert.deepEqual(await sent(world), []);
  }
});
