/** The sample of contexts that a page takes which evaluates flags itself. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { localRules } from "pennon/browser/local";
import { sampled } from "pennon/browser/sampling";

import { Browser, FarEnd, open, settled } from "./browser-page.js";

const HOUR_MS = 3_600_000;
const variations = [{ key: "on", value: true }];
const FLAG = { version: 1, kind: "boolean", on: true, clientSide: true, salt: "s1", variations, fallthrough: { variation: "on" } };

/** @param {string[]} attributes */
function rules(attributes, revision = 7) {
  const conditions = attributes.map((attribute) => ({ attribute, op: "in", values: ["DE"] }));
  const flags = { checkout: { ...FLAG, key: "checkout", rules: [{ id: "r", conditions, serve: { variation: "on" } }] } };
  const segments = { beta: { key: "beta", salt: "m2", rules: [{ conditions: [{ attribute: "/org/plan", op: "in", values: ["pro"] }] }] } };
  return { spec: 1, environment: "shop/production", epoch: 1, revision, digest: "9f2c1a2b00", ttl: 300, flags, segments, layers: {} };
}

const WHO = { targetingKey: "u1", country: "DE", email: "u1@mail.example", org: { plan: "pro", name: "Acme" } };

/** Open a page whose first rules are in. @param {any} [options] */
async function sampling({ attributes = ["country"], share, browser = new Browser(), far = new FarEnd(), ...options } = {}) {
  const given = { now: rules(attributes) };
  far.instead = ({ path, headers }) => {
    if (!path.startsWith("/client/v1/rules/")) return null;
    const etag = `"${given.now.revision}"`;
    if (headers["If-None-Match"] === etag) return new Response(null, { status: 304, headers: { etag } });
    return Response.json(given.now, { headers: { etag } });
  };
  const { now, later, locks } = browser.tab().platform;
  const platform = { fetch: far.fetch, now, later, locks, random: Math.random };
  const tab = open({ far, browser, context: WHO, events: false, rules: sampled(localRules(), { share, platform }), ...options });
  const pass = async () => {
    await settled();
    await browser.pass(1);
  };
  await pass();
  const sent = () => far.events.splice(0).flatMap(({ contexts }) => contexts.map((/** @type {any} */ each) => each.context));
  return { ...tab, given, pass, sent };
}

test("a page sends its visitor once an hour, with what client-side rules look at", async () => {
  const page = await sampling();
  const [batch] = page.far.events;
  assert.deepEqual([batch.sequence, batch.sentAt, batch.contexts[0].time], [0, page.browser.wall - 1, page.browser.wall - 1]);
  assert.deepEqual(page.sent(), [{ targetingKey: "u1", country: "DE", org: { plan: "pro" } }]);
  await page.flags.refresh();
  await page.pass();
  assert.deepEqual(page.sent(), []);
  await page.browser.pass(HOUR_MS);
  await page.flags.refresh();
  await page.pass();
  assert.equal(page.sent().length, 1);
  assert.equal(page.flags.boolean("checkout", false), true);
});

test("what is private is not in it, and nothing without consent, from the next question on", async () => {
  const some = await sampling({ privateAttributes: ["org", "email"], attributes: ["country", "email"] });
  assert.deepEqual(some.sent(), [{ targetingKey: "u1", country: "DE" }]);
  for (const options of [{ consent: false }, { storage: null }]) {
    const page = await sampling(options);
    assert.deepEqual(page.sent(), [], JSON.stringify(options));
    if (options.storage === null) continue;
    page.flags.setConsent(true);
    await page.flags.refresh();
    await page.pass();
    assert.equal(page.sent().length, 1);
    page.flags.setConsent(false);
    await page.flags.updateContext({ country: "FR" });
    await page.flags.refresh();
    await page.pass();
    assert.deepEqual(page.sent(), []);
  }
});

test("who wants no tracking is not sampled", async (t) => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { globalPrivacyControl: true } });
  t.after(() => (own ? Object.defineProperty(globalThis, "navigator", own) : Reflect.deleteProperty(globalThis, "navigator")));
  assert.deepEqual((await sampling()).sent(), []);
});

test("another context and other rules are sampled with the answer that comes for them", async () => {
  const page = await sampling();
  page.sent();
  page.given.now = rules(["email"], 8);
  await page.flags.updateContext({ targetingKey: "u1", country: "FR" });
  await page.flags.refresh();
  await page.pass();
  assert.deepEqual(page.sent(), [{ targetingKey: "u1", email: "u1@mail.example", org: { plan: "pro" } }]);
});

test("what was kept from the last visit is not sampled, only what the network brings", async () => {
  const first = await sampling();
  first.sent();
  first.flags.close();
  const far = new FarEnd();
  const { fetch } = far;
  far.fetch = async (input, init) => (String(input).includes("/rules/") ? Promise.reject(new TypeError("gone")) : fetch(input, init));
  const again = await sampling({ browser: first.browser, far });
  assert.deepEqual([again.flags.status().source, again.sent()], ["cache", []]);
});

test("a share is of visitors, the same on all of their pages", async () => {
  const found = { all: 0, twice: 0 };
  for (let number = 0; number < 60; number++) {
    const context = { ...WHO, targetingKey: `u${number}` };
    const one = (await sampling({ share: 0.5, context })).sent().length;
    const other = (await sampling({ share: 0.5, context })).sent().length;
    assert.equal(one, other);
    found.all += one;
  }
  // By hashes of one hour, so always the same.
  assert(found.all > 10 && found.all < 50, String(found.all));
});

test("rules that cannot be read, a context that is too large and a server that is gone harm no page", async () => {
  const large = await sampling({ context: { ...WHO, country: "x".repeat(5000) } });
  assert.deepEqual(large.sent(), []);
  const broken = await sampling();
  broken.sent();
  broken.given.now = { ...rules(["country"], 9), flags: { checkout: /** @type {any} */ (7) } };
  await broken.flags.updateContext({ country: "FR" });
  await broken.flags.refresh();
  await broken.pass();
  assert.deepEqual(broken.sent(), [{ targetingKey: "u1", org: { plan: "pro" } }]);
  const far = new FarEnd();
  const fetch = far.fetch;
  far.fetch = async (input, init) => (String(input).includes("/events") ? Promise.reject(new TypeError("gone")) : fetch(input, init));
  assert.equal((await sampling({ far })).flags.boolean("checkout", false), true);
});
