/** The browser's client against a running server, without a browser. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "pennon/browser";
import { localRules } from "pennon/browser/local";
import { nativePlatform } from "pennon/react/native";

import { serve, until } from "../serving.js";
import { NodeRequest } from "../xmlhttprequest.js";

const PRO = { id: "r1", conditions: [{ attribute: "plan", op: "in", values: ["pro"] }], serve: { variation: "on" } };
const OFF = { fallthrough: { variation: "off" } };
const SPLIT = { by: "targetingKey", weights: [{ variation: "on", weight: 100_000 }], experiment: { key: "exp-a" } };

/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  server = await serve();
});
after(() => server.close());

/** Start a client; `answers` are what it was answered. @param {Record<string, any>} [options] */
async function started({ place = server, platform, ...options } = {}) {
  const answers = /** @type {{ path: string, status: number, body: any }[]} */ ([]);
  const fetch = async (/** @type {any} */ input, /** @type {any} */ init) => {
    const response = await globalThis.fetch(input, init);
    answers.push({ path: new URL(input).pathname, status: response.status, body: await response.clone().json().catch(() => null) });
    return response;
  };
  const own = { key: place.clientKey, context: { targetingKey: "u1" }, start: true, platform: { fetch, ...platform } };
  const flags = new Client(place.url, { ...own, ...options });
  assert.equal(await flags.whenReady({ timeoutMs: 60_000 }), true, String(flags.status().problem));
  return { flags, answers };
}

test("values are those of the context, and are not sent twice", async () => {
  const place = await server.environment("values");
  await place.put({ key: "checkout", rules: [PRO], ...OFF });
  const { flags, answers } = await started({ place });
  assert.deepEqual([flags.boolean("checkout", true), flags.evaluation("checkout").reason], [false, "FALLTHROUGH"]);
  assert.equal(await flags.refresh(), true);
  assert.deepEqual(answers.map(({ status }) => status), [200, 304]);
  assert.equal(await flags.updateContext({ plan: "pro" }), true);
  const { value, reason, ruleId, flagVersion } = flags.evaluation("checkout");
  assert.deepEqual([value, reason, ruleId, flagVersion], [true, "RULE_MATCH", "r1", 1]);
  assert.match(String(flags.flagsVersion), /^v\d+_[0-9a-f]{8}$/);
  flags.close();
});

test("what depends on an unmet prerequisite is not said to be off", async () => {
  const place = await server.environment("prerequisites");
  await place.put({ key: "base", ...OFF });
  await place.put({ key: "needy", prerequisites: [{ flag: "base", variations: ["on"] }] });
  const { flags } = await started({ place });
  assert.equal(flags.boolean("needy", true), false);
  assert.equal(flags.evaluation("needy").reason, "PREREQUISITE_FAILED");
  flags.close();
});

test("a notice brings what changed", async () => {
  const place = await server.environment("notices");
  await place.put({ key: "checkout", critical: true });
  const platform = await nativePlatform({ XMLHttpRequest: /** @type {any} */ (NodeRequest) });
  const { flags } = await started({ place, platform });
  await until(() => flags.status().level === 0);
  await place.turnOff("checkout");
  await until(() => flags.boolean("checkout", true) === false);
  flags.close();
  platform.close();
});

test("what is read is counted, and what is tried is seen", async () => {
  const place = await server.environment("counting");
  await place.put({ key: "tried", ...OFF, fallthrough: { split: SPLIT } });
  const { flags, answers } = await started({ place });
  for (let n = 0; n < 5; n++) flags.boolean("tried", false);
  assert.equal(flags.track("order-value", { value: 42.5 }), true);
  assert.equal(await flags.flush(), true);
  const [batch] = answers.filter(({ path }) => path === "/sdk/v1/events");
  // A counter, an exposure, a metric.
  assert.deepEqual([batch.status, batch.body], [202, { accepted: 3, duplicate: false, unknown: 0 }]);
  flags.close();
});

test("rules are evaluated here, where the environment offers them", async () => {
  const place = await server.environment("rules", { clientRules: true });
  await place.put({ key: "checkout", rules: [PRO], ...OFF });
  const { flags, answers } = await started({ place, rules: localRules() });
  assert.equal(flags.status().source, "rules");
  await flags.updateContext({ plan: "pro" });
  assert.equal(flags.boolean("checkout", false), true);
  await place.turnOff("checkout");
  await flags.refresh();
  assert.equal(flags.boolean("checkout", true), false);
  assert.equal(await flags.refresh(), true);
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 304]);
  const asked = { method: "POST", headers: { "X-API-Key": place.clientKey } };
  const told = await fetch(`${place.url}/ofrep/v1/evaluate/flags`, asked);
  assert.equal(flags.flagsVersion, (await told.json()).metadata.flagsVersion, "it is the version that notices name");
  flags.close();
});

test("a key that nobody knows is said so, with the mend", async () => {
  const warned = /** @type {string[]} */ ([]);
  const platform = { warn: (/** @type {string} */ message) => void warned.push(message) };
  const flags = new Client(server.url, { key: "pennon_client_unknown", start: true, defaults: { checkout: true }, platform });
  await until(() => warned.length > 0);
  assert.match(warned[0], /401.*key/);
  assert.equal(flags.boolean("checkout", false), true);
  flags.close();
});

test("a server that is gone changes nothing, and is heard when it is back", async () => {
  const place = await server.environment("gone");
  await place.put({ key: "checkout" });
  const { flags } = await started({ place, platform: { warn: () => {} } });
  await server.kill();
  assert.equal(await flags.refresh(), false);
  assert.deepEqual([flags.boolean("checkout", false), flags.status().level], [true, 2]);
  await server.start();
  await until(() => flags.refresh());
  assert.deepEqual([flags.boolean("checkout", false), flags.status().problem], [true, null]);
  flags.close();
});
