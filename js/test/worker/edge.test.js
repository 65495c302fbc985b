/** Flags from a real server, in workerd, and from KV where that fails: what is served whatever of the two is gone. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { serve, together, until } from "../serving.js";
import { metadataOf, run } from "./running.js";

/** @type {import("./running.js").RunningWorker} */
let worker;
/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  [worker, server] = await together(run(), serve());
  await server.put({ key: "checkout" });
});
after(() => Promise.all([worker?.close(), server?.close()]));

let number = 0;
/** @param {object} [options] @param {object} [rest] */
function isolate(options = {}, rest = {}) {
  const edge = { url: server.url, key: server.serverKey };
  const quick = { environment: "default/production", edgeIntervalS: 0.001, kvIntervalS: 0.001, edge, timeoutMs: 30_000, ...options };
  return { name: `edge-${++number}`, flags: ["checkout"], options: quick, ...rest };
}

/** @param {object} asked */
async function value(asked) {
  return (await worker.ask(asked)).values.checkout.value;
}

/** @param {object} asked @param {unknown} wanted */
async function serves(asked, wanted) {
  await until(async () => (await value(asked)) === wanted);
}

test("an isolate takes the whole from the node, and then each change", async () => {
  const asked = isolate();
  const { values, ageS, flagsVersion, status } = await worker.ask(asked);
  assert.deepEqual([values.checkout.value, status.level, status.problem], [true, 1, ""]);
  assert(ageS >= 0 && ageS < 600, `${ageS}`);
  assert.match(flagsVersion, /^v\d+_[0-9a-f]{8}$/);
  await server.turnOff("checkout");
  await serves(asked, false);
  await server.put({ key: "new-one", clientSide: false });
  await until(async () => (await worker.ask({ ...asked, flags: ["new-one"] })).values["new-one"].value === true);
  await server.turnOn("checkout");
  await serves(asked, true);
});

test("what the isolate tells a page is what the server tells it", async () => {
  const asked = isolate({}, { context: { targetingKey: "u1" }, bootstrap: true });
  const answer = await fetch(`${server.url}/client/v1/bootstrap`, {
    method: "POST",
    headers: { Authorization: `Bearer ${server.clientKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ context: asked.context }),
  });
  const [{ age: _, at: __, ...wanted }, { bootstrap }] = await Promise.all([answer.json(), worker.ask(asked)]);
  const { age, at, ...told } = JSON.parse(bootstrap);
  assert.deepEqual(told, wanted);
  assert.equal(typeof age, "number");
  assert(Math.abs(at - Date.now()) < 600_000);
});

test("KV starts an isolate, the node keeps it current, and each stands in for the other", async () => {
  const headers = { Authorization: `Bearer ${server.serverKey}` };
  const published = await (await fetch(`${server.url}/sdk/v1/snapshot`, { headers })).text();
  await worker.publish(published);
  const asked = isolate({}, { usesKv: true });
  const first = await worker.ask(asked);
  assert.deepEqual([first.values.checkout.value, first.reads], [true, 1]);
  await server.turnOff("checkout");
  await serves(asked, false);
  assert.equal((await worker.ask(asked)).reads, 1, "KV is not asked while the node answers");

  await until(async () => (await worker.ask({ ...asked, mode: "gone" })).status.problem === "");
  await server.turnOn("checkout");
  await serves(asked, true);

  await server.kill();
  const gone = await until(async () => {
    const found = await worker.ask(asked);
    return found.status.level === 2 && found;
  });
  assert.equal(gone.values.checkout.value, true, "both are gone, and the last known is served");
  assert.match(gone.status.problem, /the node at http.*KV: KV GET failed/s);

  const { digest, ...rest } = JSON.parse(published);
  const later = JSON.stringify({ ...rest, revision: rest.revision + 100, digest: "0".repeat(64), flags: {}, segments: {}, layers: {} });
  await worker.publish(later, { metadata: metadataOf(later) });
  await until(async () => (await worker.ask({ ...asked, mode: "ok" })).values.checkout.value === "fallback");
  assert.equal((await worker.ask(asked)).status.level, 1, "the node is gone, and KV says what there is");

  const isolated = isolate({ timeoutMs: 50 });
  assert.equal(await value(isolated), "fallback");
  await server.start();
  await serves(isolated, true);
});

test("where KV has nothing yet, a first request is answered by the node", async () => {
  const asked = isolate({ environment: "default/production" }, { usesKv: true, mode: "gone" });
  assert.equal(await value(asked), true);
  const hanging = isolate({ timeoutMs: 20_000 }, { usesKv: true, mode: "hangs" });
  assert.equal(await value(hanging), true);
});

test("a key that is wrong is said, with what to do", async () => {
  for (const [key, said] of Object.entries({
    pennon_server_wrong: /does not know the key/,
    [server.clientKey]: /give a server key of the environment/,
  })) {
    const { values, warnings } = await worker.ask(isolate({ edge: { url: server.url, key } }));
    assert.equal(values.checkout.value, "fallback");
    assert.match(warnings.join(), said);
  }
});

test("a key of another environment does not bring its flags", async () => {
  const staging = await server.environment("staging");
  const { values, warnings } = await worker.ask(isolate({ edge: { url: server.url, key: staging.serverKey } }));
  assert.equal(values.checkout.value, "fallback");
  assert.equal(warnings.length, 1);
});

describe("what a stranger may answer where a node was", () => {
  /** @type {import("node:http").Server} */
  let stranger;
  let url = "";
  /** @type {(response: import("node:http").ServerResponse) => void} */
  let say = () => {};
  before(async () => {
    stranger = createServer((_, response) => say(response));
    await new Promise((resolve) => stranger.listen(0, "127.0.0.1", () => resolve(undefined)));
    url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (stranger.address()).port}`;
  });
  after(() => {
    stranger.closeAllConnections();
    stranger.close();
  });

  /** @type {Record<string, [(response: import("node:http").ServerResponse) => void, RegExp]>} */
  const SAID = {
    "an HTML page": [(response) => response.setHeader("content-type", "text/html").end("<!doctype html>"), /no JSON but text\/html/],
    "half a JSON": [(response) => response.setHeader("content-type", "application/json").end('{"epoch":1,"flags":{'), /no JSON/],
    "less than it said": [
      (response) => response.writeHead(200, { "content-length": "100" }).write('{"epoch":1', () => response.destroy()),
      /\S/,
    ],
    "nothing": [(response) => void response.destroy(), /\S/],
    "another JSON": [(response) => void response.end('{"ok":true}'), /no snapshot/],
    "a list": [(response) => void response.end("[]"), /no snapshot/],
    "a newer protocol": [(response) => void response.end('{"spec":2,"epoch":1,"revision":1}'), /protocol 2.*update/],
    "a redirect": [(response) => void response.writeHead(302, { location: "https://login.example/" }).end(), /answers 302/],
    "that it is busy": [(response) => void response.writeHead(503, { "retry-after": "2" }).end("busy"), /answers 503/],
    "a step from nowhere": [(response) => void response.end(`{"from":3,"to":4,"epoch":1,"digest":"${"0".repeat(64)}"}`), /no snapshot/],
  };
  for (const [what, [answer, said]] of Object.entries(SAID)) {
    test(`${what}: the defaults are served, and one warning says why`, async () => {
      say = answer;
      const { values, warnings, status } = await worker.ask(isolate({ edge: { url, key: "k" } }));
      assert.deepEqual([values.checkout.value, status.level], ["fallback", 3]);
      assert.equal(warnings.length, 1, warnings.join());
      assert.match(warnings[0], said);
    });
  }
});

test("evaluations, exposures and what was measured are reported behind responses", async () => {
  const staging = await server.environment("counting");
  const weights = ["on", "off"].map((variation) => ({ variation, weight: 50_000 }));
  await staging.put({ key: "tried", fallthrough: { split: { by: "targetingKey", weights, experiment: { key: "exp-a" } } } });
  const edge = { url: server.url, key: staging.serverKey };
  const options = { environment: "default/counting", flushIntervalS: 0.01, edge };
  const asked = isolate(options, { flags: ["tried", "gone"], context: { targetingKey: "u1" }, tracked: [["order-value", 42]] });
  const before = await server.metric("pennon_events_total");
  for (let i = 0; i < 3; i++) await worker.ask(asked);
  // The counters of `tried`; one exposure of u1 an hour; three measurements. Counters of one batch are one entry.
  await until(async () => (await server.metric("pennon_events_total")) - before >= 5);
  assert.equal(await server.metric("pennon_unknown_events_total"), 0);
  assert.equal((await worker.ask({ ...asked, flags: [], tracked: [] })).status.problem, "");
});

test("a preview counts the users that an isolate evaluated for, and whom it answered by OFREP", async () => {
  const conditions = [{ attribute: "country", op: "in", values: ["FR"] }];
  await server.put({ key: "moved", rules: [{ id: "r", conditions, serve: { variation: "off" } }] });
  const asked = isolate({ sampleContexts: true, privateAttributes: ["email"], flushIntervalS: 0.1 }, { flags: ["moved"] });
  await until(async () => (await worker.ask(asked)).values.moved.value === true);
  const email = "x@mail.example";
  const who = (/** @type {number} */ number) => ({ targetingKey: `u${number}`, country: number % 2 ? "DE" : "FR", email });
  for (let number = 0; number < 20; number++) await worker.ask({ ...asked, context: who(number) });
  for (let number = 10; number < 30; number++) {
    const init = { method: "POST", body: JSON.stringify({ context: who(number) }), headers: { "content-type": "application/json" } };
    assert.equal((await worker.fetch("/ofrep/v1/evaluate/flags", { ...asked, ofrep: { sample: true } }, init)).status, 200);
  }
  const edits = [{ do: "setFallthrough", flag: "moved", serve: { variation: "off" } }];
  const preview = async () => (await server.api("POST", `${server.path}/changes/preview`, { edits })).moves;
  // And the one without a targeting key, by whom the test waited for the flag.
  const found = await until(async () => {
    const moves = await preview();
    return moves?.contexts === 31 && moves;
  });
  const [{ flag, moved }] = found.flags;
  assert.deepEqual([flag, moved], ["moved", 16]);
});
