/** OpenFeature's own OFREP providers, unchanged, against a running server: on a server, and on the web by polling. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature as OnServer } from "@openfeature/server-sdk";
import { OpenFeature as OnWeb, ProviderEvents } from "@openfeature/web-sdk";

import { serve, until } from "../serving.js";

const GERMANS = {
  id: "germans",
  conditions: [{ attribute: "country", op: "in", values: ["DE"] }],
  serve: { variation: "off" },
};
const HALVES = {
  split: {
    by: "targetingKey",
    weights: [
      { variation: "on", weight: 50_000 },
      { variation: "off", weight: 50_000 },
    ],
  },
};
const TEXT = "Welcome, Łukasz 😀 </script>";
const LAYOUT = { columns: [1, 2.5, null], dense: true };
const valued = (kind, value) => ({ kind, variations: [{ key: "one", value }] });

/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  server = await serve();
  await server.put({ key: "checkout", rules: [GERMANS] });
  await server.put({ key: "split", fallthrough: HALVES });
  await server.put({ key: "off", on: false });
  await server.put({ key: "silent", on: false, offVariation: null });
  await server.put({ key: "title", ...valued("string", TEXT) });
  await server.put({ key: "limit", ...valued("number", 7.5) });
  await server.put({ key: "layout", ...valued("object", LAYOUT) });
  await server.put({ key: "secret", clientSide: false });
});
after(() => server.close());

const MANY = Array.from({ length: 40 }, (_, index) => `user-${index}`);

describe("the provider for servers", () => {
  const provider = (key = server.serverKey) =>
    new OFREPProvider({ baseUrl: server.url, headers: { Authorization: `Bearer ${key}` } });
  const client = async (key) => {
    await OnServer.setProviderAndWait(provider(key));
    return OnServer.getClient();
  };
  afterEach(() => OnServer.clearProviders());

  test("a value comes with its variation, reason and metadata", async () => {
    const flags = await client();
    const found = await flags.getBooleanDetails("checkout", true, { targetingKey: "u1", country: "DE" });
    assert.deepEqual([found.value, found.variant, found.reason], [false, "off", "TARGETING_MATCH"]);
    assert.equal(found.flagMetadata.ruleId, "germans");
    assert.equal(found.flagMetadata.flagVersion, 1);
    assert.match(String(found.flagMetadata.revision), /^1\.\d+$/);
    assert.equal((await flags.getBooleanDetails("checkout", false, { targetingKey: "u1" })).reason, "DEFAULT");
    assert.equal((await flags.getBooleanDetails("off", true)).reason, "DISABLED");
  });

  test("every type arrives as it is stored", async () => {
    const flags = await client();
    assert.equal(await flags.getStringValue("title", ""), TEXT);
    assert.equal(await flags.getNumberValue("limit", 0), 7.5);
    assert.deepEqual(await flags.getObjectValue("layout", {}), LAYOUT);
  });

  test("a split gives a unit the same variation each time", async () => {
    const flags = await client();
    const all = () => Promise.all(MANY.map((targetingKey) => flags.getBooleanDetails("split", false, { targetingKey })));
    const found = await all();
    assert.deepEqual(
      found.map(({ value }) => value),
      (await all()).map(({ value }) => value),
    );
    assert.deepEqual(new Set(found.map(({ reason }) => reason)), new Set(["SPLIT"]));
  });

  for (const [flag, context, code] of [
    ["nowhere", {}, "FLAG_NOT_FOUND"],
    ["split", {}, "TARGETING_KEY_MISSING"],
    ["checkout", { long: "x".repeat(70_000) }, "INVALID_CONTEXT"],
    ["title", {}, "TYPE_MISMATCH"],
  ]) {
    test(`${code} arrives as what it is, with the caller's default`, async () => {
      const found = await (await client()).getBooleanDetails(flag, true, context);
      assert.deepEqual([found.value, found.reason, found.errorCode], [true, "ERROR", code]);
    });
  }

  test("a key that opens nothing, and a client key for a flag that is not for pages, give the default", async () => {
    assert.equal((await (await client("wrong")).getBooleanDetails("checkout", false)).reason, "ERROR");
    const public_ = await client(server.clientKey);
    assert.equal(await public_.getBooleanValue("checkout", false), true);
    assert.equal((await public_.getBooleanDetails("secret", false)).errorCode, "FLAG_NOT_FOUND");
  });

  test("a flag whose caller's default is meant is an error to it, and the default is served", async () => {
    for (const fallback of [true, false]) {
      const found = await (await client()).getBooleanDetails("silent", fallback);
      assert.deepEqual([found.value, found.reason], [fallback, "ERROR"]);
    }
  });

  test("a flag that is flipped is flipped with the next evaluation", async () => {
    const place = await server.environment("flipped");
    await place.put({ key: "checkout" });
    const flags = await client(place.serverKey);
    assert.equal(await flags.getBooleanValue("checkout", false), true);
    await place.turnOff("checkout");
    assert.equal(await flags.getBooleanValue("checkout", true), false);
  });
});

describe("the provider for the web, by polling", () => {
  /** @type {OFREPWebProvider[]} */
  const made = [];
  const provider = (key, options = {}) => {
    const headers = /** @type {[string, string][]} */ ([["Authorization", `Bearer ${key}`]]);
    made.push(new OFREPWebProvider({ baseUrl: server.url, headers, cacheMode: "disabled", changeDetection: "polling", ...options }));
    return made[made.length - 1];
  };
  afterEach(async () => {
    await OnWeb.clearProviders();
    await OnWeb.setContext({});
    await Promise.all(made.splice(0).map((one) => one.onClose().catch(() => {})));
  });

  test("all client-side flags are there at once, and no others", async () => {
    await OnWeb.setProviderAndWait(provider(server.clientKey), { targetingKey: "u1", country: "DE" });
    const flags = OnWeb.getClient();
    const found = flags.getBooleanDetails("checkout", true);
    assert.deepEqual([found.value, found.variant, found.reason], [false, "off", "TARGETING_MATCH"]);
    assert.equal(found.flagMetadata.ruleId, "germans");
    assert.equal(flags.getStringValue("title", ""), TEXT);
    assert.equal(flags.getNumberValue("limit", 0), 7.5);
    assert.deepEqual(flags.getObjectValue("layout", {}), LAYOUT);
    for (const fallback of [true, false]) {
      const silent = flags.getBooleanDetails("silent", fallback);
      assert.deepEqual([silent.value, silent.reason], [fallback, "DISABLED"]);
    }
    assert.equal(flags.getBooleanDetails("secret", false).errorCode, "FLAG_NOT_FOUND");
    assert.equal(flags.getBooleanDetails("title", true).errorCode, "TYPE_MISMATCH");
  });

  test("one flag that fails is a failure, and harms no other", async () => {
    await OnWeb.setProviderAndWait(provider(server.clientKey), {});
    const found = OnWeb.getClient().getBooleanDetails("split", true);
    assert.deepEqual([found.value, found.errorCode], [true, "TARGETING_KEY_MISSING"]);
    assert.equal(OnWeb.getClient().getBooleanValue("checkout", false), true);
  });

  test("another context has its own values", async () => {
    await OnWeb.setProviderAndWait(provider(server.clientKey), { targetingKey: "u1" });
    const flags = OnWeb.getClient();
    assert.equal(flags.getBooleanValue("checkout", false), true);
    await OnWeb.setContext({ targetingKey: "u1", country: "DE" });
    assert.equal(flags.getBooleanValue("checkout", true), false);
  });

  test("a flipped flag is seen with a poll, named in the event, and an unchanged answer is a 304", async () => {
    const place = await server.environment("polled");
    await place.put({ key: "checkout" });
    await place.put({ key: "other" });
    const statuses = [];
    const watched = async (...asked) => {
      const answer = await fetch(...asked);
      statuses.push(answer.status);
      return answer;
    };
    const polling = provider(place.clientKey, { pollInterval: 50, fetchImplementation: watched });
    await OnWeb.setProviderAndWait(polling, { targetingKey: "u1" });
    const flags = OnWeb.getClient();
    const changed = [];
    flags.addHandler(ProviderEvents.ConfigurationChanged, (details) => void changed.push(...(details?.flagsChanged ?? [])));
    await until(() => statuses.includes(304));
    await place.turnOff("checkout");
    // The provider names the others too, for their metadata has the revision.
    await until(() => changed.includes("checkout"));
    assert.equal(flags.getBooleanValue("checkout", true), false);
    assert.equal(flags.getBooleanValue("other", false), true);
  });

  test("a key that opens nothing is fatal at once", async () => {
    await assert.rejects(OnWeb.setProviderAndWait(provider("wrong")), { code: "PROVIDER_FATAL" });
    assert.equal(OnWeb.getClient().getBooleanValue("checkout", false), false);
  });

  test("a server that is gone leaves the values, says stale, and is heard when it is back", async () => {
    await OnWeb.setProviderAndWait(provider(server.clientKey, { pollInterval: 50, timeoutMs: 2000 }), { targetingKey: "u1" });
    const flags = OnWeb.getClient();
    await server.kill();
    await until(() => flags.providerStatus === "STALE");
    assert.equal(flags.getBooleanValue("checkout", false), true);
    await server.start();
    await server.turnOff("checkout");
    await until(() => flags.getBooleanValue("checkout", true) === false);
  });
});
