/** The provider for servers under OpenFeature's own SDK, over a client whose rules and state the test holds. */

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { OpenFeature, ProviderEvents, ProviderStatus } from "@openfeature/server-sdk";
import { compileSnapshot } from "pennon/engine";
import { PennonProvider } from "pennon/openfeature/server";

import { until } from "../serving.js";

const serving = (key, value, rest = {}) => ({
  key,
  version: 3,
  kind: typeof value,
  on: true,
  salt: "s1",
  variations: [
    { key: "one", value },
    { key: "other", value: typeof value === "boolean" ? !value : value },
  ],
  offVariation: "other",
  fallthrough: { variation: "one" },
  ...rest,
});
const rule = (attribute, op, ...values) => ({ id: "r1", conditions: [{ attribute, op, values }], serve: { variation: "other" } });
const FLAGS = [
  serving("plain", true),
  serving("off", true, { on: false }),
  serving("silent", true, { on: false, offVariation: null }),
  serving("needing", true, { prerequisites: [{ flag: "off", variations: ["one"] }] }),
  serving("targeted", true, { targets: [{ attribute: "targetingKey", values: ["ada"], variation: "other" }] }),
  serving("ruled", true, { rules: [rule("country", "in", "DE")] }),
  serving("dated", true, { rules: [rule("/trial/ends", "before", "2030-01-01T00:00:00Z")] }),
  serving("split", true, { fallthrough: { split: { by: "targetingKey", weights: [{ variation: "one", weight: 100_000 }] } } }),
  serving("broken", true, { fallthrough: { variation: "gone" } }),
  serving("stale", true, { staleness: { maxAgeS: 60, serve: { variation: "other" } } }),
  serving("title", "Welcome"),
  serving("limit", 7.5),
  serving("layout", { columns: [1, null], nested: { dense: true } }),
];

class Client {
  level = 0;
  isReady = true;
  problem = "";
  isRefused = false;
  listeners = { change: new Set(), status: new Set(), ready: new Set() };
  tracked = [];
  isClosed = false;
  ageS = 90.12345;
  set = compileSnapshot({ spec: 1, epoch: 2, revision: 9, flags: Object.fromEntries(FLAGS.map((flag) => [flag.key, flag])) }).aged(90);

  async ready() {
    return this.isReady;
  }
  status() {
    return { level: this.level, ready: this.isReady, problem: this.problem, isRefused: this.isRefused };
  }
  rules() {
    return this.set;
  }
  evaluation(...asked) {
    return this.set.evaluate(...asked);
  }
  on(event, listener) {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }
  say(event, said) {
    for (const listener of this.listeners[event]) listener(said);
  }
  stand(level, problem = "") {
    Object.assign(this, { level, problem, isReady: level < 3 });
    this.say("status", this.status());
  }
  track(...what) {
    this.tracked.push(what);
  }
  async close() {
    this.isClosed = true;
  }
}

async function started(client = new Client(), options = {}) {
  await OpenFeature.setProviderAndWait(new PennonProvider(client, options));
  return { client, flags: OpenFeature.getClient() };
}
afterEach(async () => {
  await OpenFeature.clearProviders();
  OpenFeature.clearHandlers();
  OpenFeature.clearHooks();
});

describe("what is answered", () => {
  for (const [flag, context, value, variant, reason] of [
    ["plain", {}, true, "one", "DEFAULT"],
    ["off", {}, false, "other", "DISABLED"],
    ["needing", {}, false, "other", "DISABLED"],
    ["targeted", { targetingKey: "ada" }, false, "other", "TARGETING_MATCH"],
    ["ruled", { country: "DE" }, false, "other", "TARGETING_MATCH"],
    ["split", { targetingKey: "ada" }, true, "one", "SPLIT"],
    ["stale", {}, false, "other", "STALE"],
    ["title", {}, "Welcome", "one", "DEFAULT"],
    ["limit", {}, 7.5, "one", "DEFAULT"],
    ["layout", {}, { columns: [1, null], nested: { dense: true } }, "one", "DEFAULT"],
  ]) {
    test(`${flag} is ${reason}`, async () => {
      const { flags } = await started();
      const ask = { boolean: "getBooleanDetails", string: "getStringDetails", number: "getNumberDetails", object: "getObjectDetails" };
      const fallback = { boolean: null, string: "", number: 0, object: {} }[typeof value];
      const found = await flags[ask[typeof value]](flag, fallback, context);
      assert.deepEqual([found.value, found.variant, found.reason, found.errorCode], [value, variant, reason, undefined]);
      assert.equal(found.flagMetadata.revision, "2.9");
      assert.equal(found.flagMetadata.age, 90.123);
      assert.equal(found.flagMetadata.flagVersion, 3);
      assert.equal(found.flagMetadata.ruleId, flag === "ruled" ? "r1" : undefined);
    });
  }

  for (const fallback of [true, false]) {
    test(`a flag without an off variation gives the caller's ${fallback}`, async () => {
      const found = await (await started()).flags.getBooleanDetails("silent", fallback);
      assert.deepEqual([found.value, found.variant, found.reason], [fallback, undefined, "DISABLED"]);
    });
  }

  for (const [flag, code, version] of [
    ["nowhere", "FLAG_NOT_FOUND", undefined],
    ["split", "TARGETING_KEY_MISSING", 3],
    ["broken", "PARSE_ERROR", 3],
    ["title", "TYPE_MISMATCH", 3],
  ]) {
    test(`${code} comes with the caller's default, words and metadata`, async () => {
      const found = await (await started()).flags.getBooleanDetails(flag, true);
      assert.deepEqual([found.value, found.reason, found.errorCode], [true, "ERROR", code]);
      assert(found.errorMessage);
      assert.equal(found.flagMetadata.flagVersion, version);
      assert.equal(found.flagMetadata.revision, "2.9");
    });
  }

  test("an object is the caller's own to change", async () => {
    const { flags } = await started();
    const first = await flags.getObjectValue("layout", {});
    first.nested.dense = "changed";
    first.columns.push(2);
    assert.deepEqual(await flags.getObjectValue("layout", {}), { columns: [1, null], nested: { dense: true } });
  });
});

describe("contexts", () => {
  for (const [name, ends, value] of [
    ["before", new Date("2029-12-31T23:59:59Z"), false],
    ["after", new Date("2030-01-02T00:00:00Z"), true],
    ["no date at all", new Date(Number.NaN), true],
  ]) {
    test(`a date deep in the context is compared as one: ${name}`, async () => {
      const context = { targetingKey: "u", trial: { ends }, seats: [{ since: ends }] };
      assert.equal(await (await started()).flags.getBooleanValue("dated", !value, context), value);
      assert.equal(context.trial.ends, ends, "the caller's context is not changed");
    });
  }

  test("a context that goes round in circles is answered", async () => {
    const circle = { country: "DE", at: new Date(0) };
    circle.self = circle;
    assert.equal(await (await started()).flags.getBooleanValue("ruled", true, circle), false);
  });
});

describe("events", () => {
  function heard() {
    const said = [];
    for (const event of Object.values(ProviderEvents)) OpenFeature.addHandler(event, (details) => void said.push([event, details]));
    return { said, names: () => said.map(([event]) => event) };
  }

  test("a change names its flags, and the state is said when it is another", async () => {
    const { client, flags } = await started();
    const { said, names } = heard();
    said.length = 0;
    client.say("change", { keys: ["b", "a"], epoch: 2, revision: 10 });
    assert.deepEqual([said[0][1].flagsChanged, said[0][1].metadata], [["a", "b"], { revision: "2.10" }]);
    client.stand(1);
    client.stand(2, "the stream broke");
    assert.equal(flags.providerStatus, ProviderStatus.STALE);
    assert.equal(await flags.getBooleanValue("plain", false), true);
    client.stand(2, "and again");
    client.stand(0);
    assert.equal(flags.providerStatus, ProviderStatus.READY);
    client.stand(3, "nothing is known");
    assert.equal(flags.providerStatus, ProviderStatus.ERROR);
    assert.deepEqual(names(), ["PROVIDER_CONFIGURATION_CHANGED", "PROVIDER_STALE", "PROVIDER_READY", "PROVIDER_ERROR"]);
    assert.equal(said[1][1].message, "the stream broke");
  });

  test("a provider that begins with what it last knew is ready, then stale", async () => {
    const client = new Client();
    client.level = 2;
    const { names } = heard();
    const { flags } = await started(client);
    await until(() => flags.providerStatus === ProviderStatus.STALE);
    assert.deepEqual(names().slice(-2), ["PROVIDER_READY", "PROVIDER_STALE"]);
  });

  for (const [isRefused, code] of [
    [true, "PROVIDER_FATAL"],
    [false, "PROVIDER_NOT_READY"],
  ]) {
    test(`no flags in time is ${code}, and they may come later`, async () => {
      const client = Object.assign(new Client(), { isReady: false, level: 3, isRefused, problem: "why" });
      await assert.rejects(started(client, { readyTimeoutMs: 1 }), { code, message: "why" });
      const flags = OpenFeature.getClient();
      assert.equal(flags.providerStatus, isRefused ? ProviderStatus.FATAL : ProviderStatus.ERROR);
      client.stand(0);
      assert.equal(flags.providerStatus, ProviderStatus.READY);
      assert.equal(await flags.getBooleanValue("plain", false), true);
    });
  }

  test("a handler that throws keeps the next from nothing", async () => {
    const provider = new PennonProvider(new Client());
    const logged = [];
    provider.events.setLogger({ error: (...words) => logged.push(words) });
    const said = [];
    provider.events.addHandler(ProviderEvents.Ready, () => {
      throw new Error("at once");
    });
    provider.events.addHandler(ProviderEvents.Ready, async () => {
      throw new Error("later");
    });
    const listener = (details) => void said.push(details);
    provider.events.addHandler(ProviderEvents.Ready, listener);
    provider.events.addHandler(ProviderEvents.Ready, listener);
    provider.events.emit(ProviderEvents.Ready, { message: "here" });
    assert.equal(said.length, 2);
    await until(() => logged.length === 2);
    provider.events.removeHandler(ProviderEvents.Ready, listener);
    provider.events.removeHandler(ProviderEvents.Ready, () => {});
    assert.equal(provider.events.getHandlers(ProviderEvents.Ready).length, 3);
    provider.events.removeAllHandlers(ProviderEvents.Ready);
    provider.events.removeAllHandlers();
    assert.deepEqual(provider.events.getHandlers(ProviderEvents.Ready), []);
  });
});

describe("in an isolate", () => {
  const isolate = (ready) => {
    const client = new Client();
    const rules = { ready, revision: ready ? "2.9" : "", ageS: 1.5, track: (...what) => client.track(...what) };
    rules.evaluation = (flag, context, fallback) =>
      ready ? client.evaluation(flag, context, fallback) : { ...client.evaluation("nowhere", {}, fallback), errorCode: "PROVIDER_NOT_READY" };
    return { client, load: async () => rules, status: () => ({ level: ready ? 1 : 3, ready, problem: "KV is gone" }), flush: () => client.close() };
  };

  test("each evaluation is by the rules of its moment", async () => {
    const worker = isolate(true);
    const { flags } = await started(worker);
    const found = await flags.getBooleanDetails("ruled", true, { country: "DE" });
    assert.deepEqual([found.value, found.reason, found.flagMetadata], [false, "TARGETING_MATCH", { revision: "2.9", age: 1.5, flagVersion: 3, ruleId: "r1" }]);
    flags.track("visited", { targetingKey: "u1" });
    await until(() => worker.client.tracked.length === 1);
    assert.deepEqual(worker.client.tracked, [["visited", { targetingKey: "u1" }, { value: 1 }]]);
    await OpenFeature.clearProviders();
    assert(worker.client.isClosed);
  });

  test("without rules the defaults are served, and the SDK says why", async () => {
    await assert.rejects(started(isolate(false)), { code: "PROVIDER_NOT_READY", message: "KV is gone" });
    const found = await OpenFeature.getClient().getBooleanDetails("plain", false);
    assert.deepEqual([found.value, found.errorCode, found.flagMetadata], [false, "PROVIDER_NOT_READY", {}]);
  });
});

describe("the rest of the standard", () => {
  test("hooks change the context before, and see the answer after", async () => {
    const seen = [];
    OpenFeature.addHooks({
      before: () => ({ country: "DE" }),
      after: ({ flagKey }, { reason, flagMetadata }) => void seen.push([flagKey, reason, flagMetadata.ruleId]),
      error: ({ flagKey }, error) => void seen.push([flagKey, error.code]),
    });
    const { flags } = await started();
    assert.equal(await flags.getBooleanValue("ruled", true), false);
    await flags.getBooleanValue("nowhere", true);
    assert.deepEqual(seen, [
      ["ruled", "TARGETING_MATCH", "r1"],
      ["nowhere", "FLAG_NOT_FOUND"],
    ]);
  });

  test("what is tracked has the event's value, or 1", async () => {
    const { client, flags } = await started();
    flags.track("order-value", { targetingKey: "u1", at: new Date(0) }, { value: 42.5, currency: "EUR" });
    flags.track("visited", { targetingKey: "u1" });
    assert.deepEqual(client.tracked, [
      ["order-value", { targetingKey: "u1", at: "1970-01-01T00:00:00.000Z" }, { value: 42.5 }],
      ["visited", { targetingKey: "u1" }, { value: 1 }],
    ]);
  });

  test("closing closes the client, unless it is kept, and listens no more", async () => {
    for (const closesClient of [true, false]) {
      const { client } = await started(new Client(), { closesClient });
      await OpenFeature.clearProviders();
      assert.equal(client.isClosed, closesClient);
      assert(Object.values(client.listeners).every((listeners) => listeners.size === 0));
    }
  });

  test("it is not for the web", async () => {
    const { OpenFeature: web } = await import("@openfeature/web-sdk");
    await assert.rejects(web.setProviderAndWait(/** @type {any} */ (new PennonProvider(new Client()))), /server/);
  });
});
