import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { delta, flag, heartbeat, snapshot } from "./server-documents.js";
import { json, Machine, refused, rest } from "./server-far-end.js";

const URL_ = "http://flags.test";
const USER = { targetingKey: "u1" };
const ONE = snapshot({ revision: 1, flags: [flag("checkout")] });
const OFF = flag("checkout", { on: false, version: 2, changedAt: 2 });
const TWO = { revision: 2, flags: [OFF] };

/** A machine whose server has the state *document*. */
function machine(document = ONE) {
  return new Machine()
    .on("/sdk/v1/snapshot", () => json(document, { headers: { ETag: '"1"', "X-Pennon-Age": "0.5" } }))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
}

async function started(t, far, given = {}, url = URL_) {
  const client = new Client(url, { key: "pennon_server_x", platform: far.platform, ...given });
  t.after(async () => {
    far.die();
    await client.close({ timeoutMs: 1 });
  });
  await rest();
  return client;
}

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

test("a dead server is no error: defaults answer, it is tried again, and warned of once", async (t) => {
  const far = machine();
  far.die();
  const client = await started(t, far);
  const waiting = client.ready({ timeoutMs: 5000 });
  await far.advance(300_000);
  assert.equal(await waiting, false);
  assert.equal(client.boolean("checkout", USER, true), true);
  assert.equal(client.status().level, 3);
  assert.equal(far.warnings.filter((warning) => warning.includes("could not be reached: connect ECONNREFUSED")).length, 1);
  far.on("/sdk/v1/snapshot", () => json(ONE)).streamAt();
  await far.advance(31_000);
  assert.equal(client.status().ready, true);
});

test("attempts to connect are spread at random between nothing and twice as long each time, up to 30 s", async (t) => {
  const far = machine();
  far.die();
  far.chance = 1;
  await started(t, far, { pollIntervalMs: 1e9 });
  await far.advance(120_000);
  const times = far.asked("/sdk/v1/snapshot").map(({ atMs }) => atMs / 1000);
  assert.deepEqual(times.slice(2, 9), [1, 3, 7, 15, 31, 61, 91]);
});

test("a stream that ends is opened again, while the state stays and its age grows", async (t) => {
  const far = machine();
  const client = await started(t, far);
  far.stream.send("heartbeat", heartbeat(ONE));
  await rest();
  far.stream.end();
  await rest();
  assert.deepEqual([client.status().level, client.boolean("checkout", USER)], [1, true]);
  const before = client.status().ageS;
  await far.advance(900);
  assert.equal(far.streams.length, 2);
  assert.ok(client.status().ageS > before);
});

test("a silent stream is given up after two and a half heartbeats", async (t) => {
  const far = machine();
  const client = await started(t, far, { heartbeatMs: 4000 });
  far.stream.send("heartbeat", heartbeat(ONE));
  await far.advance(9_900);
  assert.equal(far.streams[0].isOpen, true);
  await far.advance(200);
  assert.equal(far.streams[0].isOpen, false);
  assert.match(client.status().problem, /silent for too long/);
});

test("a stream that never begins is given up after the timeout", async (t) => {
  const far = machine().on("/sdk/v1/stream", () => new Promise(() => {}));
  await started(t, far, { timeoutMs: 3000 });
  await far.advance(2_900);
  assert.equal(far.asked("/sdk/v1/stream").length, 1);
  await far.advance(1_200);
  assert.equal(far.asked("/sdk/v1/stream").length, 2);
});

test("while the stream is down a client polls with the tag of what it holds, and a 304 says that it is current", async (t) => {
  const far = machine().on("/sdk/v1/stream", refused);
  const client = await started(t, far, { pollIntervalMs: 10_000 });
  far.on("/sdk/v1/snapshot", ({ headers }) =>
    headers.get("if-none-match") === '"1"'
      ? new Response(null, { status: 304, headers: { "X-Pennon-Age": "1" } })
      : json("", { status: 500 }),
  );
  await far.advance(10_100);
  assert.deepEqual([client.status().level, client.boolean("checkout", USER)], [1, true]);
  assert.ok(client.status().ageS <= 1.2);
  const polls = far.asked("/sdk/v1/snapshot");
  assert.deepEqual([polls.length, polls[1].query.get("since")], [2, "1.1"]);
});

test("a goodbye says when to come back, and is no failure", async (t) => {
  const far = machine();
  await started(t, far);
  far.stream.send("heartbeat", heartbeat(ONE));
  far.stream.send("goodbye", { age: 0, retryMs: 4000 }, { retry: 4000 });
  await rest();
  far.stream.end();
  await far.advance(3_900);
  assert.equal(far.streams.length, 1);
  await far.advance(200);
  assert.equal(far.streams.length, 2);
  assert.deepEqual(far.warnings, []);
});

test("a refused key is warned of once with the mend, ends waiting early, and is tried again after a minute or two", async (t) => {
  const far = machine();
  const say = () => json('{"detail":"unknown key"}', { status: 401 });
  far.on("/sdk/v1/snapshot", say).on("/sdk/v1/stream", say);
  const client = await started(t, far);
  assert.equal(await client.ready({ timeoutMs: 1e8 }), false);
  await far.advance(59_000);
  const { isRefused, problem, level } = client.status();
  assert.deepEqual([isRefused, level, far.requests.length], [true, 3, 1]);
  assert.match(problem, /refused the key with 401 .*unknown key.*check that the key is a server key/);
  await far.advance(62_000);
  assert.ok(far.requests.length > 1);
  assert.equal(far.warnings.filter((warning) => warning.includes("refused the key")).length, 1);
});

test("a key revoked while it streams leaves what is known in place", async (t) => {
  const far = machine();
  const client = await started(t, far);
  far.stream.send("heartbeat", heartbeat(ONE));
  await rest();
  const say = () => json("", { status: 403 });
  far.on("/sdk/v1/snapshot", say).on("/sdk/v1/stream", say).stream.end();
  await far.advance(2000);
  assert.deepEqual([client.status().isRefused, client.status().level, client.boolean("checkout", USER)], [true, 2, true]);
});

test("a server that asks for patience is left alone for so long", async (t) => {
  const far = machine();
  const busy = () => json("", { status: 503, headers: { "Retry-After": "20" } });
  far.on("/sdk/v1/snapshot", busy).on("/sdk/v1/stream", busy);
  await started(t, far);
  await far.advance(19_900);
  assert.equal(far.requests.length, 1);
  await far.advance(1_000);
  assert.ok(far.requests.length > 1);
});

test("an HTML page with 200 for a snapshot and for a stream is warned of, and nothing is lost", async (t) => {
  const far = machine();
  const client = await started(t, far);
  const page = () => new Response("<!doctype html><title>Sign in</title>", { headers: { "Content-Type": "text/html" } });
  far.on("/sdk/v1/snapshot", page).on("/sdk/v1/stream", page).stream.end();
  await far.advance(60_000);
  assert.equal(client.boolean("checkout", USER), true);
  const about = far.warnings.filter((warning) => /something else than a stream: text\/html|doctype html/.test(warning));
  assert.equal(about.length, 1);
});

test("a snapshot of a newer protocol is warned of with what to do", async (t) => {
  const far = machine('{"spec":2,"flags":{}}');
  const client = await started(t, far);
  await far.advance(120_000);
  assert.equal(client.status().ready, false);
  assert.equal(far.warnings.filter((warning) => warning.includes("update the SDK")).length, 1);
});

test("an answer without end is not read to its end", async (t) => {
  const endless = () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4096)) }));
  const far = machine().on("/sdk/v1/snapshot", endless);
  const client = await started(t, far, { maxBytes: 100_000 });
  await far.advance(10);
  assert.match(client.status().problem, /more than 100000 bytes/);
});

test("a redirect is not followed: keys go to nobody else", async (t) => {
  const far = machine().on("/sdk/v1/snapshot", () => new Response(null, { status: 302, headers: { Location: "https://evil.test/" } }));
  const client = await started(t, far);
  assert.match(client.status().problem, /redirects to https:\/\/evil.test\/: use that address/);
});

test("of several servers the first that answers is followed, and the preferred one is gone back to", async (t) => {
  const far = machine();
  far.on("a.test/sdk/v1/snapshot", refused).on("a.test/sdk/v1/stream", refused);
  const client = await started(t, far, {}, ["http://a.test", "http://b.test/"]);
  assert.equal(client.status().ready, true);
  assert.equal(far.requests.at(-1).url.host, "b.test");
  far.stream.send("heartbeat", heartbeat(ONE));
  await rest();
  far.on("a.test/sdk/v1/snapshot", () => json(ONE)).streamAt("a.test/sdk/v1/stream");
  far.stream.end();
  await far.advance(1000);
  assert.equal(far.requests.at(-1).url.host, "a.test");
});

test("a gap in the stream is filled, a wrong digest asks for the whole, and half of nothing is served", async (t) => {
  const far = machine();
  const client = await started(t, far);
  far.on("/sdk/v1/snapshot", ({ query }) => {
    assert.equal(query.get("since"), null);
    return json(snapshot({ revision: 4, flags: [OFF] }));
  });
  far.stream.write(`event: delta\ndata: ${delta(1, [OFF], { revision: 2, flags: [OFF, flag("missing")] })}\n\n`);
  await rest();
  assert.deepEqual([client.status().revision, client.boolean("checkout", USER)], [4, false]);
  far.on("/sdk/v1/snapshot", ({ query }) => {
    assert.equal(query.get("since"), "1.4");
    return json(String(delta(4, [flag("checkout", { version: 9 })], { revision: 9, flags: [flag("checkout", { version: 9 })] })));
  });
  far.stream.write(`event: delta\ndata: ${delta(8, [], { revision: 9, flags: [] })}\n\n`);
  await rest();
  assert.deepEqual([client.status().revision, client.boolean("checkout", USER)], [9, true]);
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
