/** OFREP answered in the isolate, held to what a real server answers a client key: the same requests to both. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { targetingKeySignature } from "../../client/server/signature.js";
import { serve, together, until } from "../serving.js";
import { run } from "./running.js";

const HALVES = [
  { variation: "on", weight: 50_000 },
  { variation: "off", weight: 50_000 },
];
const GERMANY = { id: "r1", conditions: [{ attribute: "country", op: "in", values: ["DE"] }], serve: { variation: "off" } };
const FLAGS = [
  { key: "open" },
  { key: "off", on: false },
  { key: "off-default", on: false, offVariation: null },
  { key: "waiting", prerequisites: [{ flag: "off", variations: ["on"] }] },
  { key: "target", targets: [{ values: ["u1"], variation: "off" }] },
  { key: "rule", rules: [GERMANY] },
  { key: "split", fallthrough: { split: { weights: HALVES } } },
  { key: "tried", fallthrough: { split: { weights: HALVES, experiment: { key: "exp-a" } } } },
  { key: "seen", exposures: "all", rules: [GERMANY] },
  { key: "price", kind: "number", variations: [{ key: "a", value: 8.5 }], offVariation: null },
  { key: "layout", kind: "object", variations: [{ key: "a", value: { columns: [1, 2] } }], offVariation: null },
  { key: "title", kind: "string", variations: [{ key: "a", value: "Grüße <b>\u2028" }], offVariation: null },
  { key: "hidden", clientSide: false },
];

/** @type {import("./running.js").RunningWorker} */
let worker;
/** @type {import("../serving.js").Serving} */
let server;
/** @type {any} */
let asked;
before(async () => {
  [worker, server] = await together(run(), serve());
  for (const flag of FLAGS) await server.put(flag);
  const edge = { url: server.url, key: server.serverKey };
  asked = { name: "ofrep", options: { environment: "default/production", edge, edgeIntervalS: 0.001, timeoutMs: 20_000 } };
});
after(() => Promise.all([worker?.close(), server?.close()]));

const JSON_TYPE = { "content-type": "application/json" };

/**
 * Send one request to both, and return their answers, the server's first.
 * @param {string} path
 * @param {RequestInit} [init]
 * @param {object} [how]
 */
async function both(path, init = {}, how = {}) {
  const theirs = { method: "POST", ...init, headers: { authorization: `Bearer ${server.clientKey}`, ...JSON_TYPE, ...init.headers } };
  const ours = { method: "POST", ...init, headers: { ...JSON_TYPE, ...init.headers } };
  const answers = await Promise.all([fetch(server.url + path, theirs), worker.fetch(path, { ...asked, ofrep: how }, ours)]);
  return Promise.all(answers.map(told));
}

const COMPARED = ["content-type", "cache-control", "x-pennon-revision", "access-control-allow-origin", "allow"];

/** @param {Response} answer */
async function told(answer) {
  const text = await answer.text();
  const body = text === "" ? null : JSON.parse(text);
  if (body?.metadata) {
    assert.equal(typeof body.metadata.age, "number");
    delete body.metadata.age;
  }
  // Where notices come from is the server's alone.
  delete body?.eventStreams;
  const headers = COMPARED.map((name) => [name, answer.headers.get(name)]);
  return { status: answer.status, headers: Object.fromEntries(headers), body, etag: answer.headers.get("etag") };
}

const CONTEXTS = [{}, { targetingKey: "u1", country: "DE" }, { targetingKey: "u2" }, { targetingKey: 7 }, { targetingKey: true }];
for (const context of CONTEXTS) {
  test(`every flag, one and all, for ${JSON.stringify(context)}`, async () => {
    const body = JSON.stringify({ context });
    for (const { key } of [...FLAGS, { key: "gone" }, { key: "a/b" }, { key: "__proto__" }, { key: "constructor" }]) {
      const [wanted, found] = await both(`/ofrep/v1/evaluate/flags/${key}`, { body });
      // The words of an error are each language's own.
      for (const answer of [wanted, found]) if (answer.body.errorDetails) answer.body.errorDetails = "said";
      assert.deepEqual(found, wanted, key);
    }
    const [{ etag: _, ...wanted }, { etag, ...found }] = await both("/ofrep/v1/evaluate/flags", { body });
    for (const answer of [wanted, found]) for (const flag of answer.body.flags) if (flag.errorDetails) flag.errorDetails = "said";
    assert.deepEqual(found, wanted);
    assert.match(/** @type {string} */ (etag), /^W\/"[0-9a-f]{32}"$/);
  });
}

const nested = (/** @type {number} */ deep) => `${'{"a":'.repeat(deep)}1${"}".repeat(deep)}`;
/** @type {Record<string, RequestInit>} */
const BAD = {
  "no JSON": { body: "{" },
  "a list": { body: "[]" },
  "bytes that are no text": { body: new Uint8Array([0x7b, 0xff, 0x7d]) },
  "a context that is a list": { body: '{"context":[]}' },
  "a context that is a text": { body: '{"context":"u1"}' },
  "a context that is too large": { body: JSON.stringify({ context: { a: "x".repeat(70_000) } }) },
  "a context that is too deep": { body: `{"context":${nested(17)}}` },
  "a context that is as deep as may be": { body: `{"context":${nested(16)}}` },
  "a body that is too large": { body: `{"x":"${"x".repeat(2 ** 20)}","context":{}}` },
  "another type": { body: "{}", headers: { "content-type": "text/plain" } },
  "no body": {},
  "no context": { body: "{}" },
  "a context that is null": { body: '{"context":null}' },
  "GET": { method: "GET" },
};
for (const [what, init] of Object.entries(BAD)) {
  test(`${what} is answered alike, for one flag and for all`, async () => {
    for (const path of ["/ofrep/v1/evaluate/flags/open", "/ofrep/v1/evaluate/flags"]) {
      const [wanted, found] = await both(path, init);
      assert.equal(found.status, wanted.status, path);
      assert.equal(found.body?.errorCode, wanted.body?.errorCode, path);
      assert.deepEqual(Object.keys(found.body), Object.keys(wanted.body), path);
      if (wanted.body.errorCode) assert(found.body.errorDetails, "every error says what is wrong");
    }
  });
}

test("a preflight is answered, without a key", async () => {
  const headers = { origin: "https://shop.example", "access-control-request-method": "POST" };
  const answer = await worker.fetch("/ofrep/v1/evaluate/flags", asked, { method: "OPTIONS", headers });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.match(answer.headers.get("access-control-allow-methods") ?? "", /POST/);
  assert.match(answer.headers.get("access-control-allow-headers") ?? "", /If-None-Match/);
});

test("flags for an unchanged context are not sent again, and a changed context is not frozen", async () => {
  const path = "/ofrep/v1/evaluate/flags";
  const germany = JSON.stringify({ context: { targetingKey: "u1", country: "DE" } });
  const [, { etag }] = await both(path, { body: germany });
  assert(etag);
  const headers = { ...JSON_TYPE, "if-none-match": `"x", ${etag}` };
  const same = await worker.fetch(path, asked, { method: "POST", body: germany, headers });
  assert.deepEqual([same.status, await same.text(), same.headers.get("etag")], [304, "", etag]);
  const other = JSON.stringify({ context: { targetingKey: "u1", country: "FR" } });
  const changed = await worker.fetch(path, asked, { method: "POST", body: other, headers: { ...JSON_TYPE, "if-none-match": etag } });
  assert.equal(changed.status, 200);
  await server.put({ key: "another" });
  await until(async () => {
    const answer = await worker.fetch(path, asked, { method: "POST", body: germany, headers: { ...JSON_TYPE, "if-none-match": etag } });
    await answer.text();
    return answer.status === 200;
  });
});

test("keys and origins are checked where they are told", async () => {
  const ofrep = { keys: ["public"], origins: ["https://shop.example"] };
  const path = "/ofrep/v1/evaluate/flags/open";
  /** @param {Record<string, string>} headers */
  const ask = async (headers) => {
    const answer = await worker.fetch(path, { ...asked, ofrep }, { method: "POST", body: "{}", headers: { ...JSON_TYPE, ...headers } });
    return [answer.status, answer.headers.get("access-control-allow-origin")];
  };
  assert.deepEqual(await ask({}), [401, "*"]);
  assert.deepEqual(await ask({ authorization: "Bearer wrong" }), [401, "*"]);
  assert.deepEqual(await ask({ authorization: "Bearer public" }), [200, "*"]);
  assert.deepEqual(await ask({ "x-api-key": "public", origin: "https://shop.example" }), [200, "https://shop.example"]);
  assert.deepEqual(await ask({ "x-api-key": "public", origin: "https://evil.example" }), [403, null]);
});

test("a key that demands signed targeting keys is answered as by a server", async () => {
  const { secret: key, signingSecret } = await server.api("POST", `${server.path}/keys`, { kind: "client", requireSignature: true });
  const ofrep = { keys: ["public", { key, signingSecret }] };
  const signature = targetingKeySignature(signingSecret, "u1");
  /** @param {object} context @param {Record<string, string>} headers @param {string} [presented] */
  const ask = async (context, headers, presented = key) => {
    const init = { method: "POST", body: JSON.stringify({ context }), headers: { ...JSON_TYPE, "x-api-key": presented, ...headers } };
    const path = "/ofrep/v1/evaluate/flags/open";
    const answers = [worker.fetch(path, { ...asked, ofrep }, init), ...(presented === key ? [fetch(server.url + path, init)] : [])];
    const said = await Promise.all(answers.map(async (each) => [(await each).status, (await (await each).json()).errorCode]));
    if (said.length === 2) assert.deepEqual(said[0], said[1], JSON.stringify([context, headers]));
    return said[0];
  };
  const u1 = { targetingKey: "u1" };
  assert.deepEqual(await ask(u1, { "x-pennon-signature": signature }), [200, undefined]);
  assert.deepEqual(await ask({ country: "DE" }, {}), [200, undefined], "who has no key claims to be nobody");
  assert.deepEqual(await ask(u1, {}, "public"), [200, undefined], "another key demands none");
  for (const [context, headers] of /** @type {[object, Record<string, string>][]} */ ([
    [u1, {}],
    [u1, { "x-pennon-signature": "" }],
    [u1, { "x-pennon-signature": signature.toUpperCase() }],
    [u1, { "x-pennon-signature": targetingKeySignature(signingSecret, "u2") }],
    [u1, { "x-pennon-signature": targetingKeySignature(`${signingSecret}x`, "u1") }],
    [{ targetingKey: 7 }, { "x-pennon-signature": targetingKeySignature(signingSecret, "7") }],
  ])) {
    assert.deepEqual(await ask(context, headers), [401, "INVALID_CONTEXT"], JSON.stringify([context, headers]));
  }
});

test("while there are no flags, a client is told to come back", async () => {
  const empty = { name: "ofrep-empty", options: { environment: "default/production" } };
  const init = { method: "POST", body: "{}", headers: JSON_TYPE };
  const answer = await worker.fetch("/ofrep/v1/evaluate/flags", empty, init);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  assert.deepEqual(Object.keys(/** @type {any} */ (await answer.json())), ["errorCode", "errorDetails"]);
});
