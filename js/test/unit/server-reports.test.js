import assert from "node:assert/strict";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { flag, snapshot } from "./server-documents.js";
import { json, Machine, refused, rest } from "./server-far-end.js";

const HALF = [
  { variation: "on", weight: 50000 },
  { variation: "off", weight: 50000 },
];
const FLAGS = [
  flag("checkout"),
  flag("trial", {
    version: 4,
    rules: [{ id: "r1", conditions: [], serve: { split: { weights: HALF, by: "org", experiment: { key: "exp-a" } } } }],
  }),
  flag("seen", { exposures: "all" }),
  flag("unseen", { exposures: "none", fallthrough: { split: { weights: HALF, experiment: { key: "exp-b" } } } }),
];

async function started(t, { events = () => json({ accepted: 1 }, { status: 202 }), ...given } = {}) {
  const far = new Machine()
    .on("/sdk/v1/snapshot", () => json(snapshot({ revision: 3, flags: FLAGS })))
    .streamAt()
    .on("/sdk/v1/events", events);
  const client = new Client("http://flags.test", { key: "k", platform: far.platform, ...given });
  t.after(() => client.close({ timeoutMs: 1 }));
  assert.equal(await client.ready(), true);
  return { far, client, batches: () => far.asked("/sdk/v1/events").map(({ body }) => body) };
}

const counted = (batch) => batch.counters.map(({ flag: key, variation, reason, count }) => [key, variation, reason, count]);

test("what was served goes out every ten seconds or so, as counters", async (t) => {
  const { far, client, batches } = await started(t);
  for (let i = 0; i < 3; i++) client.boolean("checkout", { targetingKey: `u${i}` });
  client.rules().boolean("gone");
  await far.advance(11_000);
  const [batch, ...rest_] = batches();
  assert.deepEqual(rest_, []);
  assert.deepEqual(counted(batch), [
    ["checkout", "on", "FALLTHROUGH", 3],
    ["gone", null, "ERROR", 1],
  ]);
  const { sequence, sdk, revision, dropped, instance } = batch;
  assert.deepEqual({ sequence, sdk, revision, dropped }, { sequence: 1, sdk: "pennon-js/0.1.0", revision: "1.3", dropped: {} });
  assert.equal(instance, client.status().instance);
  await far.advance(30_000);
  assert.equal(batches().length, 1);
});

test("exposures are of experiments, or of all where a flag says so: one a unit, variation and hour", async (t) => {
  const { far, client, batches } = await started(t);
  for (const org of ["a", "a", 7]) client.boolean("trial", { targetingKey: "u1", org });
  for (const key of ["checkout", "unseen", "seen", "seen"]) client.boolean(key, { targetingKey: "u1" });
  await client.flush();
  const seen = batches()[0].exposures.map(({ flag: key, version, ruleId, experiment, by, unit, revision }) => [
    key,
    version,
    ruleId,
    experiment,
    by,
    unit,
    revision,
  ]);
  assert.deepEqual(seen, [
    ["trial", 4, "r1", "exp-a", "org", "a", "1.3"],
    ["trial", 4, "r1", "exp-a", "org", "7", "1.3"],
    ["seen", 1, null, null, "targetingKey", "u1", "1.3"],
  ]);
  await far.advance(3_700_000);
  client.boolean("seen", { targetingKey: "u1" });
  await client.flush();
  assert.equal(batches().at(-1).exposures.length, 1);
});

test("a metric says what its unit was seen to get", async (t) => {
  const { client, batches } = await started(t);
  client.boolean("seen", { targetingKey: "u1" });
  assert.equal(client.track("order-value", { targetingKey: "u1" }, { value: 42.5 }), true);
  assert.equal(client.track("visits", { org: "a" }, { by: "org" }), true);
  assert.equal(client.track("visits", {}), false);
  await client.flush();
  const told = batches()[0].metrics.map(({ key, by, unit, value, variations }) => [key, by, unit, value, variations]);
  assert.deepEqual(told, [
    ["order-value", "targetingKey", "u1", 42.5, { seen: "on" }],
    ["visits", "org", "a", 1, {}],
  ]);
  assert.deepEqual(batches()[0].dropped, { metrics: 1 });
});

test("bootstrap counts nothing and exposes nobody", async (t) => {
  const { client, batches } = await started(t);
  client.bootstrap({ targetingKey: "u1" });
  assert.equal(await client.flush(), true);
  assert.deepEqual(
    batches().flatMap(({ counters, exposures }) => [...counters, ...exposures]),
    [],
  );
});

test("a batch that was not taken is sent again under its number, and what happens meanwhile comes in the next", async (t) => {
  let isUp = false;
  const { far, client, batches } = await started(t, { events: () => (isUp ? json({}, { status: 202 }) : refused()) });
  client.boolean("checkout");
  assert.equal(await client.flush(), false);
  client.boolean("checkout");
  isUp = true;
  await far.advance(60_000);
  const [lost, again, next] = batches();
  assert.deepEqual(again, lost);
  assert.deepEqual([next.sequence, counted(next)], [2, [["checkout", "on", "FALLTHROUGH", 1]]]);
  assert.equal(new Set(batches().map(({ batchId }) => batchId)).size, 2);
});

test("while nobody takes events the pauses grow to five minutes", async (t) => {
  const { far, client, batches } = await started(t, { events: refused });
  client.boolean("checkout");
  await far.advance(3_600_000);
  const times = far.asked("/sdk/v1/events").map(({ atMs }) => atMs);
  assert.ok(times.at(-1) - times.at(-2) >= 270_000 && batches().length < 20);
});

test("a server that wants no events for a while gets none", async (t) => {
  const { far, client, batches } = await started(t, { events: () => json("", { status: 503, headers: { "Retry-After": "250" } }) });
  client.boolean("checkout");
  await far.advance(12_000);
  assert.equal(batches().length, 1);
  await far.advance(210_000);
  assert.equal(batches().length, 1);
  await far.advance(80_000);
  assert.equal(batches().length, 2);
});

test("a batch that is refused for good is lost, warned of, and owned up to in the next", async (t) => {
  let status = 400;
  const { far, client, batches } = await started(t, { events: () => json({ title: "malformed" }, { status }) });
  client.boolean("checkout");
  client.track("visits", { targetingKey: "u1" });
  assert.equal(await client.flush(), true);
  assert.match(far.warnings.join(), /cannot take what it was sent: 400 .*malformed.*lost, and counted as such/);
  status = 202;
  await client.flush();
  const { dropped, sequence } = batches().at(-1);
  assert.deepEqual({ dropped, sequence }, { dropped: { evaluations: 1, metrics: 1 }, sequence: 2 });
});

test("memory is bounded while nobody takes events, and every evaluation is sent or owned up to", async (t) => {
  let isUp = false;
  const { far, client, batches } = await started(t, { events: () => (isUp ? json({}, { status: 202 }) : refused()) });
  const total = 12_000;
  for (let i = 0; i < total; i++) {
    client.boolean(`stray-${i}`);
    client.boolean("seen", { targetingKey: `u${i}` });
    client.track("visits", { targetingKey: `u${i}` });
  }
  isUp = true;
  await far.advance(10_000);
  for (let i = 0; i < 40; i++) await client.flush();
  const taken = [...new Map(batches().map((batch) => [batch.sequence, batch])).values()];
  const sum = (list) => list.reduce((all, each) => all + each, 0);
  const lost = (sort) => sum(taken.map(({ dropped }) => dropped[sort] ?? 0));
  assert.equal(sum(taken.flatMap(({ counters }) => counters.map(({ count }) => count))) + lost("evaluations"), 2 * total);
  assert.equal(sum(taken.map(({ exposures }) => exposures.length)) + lost("exposures"), total);
  assert.equal(sum(taken.map(({ metrics }) => metrics.length)) + lost("metrics"), total);
  assert.ok(lost("evaluations") > 0 && lost("exposures") > 0 && lost("metrics") > 0);
  assert.ok(taken.every((batch) => Buffer.byteLength(JSON.stringify(batch)) < 2 ** 20));
});

test("a process that evaluates all the time sends one batch at a time, and not one after the other", async (t) => {
  const { far, client, batches } = await started(t, {
    events: () => {
      client.boolean("checkout");
      return json({}, { status: 202 });
    },
  });
  client.boolean("checkout");
  await far.advance(11_000);
  assert.equal(batches().length, 1);
  assert.equal(await client.flush(), true);
  assert.equal(batches().length, 2);
});

test("much to report goes out before its time", async (t) => {
  const { far, client, batches } = await started(t);
  for (let i = 0; i < 600; i++) client.boolean("seen", { targetingKey: `u${i}` });
  await rest();
  await far.advance(1);
  assert.equal(batches()[0].exposures.length, 600);
});

test("with events switched off nothing is counted or sent", async (t) => {
  const far = new Machine().on("/sdk/v1/snapshot", () => json(snapshot({ flags: FLAGS }))).streamAt();
  const silent = new Client("http://flags.test", { key: "k", platform: far.platform, events: false });
  t.after(() => silent.close());
  await silent.ready();
  silent.boolean("seen", { targetingKey: "u1" });
  assert.deepEqual([silent.track("visits", { targetingKey: "u1" }), await silent.flush()], [false, true]);
  await far.advance(60_000);
  assert.deepEqual(far.asked("/sdk/v1/events"), []);
});

test("a server hears what is evaluated by, although nothing else is to be said", async (t) => {
  const { far, batches } = await started(t);
  await far.advance(11_000);
  assert.deepEqual(
    batches().map(({ revision, counters }) => [revision, counters]),
    [["1.3", []]],
  );
  far.stream.send("snapshot", { age: 0, ...JSON.parse(snapshot({ revision: 4, flags: FLAGS })) });
  await far.advance(20_000);
  assert.equal(batches().length, 1);
  await far.advance(60_000);
  assert.deepEqual(
    batches().map(({ revision }) => revision),
    ["1.3", "1.4"],
  );
});
