/** The provider for the web under OpenFeature's own SDK, over the browser's client, whose far end the test holds. */

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { OpenFeature, ProviderEvents, ProviderStatus } from "@openfeature/web-sdk";
import { Client } from "pennon/browser";
import { PennonProvider } from "pennon/openfeature/web";

import { until } from "../serving.js";
import { bootstrapOf, Far, json, Store } from "./ofrep-far-end.js";

const logged = [];
const log = (...words) => void logged.push(words.join(" "));
OpenFeature.setLogger({ error: log, warn: log, info: () => {}, debug: () => {} });

const clients = [];
const warnings = [];
/** The client leaves bounds of waiting to run out, which would keep the process. */
const timers = [];
const later = (ms, run) => {
  const timer = setTimeout(run, ms);
  timers.push(timer);
  return () => clearTimeout(timer);
};
function clientOf(far, { store = new Store(), ...options } = {}) {
  const platform = { fetch: far.fetch, storage: store, later, warn: (message) => void warnings.push(message) };
  const client = new Client("http://127.0.0.1:1", { key: "pennon_client_x", start: true, events: false, platform, ...options });
  clients.push(client);
  return client;
}
async function started(options = {}, context) {
  const far = new Far();
  const client = clientOf(far, options);
  await OpenFeature.setProviderAndWait(new PennonProvider(client), ...(context ? [context] : []));
  return { far, client, flags: OpenFeature.getClient() };
}
function heard() {
  const said = [];
  for (const event of Object.values(ProviderEvents)) OpenFeature.addHandler(event, (details) => void said.push([event.replace("PROVIDER_", ""), details]));
  return { said, names: () => said.map(([event]) => event) };
}
afterEach(async () => {
  OpenFeature.clearHandlers();
  OpenFeature.clearHooks();
  await OpenFeature.clearProviders();
  await OpenFeature.setContext({});
  for (const client of clients.splice(0)) client.close();
  timers.splice(0).forEach(clearTimeout);
  warnings.length = 0;
  assert.deepEqual(logged.splice(0), []);
});

describe("what is answered", () => {
  for (const [flag, fallback, value, variant, reason] of [
    ["plain", false, true, "on", "DEFAULT"],
    ["ruled", false, true, "on", "TARGETING_MATCH"],
    ["greeting", "", "hello ada", "one", "SPLIT"],
    ["limit", 0, 7.5, "one", "DEFAULT"],
    ["layout", {}, { columns: [1, null], nested: { dense: true } }, "one", "DEFAULT"],
    ["off", true, false, "off", "DISABLED"],
    ["silent", true, true, undefined, "DISABLED"],
    ["stale", true, false, "off", "STALE"],
  ]) {
    test(`${flag} is ${reason}`, async () => {
      const { flags } = await started({}, { targetingKey: "ada" });
      const ask = { boolean: "getBooleanDetails", string: "getStringDetails", number: "getNumberDetails", object: "getObjectDetails" };
      const found = flags[ask[typeof fallback]](flag, fallback);
      assert.deepEqual([found.value, found.variant, found.reason, found.errorCode], [value, variant, reason, undefined]);
      assert.equal(found.flagMetadata.revision, "1.1");
      assert.equal(typeof found.flagMetadata.age, "number");
      assert.equal(found.flagMetadata.flagVersion, flag === "ruled" ? 3 : 1);
      assert.equal(found.flagMetadata.ruleId, flag === "ruled" ? "r1" : undefined);
    });
  }

  for (const [flag, code] of [
    ["nowhere", "FLAG_NOT_FOUND"],
    ["failing", "TARGETING_KEY_MISSING"],
    ["title", "TYPE_MISMATCH"],
  ]) {
    test(`${code} comes with the caller's default and words`, async () => {
      const found = (await started()).flags.getBooleanDetails(flag, true);
      assert.deepEqual([found.value, found.reason, found.errorCode], [true, "ERROR", code]);
      assert(found.errorMessage);
    });
  }

  test("an object is the caller's own to change", async () => {
    const { flags } = await started();
    flags.getObjectValue("layout", {}).nested.dense = "changed";
    assert.equal(flags.getObjectValue("layout", {}).nested.dense, true);
  });
});

describe("the beginning", () => {
  test("a bootstrap answers in the same turn, and nothing is waited for", async () => {
    const far = new Far();
    const release = far.hold();
    const { said, names } = heard();
    said.length = 0;
    OpenFeature.setProvider(new PennonProvider(clientOf(far, { bootstrap: bootstrapOf({ plain: { value: true, variation: "on", reason: "FALLTHROUGH", flagVersion: 1 } }) })));
    const found = OpenFeature.getClient().getBooleanDetails("plain", false);
    assert.deepEqual([found.value, found.reason], [true, "DEFAULT"]);
    await until(() => names().includes("READY"));
    release();
    await until(() => names().includes("CONFIGURATION_CHANGED"));
    assert.deepEqual(names().filter((name) => name !== "CONFIGURATION_CHANGED"), ["READY"]);
  });

  test("what an earlier visit kept answers as cached, until the network has", async () => {
    const store = new Store();
    const first = await started({ store }, { targetingKey: "ada" });
    first.client.close();
    await OpenFeature.clearProviders();
    const far = new Far();
    const release = far.hold();
    OpenFeature.setProvider(new PennonProvider((context) => clientOf(far, { store, context })), { targetingKey: "ada" });
    const flags = OpenFeature.getClient();
    assert.deepEqual([flags.getStringDetails("greeting", "").value, flags.getStringDetails("greeting", "").reason], ["hello ada", "CACHED"]);
    assert.equal(flags.getBooleanDetails("failing", true).reason, "ERROR");
    release();
    await until(() => flags.getStringDetails("greeting", "").reason === "SPLIT");
    assert.equal(flags.providerStatus, ProviderStatus.READY);
  });

  test("a client made for the context asks once", async () => {
    const far = new Far();
    const make = (context) => clientOf(far, { context });
    await OpenFeature.setProviderAndWait(new PennonProvider(make), { targetingKey: "ada", seen: { at: new Date(0) } });
    assert.deepEqual(far.asked, [{ targetingKey: "ada", seen: { at: "1970-01-01T00:00:00.000Z" } }]);
  });

  test("a client keeps its own context where OpenFeature has none", async () => {
    const { far, flags } = await started({ context: { targetingKey: "grace" } });
    assert.equal(flags.getStringValue("greeting", ""), "hello grace");
    assert.equal(far.asked.length, 1);
  });

  for (const status of [401, 403]) {
    test(`a refusal (${status}) is fatal at once, with the mend`, async () => {
      const far = new Far();
      far.fails = () => json({ errorDetails: "no" }, status);
      await assert.rejects(OpenFeature.setProviderAndWait(new PennonProvider(clientOf(far), { readyTimeoutMs: 2000 })), { code: "PROVIDER_FATAL", message: new RegExp(`${status}`) });
      assert.equal(OpenFeature.getClient().getBooleanValue("plain", false), false);
    });
  }

  test("no values in time is an error, and they are said when they come", async () => {
    const far = new Far();
    far.fails = () => json({}, 503);
    const client = clientOf(far);
    await assert.rejects(OpenFeature.setProviderAndWait(new PennonProvider(client, { readyTimeoutMs: 20 })), { code: "PROVIDER_NOT_READY", message: /503/ });
    const flags = OpenFeature.getClient();
    assert.equal(flags.providerStatus, ProviderStatus.ERROR);
    assert.equal(flags.getBooleanValue("plain", false), false);
    far.fails = null;
    await client.refresh();
    assert.equal(flags.providerStatus, ProviderStatus.READY);
    assert.equal(flags.getBooleanValue("plain", false), true);
  });
});

describe("another context", () => {
  test("the old values stay until the new ones are in", async () => {
    const { far, flags } = await started({}, { targetingKey: "ada" });
    const { names } = heard();
    const release = far.hold();
    const changing = OpenFeature.setContext({ targetingKey: "ada", country: "DE" });
    assert.equal(flags.providerStatus, ProviderStatus.RECONCILING);
    assert.equal(flags.getBooleanValue("ruled", false), true);
    release();
    await changing;
    assert.equal(flags.getBooleanValue("ruled", true), false);
    assert.equal(flags.providerStatus, ProviderStatus.READY);
    assert.deepEqual(names().slice(-3).sort(), ["CONFIGURATION_CHANGED", "CONTEXT_CHANGED", "RECONCILING"]);
  });

  test("the latest context's values hold, whichever answer is late", async () => {
    const { far, flags } = await started({}, { targetingKey: "ada" });
    const release = far.hold();
    const first = OpenFeature.setContext({ targetingKey: "ada", country: "DE" });
    const second = OpenFeature.setContext({ targetingKey: "grace", country: "FR" });
    release();
    await Promise.all([first, second]);
    assert.deepEqual([flags.getBooleanValue("ruled", false), flags.getStringValue("greeting", "")], [true, "hello grace"]);
    assert.equal(flags.providerStatus, ProviderStatus.READY);
  });

  test("an attribute that is gone is gone, and an equal context asks nobody", async () => {
    const { far } = await started({}, { targetingKey: "ada", country: "DE", plan: "free" });
    await OpenFeature.setContext({ targetingKey: "ada", plan: "premium" });
    assert.deepEqual(far.asked.at(-1), { targetingKey: "ada", plan: "premium" });
    const { length } = far.asked;
    await OpenFeature.setContext({ plan: "premium", targetingKey: "ada" });
    assert.equal(far.asked.length, length);
    await OpenFeature.setContext({ targetingKey: "grace", country: "FR" });
    assert.deepEqual(far.asked.at(-1), { targetingKey: "grace", country: "FR" });
  });

  test("who leaves is an anonymous visitor, and nothing of the user is kept", async () => {
    const store = new Store();
    const { far, flags } = await started({ store }, { targetingKey: "ada", plan: "premium" });
    assert([...store.items.values()].some((text) => text.includes("hello ada")));
    await OpenFeature.setContext({ country: "DE" });
    const { targetingKey, ...attributes } = far.asked.at(-1);
    assert.deepEqual(attributes, { country: "DE" });
    assert(targetingKey.length > 20 && !targetingKey.includes("ada"), targetingKey);
    assert.equal(flags.getStringValue("greeting", ""), "hello stranger");
    assert.equal(flags.getBooleanValue("ruled", true), false);
    assert(![...store.items.values()].some((text) => text.includes("hello ada")));
    await OpenFeature.setContext({});
    assert.deepEqual(far.asked.at(-1), { targetingKey });
  });

  test("who signs in may stay on the side where they were", async () => {
    const far = new Far();
    await OpenFeature.setProviderAndWait(new PennonProvider(clientOf(far), { keepBucketing: true }));
    const [{ targetingKey }] = far.asked;
    await OpenFeature.setContext({ targetingKey: "ada" });
    assert.deepEqual(far.asked.at(-1), { targetingKey, userKey: "ada" });
  });

  test("a context whose values cannot be had is an error that leaves what is known, and ends when they come", async () => {
    const { far, client, flags } = await started({}, { targetingKey: "ada" });
    const { names } = heard();
    far.fails = () => json({}, 503);
    await OpenFeature.setContext({ targetingKey: "ada", country: "DE" });
    assert.match(logged.splice(0).join(), /answers 503/);
    assert.equal(flags.providerStatus, ProviderStatus.ERROR);
    assert.equal(flags.getBooleanValue("ruled", false), true);
    await client.refresh();
    assert.equal(flags.providerStatus, ProviderStatus.ERROR, "values of another context are not merely stale");
    far.fails = null;
    await client.refresh();
    await until(() => flags.providerStatus === ProviderStatus.READY);
    assert.equal(flags.getBooleanValue("ruled", true), false);
    assert(names().includes("ERROR"));
  });
});

describe("afterwards", () => {
  test("a flipped flag is told by name, and a server that is gone by staleness", async () => {
    const { far, client, flags } = await started({}, { targetingKey: "ada" });
    const { said, names } = heard();
    said.length = 0;
    const { flags: before } = far;
    far.flags = (context) => ({ ...before(context), plain: { value: false, variant: "off", reason: "DISABLED" } });
    far.revision = 2;
    await client.refresh();
    assert.deepEqual(said[0][1].flagsChanged, ["plain"]);
    assert.equal(said[0][1].metadata.revision, "1.2");
    assert.equal(flags.getBooleanValue("plain", true), false);
    far.fails = () => Promise.reject(new TypeError("no network"));
    await client.refresh();
    assert.equal(flags.providerStatus, ProviderStatus.STALE);
    assert.equal(flags.getBooleanValue("plain", true), false);
    far.fails = null;
    await client.refresh();
    assert.equal(flags.providerStatus, ProviderStatus.READY);
    assert.deepEqual(names(), ["CONFIGURATION_CHANGED", "STALE", "READY"]);
  });

  test("hooks see the answer and its metadata", async () => {
    const seen = [];
    OpenFeature.addHooks({
      after: ({ flagKey }, { reason, flagMetadata }) => void seen.push([flagKey, reason, flagMetadata.ruleId]),
      error: ({ flagKey }, error) => void seen.push([flagKey, error.code]),
    });
    const { flags } = await started();
    flags.getBooleanValue("ruled", false);
    flags.getBooleanValue("nowhere", false);
    assert.deepEqual(seen, [
      ["ruled", "TARGETING_MATCH", "r1"],
      ["nowhere", "FLAG_NOT_FOUND"],
    ]);
  });

  test("what is tracked is the client's, with the event's value or 1", async () => {
    const { client, flags } = await started();
    const tracked = [];
    client.track = (...what) => void tracked.push(what);
    flags.track("order-value", { value: 42.5, currency: "EUR" });
    flags.track("visited");
    assert.deepEqual(tracked, [
      ["order-value", { value: 42.5 }],
      ["visited", { value: 1 }],
    ]);
  });

  test("it is for one domain, which has its own context", async () => {
    const far = new Far();
    const provider = new PennonProvider(clientOf(far));
    await OpenFeature.setProviderAndWait("shop", provider, { targetingKey: "ada" });
    assert.equal(OpenFeature.getClient("shop").getStringValue("greeting", ""), "hello ada");
    await assert.rejects(OpenFeature.setProviderAndWait("blog", provider), /more than one domain/);
  });

  test("closing closes the client, unless it is kept, and then it answers no more", async () => {
    for (const closesClient of [true, false]) {
      const far = new Far();
      const client = clientOf(far);
      const provider = new PennonProvider(client, { closesClient });
      await OpenFeature.setProviderAndWait(provider);
      await OpenFeature.clearProviders();
      assert.equal(await client.refresh(), !closesClient);
      assert.throws(() => provider.resolveBooleanEvaluation("plain", false), { code: "PROVIDER_NOT_READY" });
      provider.track("visited");
      assert.equal(provider.onContextChange({}, { targetingKey: "ada" }), undefined);
    }
  });
});
