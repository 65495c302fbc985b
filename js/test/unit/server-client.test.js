import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { delta, flag, heartbeat, snapshot } from "./server-documents.js";
import { refused, rest } from "./server-far-end.js";
import { machine, OFF, ONE, started, TWO, URL_, USER } from "./server-started.js";

test("a client answers defaults at once, then what the server's snapshot says, then follows the stream", async (t) => {
  const far = machine();
  const client = new Client(URL_, { key: "pennon_server_x", platform: far.platform });
  t.after(() => client.close());
  assert.equal(client.boolean("checkout", USER, false), false);
  assert.equal(client.evaluation("checkout", USER, "mine").errorCode, "PROVIDER_NOT_READY");
  assert.equal(await client.ready(), true);
  assert.equal(client.boolean("checkout", USER, false), true);
  await rest();
  far.stream.send("heartbeat", heartbeat(ONE, 2));
  await rest();
  const { level, revision, ageS, environment, problem } = client.status();
  assert.deepEqual(
    { level, revision, ageS, environment, problem },
    { level: 0, revision: 1, ageS: 0.5, environment: "shop/production", problem: "" },
  );
  far.stream.write(`event: delta\ndata: ${delta(1, [OFF], TWO)}\n\n`);
  await rest();
  assert.equal(client.boolean("checkout", USER, true), false);
  assert.equal(client.status().revision, 2);
});

test("the snapshot is asked for first, and the stream goes on from there, both with the key", async (t) => {
  const far = machine();
  await started(t, far);
  assert.deepEqual(
    far.requests.map(({ path, query }) => [path, query.get("since")]),
    [
      ["/sdk/v1/snapshot", null],
      ["/sdk/v1/stream", "1.1"],
    ],
  );
  for (const { headers } of far.requests) assert.equal(headers.get("authorization"), "Bearer pennon_server_x");
  assert.equal(far.requests[1].headers.get("accept-encoding"), "identity");
});

test("who holds rules for a request sees one revision, whatever comes meanwhile", async (t) => {
  const far = machine();
  const client = await started(t, far);
  const pinned = client.rules();
  far.stream.write(`event: delta\ndata: ${delta(1, [OFF], TWO)}\n\n`);
  await rest();
  assert.deepEqual(
    [pinned.boolean("checkout", USER), pinned.revision, client.boolean("checkout", USER), client.rules().revision],
    [true, 1, false, 2],
  );
  assert.equal(client.rules(), client.rules());
  assert.deepEqual([pinned.flagKeys(), pinned.kind("checkout"), pinned.kind("gone")], [["checkout"], "boolean", null]);
});

test("a listener hears which flags may answer differently, and no more once it is ended", async (t) => {
  const member = { rules: [{ id: "r", conditions: [{ op: "inSegment", values: ["staff"] }], serve: { variation: "off" } }] };
  const flags = [flag("checkout"), flag("beta", member)];
  const staff = { key: "staff", version: 1, changedAt: 1, salt: "s", included: ["u1"] };
  const far = machine(snapshot({ flags, segments: [staff] }));
  const client = await started(t, far);
  const heard = [];
  const end = client.on("change", (change) => heard.push(change));
  client.on("change", () => {
    throw new Error("mine");
  });
  far.stream.send("snapshot", {
    age: 0,
    ...JSON.parse(snapshot({ revision: 2, flags, segments: [{ ...staff, included: [], version: 2 }] })),
  });
  await rest();
  end();
  far.stream.send("snapshot", { age: 0, ...JSON.parse(snapshot({ revision: 3, flags: [] })) });
  await rest();
  assert.deepEqual(heard, [{ keys: ["beta"], epoch: 1, revision: 2 }]);
  assert.match(far.warnings.join(), /a listener of 'change' threw: Error: mine/);
  assert.throws(() => client.on("chnage", () => {}), /there is no event 'chnage'/);
});

test("a flag that must not be served stale says so when its bound passes, without anybody asking", async (t) => {
  const bounded = flag("checkout", { staleness: { maxAgeS: 60, serve: { variation: "off" } } });
  const far = machine(snapshot({ flags: [bounded, flag("other")] }));
  const client = await started(t, far);
  const pinned = client.rules();
  far.die();
  await far.advance(58_000);
  assert.equal(client.evaluation("checkout", USER).reason, "FALLTHROUGH");
  await far.advance(2_500);
  assert.deepEqual([client.evaluation("checkout", USER).reason, client.boolean("checkout", USER)], ["STALE", false]);
  assert.equal(client.boolean("other", USER), true);
  assert.equal(pinned.evaluation("checkout", USER).reason, "FALLTHROUGH");
});

test("what was known last is served without end, unless it has a time to live", async (t) => {
  const far = machine();
  const [endless, bounded] = [await started(t, far), await started(t, far, { lastKnownTtlMs: 120_000 })];
  far.die();
  await far.advance(119_000);
  assert.deepEqual(
    [endless, bounded].map((client) => client.boolean("checkout", USER)),
    [true, true],
  );
  await far.advance(60_000);
  assert.deepEqual(
    [endless, bounded].map((client) => client.boolean("checkout", USER)),
    [true, false],
  );
  assert.deepEqual(
    [endless, bounded].map((client) => client.status().level),
    [2, 3],
  );
  assert.match(bounded.evaluation("checkout", USER).errorMessage, /older than lastKnownTtlMs/);
});

test("overrides go before everything, are not counted, and end", async (t) => {
  const far = machine();
  const client = await started(t, far, { overrides: { theme: "dark" } });
  const end = client.override("checkout", false);
  assert.deepEqual([client.boolean("checkout", USER, true), client.string("theme", USER)], [false, "dark"]);
  assert.deepEqual([client.evaluation("checkout", USER).reason, client.evaluation("checkout", USER).ruleId], ["RULE_MATCH", "override"]);
  end();
  assert.equal(client.boolean("checkout", USER), true);
  await client.flush();
  assert.deepEqual(
    far.asked("/sdk/v1/events")[0].body.counters.map(({ flag: key, count }) => [key, count]),
    [["checkout", 1]],
  );
});

test("hooks see each evaluation, and one that throws harms nobody", async (t) => {
  const seen = [];
  const broken = () => {
    throw new Error("mine");
  };
  const far = machine();
  const client = await started(t, far, { hooks: [broken, (key, context, { value }) => seen.push([key, context.targetingKey, value])] });
  assert.equal(client.boolean("checkout", USER), true);
  assert.equal(client.boolean("checkout", USER), true);
  assert.deepEqual(seen, [
    ["checkout", "u1", true],
    ["checkout", "u1", true],
  ]);
  assert.equal(far.warnings.filter((warning) => warning.includes("an evaluation hook threw: Error: mine")).length, 1);
});

test("an explanation says what is served and why, and nobody is told", async (t) => {
  const far = machine();
  const early = new Client(URL_, { key: "k", platform: far.platform });
  t.after(() => early.close());
  assert.equal(early.explain("checkout", USER, true).steps[0].what, "error");
  const client = await started(t, far, { hooks: [() => assert.fail("a hook")], overrides: { theme: "dark" } });
  const { evaluation, steps } = client.explain("checkout", USER, false);
  assert.deepEqual([evaluation.value, steps.at(-1).what, steps.at(-1).matched], [true, "fallthrough", true]);
  assert.deepEqual(
    client
      .rules()
      .explain("theme")
      .steps.map(({ what, key }) => [what, key]),
    [["rule", "override"]],
  );
  await client.flush();
  assert.deepEqual(
    far.asked("/sdk/v1/events").flatMap(({ body }) => body.counters),
    [],
  );
});

test("a value of another kind is the caller's default, and the whole result says why", async (t) => {
  const far = machine(
    snapshot({
      flags: [
        flag("theme", {
          kind: "string",
          variations: [
            { key: "on", value: "dark" },
            { key: "off", value: "" },
          ],
        }),
      ],
    }),
  );
  const client = await started(t, far);
  assert.deepEqual(
    [client.boolean("theme", USER, true), client.number("theme", USER, 7), client.object("theme", USER), client.string("theme", USER)],
    [true, 7, null, "dark"],
  );
  assert.equal(client.evaluation("theme", USER, 7, "number").errorCode, "TYPE_MISMATCH");
  assert.equal(client.evaluation("gone", USER, 7).errorCode, "FLAG_NOT_FOUND");
});

test("no context makes an evaluation throw", async (t) => {
  const far = machine(
    snapshot({
      flags: [flag("split", { fallthrough: { split: { weights: [{ variation: "on", weight: 100000 }], experiment: { key: "exp" } } } })],
    }),
  );
  const client = await started(t, far);
  const trap = new Proxy({}, { get: () => assert.fail("trapped"), has: () => assert.fail("trapped") });
  for (const context of [null, 7, "u1", [], { targetingKey: {} }, { targetingKey: "\ud800" }, trap])
    assert.equal(client.boolean("split", context, false), client.boolean("split", context, false));
  assert.equal(client.track("worth", trap), false);
  assert.equal(client.track("worth", null), false);
});

test("a closed client asks nothing more, leaves no timer, and goes on answering", async (t) => {
  const far = machine();
  const client = await started(t, far);
  client.boolean("checkout", USER);
  await client.close();
  assert.equal(far.asked("/sdk/v1/events").length, 1);
  assert.deepEqual([far.stream.isOpen, far.timers], [false, 0]);
  const before = far.requests.length;
  await far.advance(600_000);
  assert.equal(far.requests.length, before);
  assert.equal(client.boolean("checkout", USER), true);
  await client.close();
});

test("a flag that changes all the time is warned of, once a minute", async (t) => {
  const far = machine();
  const client = await started(t, far);
  const heard = [];
  client.on("warning", ({ kind, message }) => heard.push([kind, message]));
  const change = async (revision) => {
    far.stream.send("snapshot", { age: 0, ...JSON.parse(snapshot({ revision, flags: [flag("checkout", { version: revision })] })) });
    await far.advance(1000);
  };
  for (let revision = 2; revision < 12; revision++) await change(revision);
  assert.deepEqual(heard, []);
  for (let revision = 12; revision < 20; revision++) await change(revision);
  assert.deepEqual(heard, [["restless", "flag checkout changed more than 10 times within a minute"]]);
  await far.advance(120_000);
});

test("listeners hear of flags that are there, of each level, and what is whole tells its kind", async (t) => {
  const far = machine();
  const client = new Client(URL_, { key: "k", platform: far.platform });
  t.after(() => client.close());
  const heard = [];
  client.on("ready", ({ ready, revision }) => heard.push(["ready", ready, revision]));
  client.on("status", ({ level }) => heard.push(["status", level]));
  assert.equal(await client.whenReady(), true);
  await rest();
  far.stream.send("heartbeat", heartbeat(ONE));
  await rest();
  assert.deepEqual(heard, [
    ["status", 1],
    ["ready", true, 1],
    ["status", 0],
  ]);
  assert.equal(client.rules().evaluate("checkout", USER, null).value, true);
});

test("a fault in a background loop is warned of, and the loop goes on", async (t) => {
  const far = machine().on("/sdk/v1/stream", refused);
  let faults = 1;
  const random = () => {
    if (faults-- > 0) throw new Error("no chance");
    return 0.5;
  };
  const client = await started(t, far, { platform: { ...far.platform, random }, events: false });
  assert.match(far.warnings.join(), /a background loop failed and starts again: Error: no chance/);
  far.streamAt();
  await far.advance(5000);
  far.stream.send("heartbeat", heartbeat(ONE));
  await rest();
  assert.equal(client.status().level, 0);
});

const VECTORS = new URL("../../../spec/vectors/dialects/", import.meta.url);
const vector = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), "utf8"));

for (const name of ["flagd-v1-flags", "unleash-node-rollouts", "growthbook-javascript-features", "launchdarkly-node-conditions"]) {
  test(`imported flags of ${name} answer as their vectors say, from the first answer on`, async (t) => {
    const file = vector(name);
    const far = machine(JSON.stringify(file.snapshot));
    const client = await started(t, far);
    assert.equal(await client.ready(), true);
    assert.ok(file.cases.length > 0);
    for (const { flag: key, context, default: caller = null, as, expect } of file.cases) {
      const found = client.evaluation(key, context, caller, as);
      for (const member of Object.keys(expect)) assert.deepEqual(found[member], expect[member], `${key}: ${member}`);
    }
  });
}

test("an imported flag that comes later replaces nothing by an error: what it needs is loaded first", async (t) => {
  const { snapshot: foreign, cases } = vector("unleash-node-rollouts");
  const { flag: key, context, default: caller = null, expect } = cases.find((one) => one.expect.reason !== "ERROR");
  const far = machine(snapshot({ flags: [flag("checkout")] }));
  const client = await started(t, far);
  const reasons = new Set();
  client.on("change", () => reasons.add(client.evaluation(key, context, caller).reason));
  far.stream.send("snapshot", { age: 0, spec: 1, ...foreign, epoch: 1, revision: 2 });
  for (let i = 0; reasons.size === 0 && i < 1000; i++) {
    assert.equal(client.boolean("checkout", USER), true);
    await rest();
  }
  assert.deepEqual([...reasons], [expect.reason]);
  far.stream.send("snapshot", {
    age: 0,
    ...JSON.parse(snapshot({ revision: 9, flags: [flag("checkout", { compat: { vendor: "nobody", dialect: "nobody/1" } })] })),
  });
  await rest();
  await far.advance(10);
  assert.equal(client.evaluation("checkout", USER).errorCode, "PARSE_ERROR");
});
