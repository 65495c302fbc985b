import assert from "node:assert/strict";
import test from "node:test";

import { delta, flag, heartbeat, snapshot } from "./server-documents.js";
import { json, refused, rest } from "./server-far-end.js";
import { machine, OFF, ONE, started, USER } from "./server-started.js";

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
