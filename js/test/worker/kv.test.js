/** Flags out of Workers KV, in workerd: what is published is served, and nothing else, whatever happens to it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import { until } from "../serving.js";
import { boolean, snapshot } from "./documents.js";
import { ENVIRONMENT, metadataOf, run } from "./running.js";

/** @type {import("./running.js").RunningWorker} */
let worker;
before(async () => void (worker = await run()));
after(() => worker?.close());

let number = 0;
/**
 * Return what a request says of an isolate of its own, which looks into KV again at once.
 * @param {object} [options]
 * @param {object} [rest]
 */
function isolate(options = {}, rest = {}) {
  const quick = { environment: ENVIRONMENT, kvIntervalS: 0.001, timeoutMs: 30_000, ...options };
  return { name: `kv-${++number}`, usesKv: true, flags: ["checkout"], options: quick, ...rest };
}

const ON = boolean("checkout");
const OFF = boolean("checkout", { version: 2, on: false });

/** @param {object} asked */
async function value(asked) {
  return (await worker.ask(asked)).values.checkout.value;
}

test("an isolate's first request is answered by what is published, and later ones out of memory", async () => {
  await worker.publish(snapshot(7, [ON]));
  const asked = isolate({ kvIntervalS: 1000 });
  const first = await worker.ask(asked);
  assert.equal(first.values.checkout.value, true);
  assert.deepEqual([first.revision, first.status.level, first.reads], ["1.7", 1, 1]);
  await Promise.all(Array.from({ length: 20 }, () => worker.ask(asked)));
  assert.equal((await worker.ask(asked)).reads, 1);
});

test("many first requests read KV once", async () => {
  await worker.publish(snapshot(7, [ON]));
  const asked = isolate({ kvIntervalS: 1000 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => worker.ask(asked)));
  assert.deepEqual([...new Set(answers.map((each) => each.values.checkout.value))], [true]);
  assert.equal((await worker.ask(asked)).reads, 1);
});

test("a change is seen by a request that comes after it, and a lagging location takes nothing back", async () => {
  await worker.publish(snapshot(8, [ON]));
  const asked = isolate();
  assert.equal(await value(asked), true);
  await worker.publish(snapshot(9, [OFF]));
  await until(async () => (await value(asked)) === false);
  await worker.publish(snapshot(8, [ON]));
  const { reads } = await worker.ask(asked);
  await until(async () => (await worker.ask(asked)).reads > reads + 3);
  const { revision, values, status } = await worker.ask(asked);
  assert.deepEqual([revision, values.checkout.value, status.problem], ["1.9", false, ""]);
});

test("a higher epoch is followed to a lower revision", async () => {
  await worker.publish(snapshot(9, [OFF]));
  const asked = isolate();
  assert.equal(await value(asked), false);
  await worker.publish(snapshot(2, [ON], { epoch: 2 }));
  await until(async () => (await worker.ask(asked)).revision === "2.2");
  assert.equal(await value(asked), true);
});

const GOOD = snapshot(20, [OFF]);
const PACKED = gzipSync(GOOD);
const flipped = Uint8Array.from(PACKED, (byte, at) => (at === PACKED.length >> 1 ? byte ^ 4 : byte));
/** @type {Record<string, [string, Parameters<import("./running.js").RunningWorker["publish"]>[1], RegExp]>} */
const SPOILED = {
  "is cut off": [GOOD, { packed: PACKED.subarray(0, PACKED.length - 20) }, /damaged or cut off/],
  "has a wrong bit": [GOOD, { packed: flipped }, /damaged or cut off/],
  "is empty": [GOOD, { packed: new Uint8Array(0) }, /damaged or cut off/],
  "is no gzip": [GOOD, { packed: Buffer.from(GOOD) }, /damaged or cut off/],
  "is an HTML page": [GOOD, { packed: gzipSync("<!doctype html>") }, /damaged or cut off/],
  "is half a JSON": [GOOD, { packed: gzipSync(GOOD.slice(0, GOOD.length >> 1)) }, /damaged or cut off/],
  "is another one than its metadata says": [GOOD, { metadata: { ...metadataOf(GOOD), digest: "0".repeat(64) } }, /its metadata says/],
  "lacks a flag": [GOOD.replace(/"flags":\{.*\},"segments"/, '"flags":{},"segments"'), {}, /not what its digest says/],
  "is no snapshot": [`{"digest":"${"0".repeat(64)}"}`, { metadata: metadataOf(snapshot(20, [])) }, /no snapshot/],
  "is of another environment": [snapshot(20, [OFF], { environment: "other/production" }), {}, /of the environment 'other\/production'/],
  "is of a newer protocol": [snapshot(20, [OFF], { spec: 2 }), {}, /protocol 2.*update/],
  "is of a newer format": [GOOD, { metadata: { ...metadataOf(GOOD), format: 2 } }, /format 2.*update/],
  "was written by somebody else": [GOOD, { metadata: null }, /not written by Pennon/],
};
for (const [what, [body, how, said]] of Object.entries(SPOILED)) {
  test(`a document that ${what} is not served: the isolate stays where it is, and says so once`, async () => {
    await worker.publish(snapshot(19, [ON]));
    const asked = isolate();
    assert.equal(await value(asked), true);
    await worker.publish(body, how);
    const isolated = isolate();
    assert.equal(await value(isolated), "fallback");
    const { status, values, warnings } = await until(async () => {
      const found = await worker.ask(asked);
      return found.status.problem !== "" && found.reads > 4 && found;
    });
    assert.match(status.problem, said);
    assert.deepEqual([status.level, values.checkout.value], [2, true]);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /^pennon: KV: /);
    await worker.publish(snapshot(21, [OFF]));
    await until(async () => (await value(asked)) === false && (await value(isolated)) === false);
    assert.equal((await worker.ask(asked)).status.problem, "");
  });
}

const VECTORS = new URL("../../../spec/vectors/dialects/", import.meta.url);
for (const name of ["flagd-v3-flags", "growthbook-javascript-features", "launchdarkly-node-segments", "unleash-node-variants"]) {
  test(`imported flags are evaluated as their vendor does, in one bundle: ${name}`, async () => {
    const { snapshot: imported, cases } = JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), "utf8"));
    await worker.publish(snapshot(25, Object.values(imported.flags), { segments: imported.segments }));
    const asked = isolate({ kvIntervalS: 1000 });
    for (const { flag, context, expect } of cases) {
      const { values } = await worker.ask({ ...asked, flags: [flag], context });
      const { variation, reason } = values[flag];
      assert.deepEqual([variation, reason], [expect.variation, expect.reason], `${flag} for ${JSON.stringify(context)}`);
    }
  });
}

test("while KV is gone the last known is served, and what came meanwhile once it is back", async () => {
  await worker.publish(snapshot(30, [ON]));
  const asked = isolate();
  assert.equal(await value(asked), true);
  await until(async () => (await worker.ask({ ...asked, mode: "gone" })).status.level === 2);
  assert.equal(await value(asked), true);
  await worker.publish(snapshot(31, [OFF]));
  await until(async () => (await worker.ask({ ...asked, mode: "ok" })).values.checkout.value === false);
  assert.deepEqual([(await worker.ask(asked)).status.level, (await worker.ask(asked)).warnings.length], [1, 1]);
});

test("an isolate that starts without KV answers the defaults, and heals", async () => {
  await worker.publish(snapshot(32, [ON]));
  const asked = isolate({}, { mode: "gone" });
  const { values, status, ready } = await worker.ask(asked);
  assert.deepEqual([values.checkout.value, values.checkout.errorCode, ready, status.level], ["fallback", "PROVIDER_NOT_READY", false, 3]);
  assert.match(status.problem, /KV GET failed/);
  await until(async () => (await worker.ask({ ...asked, mode: "ok" })).values.checkout.value === true);
});

test("a KV that hangs costs first requests their bound, and no more once it has failed them", async () => {
  const asked = isolate({ timeoutMs: 1500 }, { mode: "hangs" }); // as long as ten may take to come on a busy machine
  const answers = await Promise.all(Array.from({ length: 10 }, () => worker.ask(asked)));
  assert.deepEqual([...new Set(answers.map((each) => each.values.checkout.value))], ["fallback"]);
  assert.equal(answers.at(-1).reads, 1);
});

test("a first request that leaves early does not hold up those that waited for it", async () => {
  await worker.publish(snapshot(33, [ON]));
  const asked = isolate({ timeoutMs: 100 }, { mode: "hangs" });
  const leaving = new AbortController();
  const left = worker.fetch("/", asked, { signal: leaving.signal }).catch(() => "left");
  const waiting = worker.ask(asked);
  leaving.abort();
  assert.equal(await left, "left");
  assert.equal((await waiting).values.checkout.value, "fallback");
});

test("a request without a context waits for the refresh that is due, since nothing is done behind it", async () => {
  await worker.publish(snapshot(40, [ON]));
  const asked = { ...isolate(), withoutContext: true };
  assert.equal(await value(asked), true);
  await worker.publish(snapshot(41, [OFF]));
  await until(async () => (await worker.ask(asked)).revision === "1.41");
  assert.equal(await value(asked), false);
});

const BOUND = { staleness: { maxAgeS: 60, serve: { variation: "off" } } };
test("a flag's staleness bound counts from when the document was known to be current", async () => {
  const body = snapshot(50, [boolean("checkout", BOUND), boolean("other")]);
  const asked = { ...isolate(), flags: ["checkout", "other"] };
  await worker.publish(body, { metadata: { ...metadataOf(body), knownAt: Date.now() - 61_000 } });
  const { values, ageS } = await worker.ask(asked);
  assert.deepEqual([values.checkout.reason, values.checkout.value, values.other.value], ["STALE", false, true]);
  assert(ageS >= 61 && ageS < 600, `${ageS}`);
  await worker.publish(body, { metadata: { ...metadataOf(body), knownAt: Date.now() } });
  await until(async () => (await worker.ask(asked)).values.checkout.reason === "FALLTHROUGH");
});

test("where nobody says how old a document is, flags with a bound are taken for stale", async () => {
  await worker.publish(snapshot(51, [boolean("checkout", BOUND)]));
  const { values, status } = await worker.ask(isolate());
  assert.deepEqual([values.checkout.reason, status.ageS], ["STALE", null]);
});

test("a state older than lastKnownTtlS is not served", async () => {
  const body = snapshot(52, [ON]);
  await worker.publish(body, { metadata: { ...metadataOf(body), knownAt: Date.now() - 100_000 } });
  const { values, status } = await worker.ask(isolate({ lastKnownTtlS: 99 }));
  assert.deepEqual([values.checkout.errorCode, status.level], ["PROVIDER_NOT_READY", 3]);
  assert.equal(await value(isolate({ lastKnownTtlS: 10_000 })), true);
});

test("settings that cannot be used are said, and a worker goes on with the defaults", async () => {
  const asked = { name: "unusable", flags: ["checkout"], options: { timeoutMs: -1, edge: { url: "flags.example" } } };
  const { values, warnings, status } = await worker.ask(asked);
  assert.equal(values.checkout.value, "fallback");
  const all = ["timeoutMs is -1", "edge is not { url, key }", "environment is missing", "nowhere to take flags from"];
  for (const said of all) assert(warnings.some((/** @type {string} */ each) => each.includes(said)), `${said} in ${warnings}`);
  assert(all.every((said) => status.problem.includes(said)));
});
