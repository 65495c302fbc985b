/** Pennon's own OpenFeature providers against a running server: what changes there is told here. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { OpenFeature as OnServer, ProviderStatus } from "@openfeature/server-sdk";
import { OpenFeature as OnWeb, ProviderEvents } from "@openfeature/web-sdk";
import { Client as PageClient } from "pennon/browser";
import { PennonProvider as ServerProvider } from "pennon/openfeature/server";
import { PennonProvider as WebProvider } from "pennon/openfeature/web";
import { nativePlatform } from "pennon/react/native";
import { Client as ProcessClient } from "pennon/server";

import { serve, until } from "../serving.js";
import { NodeRequest } from "../xmlhttprequest.js";

const GERMANS = { id: "germans", conditions: [{ attribute: "country", op: "in", values: ["DE"] }], serve: { variation: "off" } };

/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  server = await serve();
});
after(() => server.close());

describe("on a server", () => {
  afterEach(() => OnServer.clearProviders());

  async function started(place, options = {}) {
    const client = new ProcessClient(place.url, { key: place.serverKey, pollIntervalMs: 200 });
    await OnServer.setProviderAndWait(new ServerProvider(client, options));
    return { client, flags: OnServer.getClient() };
  }

  test("an evaluation is the server's, with its revision, and its metric arrives", async () => {
    await server.put({ key: "checkout", rules: [GERMANS] });
    const { client, flags } = await started(server);
    const found = await flags.getBooleanDetails("checkout", true, { targetingKey: "u1", country: "DE" });
    assert.deepEqual([found.value, found.variant, found.reason, found.flagMetadata.ruleId], [false, "off", "TARGETING_MATCH", "germans"]);
    assert.match(String(found.flagMetadata.revision), /^1\.\d+$/);
    flags.track("order-value", { targetingKey: "u1" }, { value: 42.5 });
    const before = await server.metric("pennon_events_total");
    assert.equal(await client.flush(), true);
    assert((await server.metric("pennon_events_total")) >= before + 2);
  });

  test("a key of the wrong kind is fatal, with the mend", async () => {
    await assert.rejects(started({ url: server.url, serverKey: server.clientKey }), { code: "PROVIDER_FATAL", message: /key/ });
  });

  test("a flipped flag is told by name, and a server that is gone by staleness", async () => {
    await server.put({ key: "flipped" });
    const { flags } = await started(server);
    const changed = [];
    flags.addHandler(ProviderEvents.ConfigurationChanged, (details) => void changed.push(...(details?.flagsChanged ?? [])));
    assert.equal(await flags.getBooleanValue("flipped", false), true);
    await server.turnOff("flipped");
    await until(() => changed.includes("flipped"));
    assert.equal(await flags.getBooleanValue("flipped", true), false);
    await server.kill();
    await until(() => flags.providerStatus === ProviderStatus.STALE);
    assert.equal(await flags.getBooleanValue("flipped", true), false);
    await server.start();
    await until(() => flags.providerStatus === ProviderStatus.READY);
  });
});

describe("in a page, and in React Native", () => {
  afterEach(async () => {
    await OnWeb.clearProviders();
    await OnWeb.setContext({});
  });

  test("a flipped flag is told by the stream, and another context has its own values", async (t) => {
    const place = await server.environment("page");
    await place.put({ key: "checkout", critical: true, rules: [GERMANS] });
    const stored = new Map();
    const AsyncStorage = {
      getAllKeys: async () => [...stored.keys()],
      getItem: async (key) => stored.get(key) ?? null,
      setItem: async (key, value) => void stored.set(key, value),
      removeItem: async (key) => void stored.delete(key),
    };
    const platform = await nativePlatform({ AsyncStorage, XMLHttpRequest: NodeRequest });
    // Bounds of waiting that run out after the test do not keep the process.
    const later = (ms, run) => {
      const timer = setTimeout(run, ms);
      t.after(() => clearTimeout(timer));
      return () => clearTimeout(timer);
    };
    const make = (context) => new PageClient(place.url, { key: place.clientKey, context, platform: { ...platform, later }, start: true });
    await OnWeb.setProviderAndWait(new WebProvider(make), { targetingKey: "u1" });
    const flags = OnWeb.getClient();
    const changed = [];
    flags.addHandler(ProviderEvents.ConfigurationChanged, (details) => void changed.push(...(details?.flagsChanged ?? [])));
    assert.equal(flags.getBooleanValue("checkout", false), true);
    await OnWeb.setContext({ targetingKey: "u1", country: "DE" });
    const found = flags.getBooleanDetails("checkout", true);
    assert.deepEqual([found.value, found.reason, found.flagMetadata.ruleId], [false, "TARGETING_MATCH", "germans"]);
    await until(async () => (await server.metric("pennon_streams", { projection: "notify" })) >= 1);
    changed.length = 0;
    await place.put({ key: "checkout", critical: true });
    await until(() => changed.includes("checkout"));
    assert.equal(flags.getBooleanValue("checkout", false), true);
    await OnWeb.clearProviders();
    await platform.storage.settled();
    platform.close();
    // What the application keeps is there when it starts again, before the network is.
    const again = await nativePlatform({ AsyncStorage });
    const options = { key: place.clientKey, context: { targetingKey: "u1", country: "DE" }, platform: again, start: false };
    const client = new PageClient(place.url, options);
    assert.deepEqual([client.boolean("checkout", false), client.status().source], [true, "cache"]);
    client.close();
    again.close();
  });

  test("an engine without what pages have follows a flag, too", async () => {
    const place = await server.environment("native");
    await place.put({ key: "checkout", critical: true });
    const app = fileURLToPath(new URL("../native-app.js", import.meta.url));
    const running = spawn(process.execPath, [app, JSON.stringify({ url: place.url, key: place.clientKey })], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const said = [];
      createInterface({ input: running.stdout }).on("line", (line) => void said.push(JSON.parse(line)));
      await until(() => said.at(-1)?.checkout === true && said.at(-1).level === 0);
      await place.turnOff("checkout");
      await until(() => said.at(-1).checkout === false);
      running.stdin.end("end");
      assert.deepEqual(await once(running, "exit"), [0, null], "it kept what it knew");
    } finally {
      running.kill();
    }
  });
});
