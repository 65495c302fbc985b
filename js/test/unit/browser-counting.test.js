/** What the browser's client reports of what was read. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bootstrapOf, Browser, FarEnd, flag, opened, settled } from "./browser-page.js";

/** A server whose flag `price` is an experiment, and `note` an exposure to everybody. */
function trying() {
  const far = new FarEnd();
  far.flags = ({ targetingKey }) => ({
    price: flag("low", { ruleId: "r1", exposureBy: "targetingKey", experiment: "exp-a" }, { reason: "SPLIT" }),
    seat: flag("aisle", { exposureBy: "/org/id", experiment: "exp-b" }, { reason: "SPLIT" }),
    plain: flag(targetingKey),
  });
  return far;
}

describe("counters", () => {
  test("say how often each flag was read, and are sent ten seconds later", async () => {
    const { flags, far, browser } = await opened();
    const from = browser.wall;
    for (let n = 0; n < 3; n++) flags.string("theme", "");
    flags.boolean("gone", false);
    await browser.pass(9900);
    assert.deepEqual(far.events, []);
    await browser.pass(200);
    const [{ instance, sequence, sentAt, sdk, revision, counters, exposures, metrics }] = far.events;
    assert.match(instance, /^[0-9a-z]{10,}$/);
    assert.deepEqual([sequence, revision, exposures, metrics], [0, "1.1", [], []]);
    assert.match(sdk, /^pennon-browser\//);
    assert(sentAt > from);
    assert.deepEqual(counters, [
      { flag: "theme", version: 1, variation: "free", reason: "FALLTHROUGH", count: 3, from, to: from },
      { flag: "gone", version: null, variation: null, reason: "ERROR", count: 1, from, to: from },
    ]);
    assert.equal(await flags.flush(), true);
    assert.equal(far.events.length, 1);
    flags.close();
  });

  test("are bounded", async () => {
    const { flags, far } = await opened();
    for (let n = 0; n < 2000; n++) flags.boolean(`flag-${n}`, false);
    flags.boolean("flag-0", false);
    await flags.flush();
    const { counters } = far.events[0];
    assert.equal(counters.length, 500);
    assert.deepEqual([counters[0].flag, counters[0].count, counters[1].count], ["flag-0", 2, 1], "what is counted already goes on");
    flags.close();
  });

  test("are not kept where nothing shall be counted", async () => {
    const far = trying();
    const { flags } = await opened({ far, events: false });
    flags.string("price", "");
    assert.equal(flags.track("clicked"), false);
    assert.equal(await flags.flush(), true);
    assert.deepEqual(far.events, []);
    flags.close();
  });
});

describe("exposures", () => {
  test("are of a unit, a variation and an hour, and of all pages of a browser", async () => {
    const browser = new Browser();
    const far = trying();
    const first = await opened({ browser, far });
    for (let n = 0; n < 3; n++) first.flags.string("price", "");
    first.flags.string("plain", "");
    await first.flags.flush();
    const { time, ...seen } = far.events[0].exposures[0];
    assert.equal(time, browser.wall);
    const who = { by: "targetingKey", unit: "u1" };
    assert.deepEqual(seen, { flag: "price", version: 1, variation: "low", ruleId: "r1", experiment: "exp-a", ...who });
    assert.equal(far.events[0].exposures.length, 1);
    first.flags.close();
    const second = await opened({ browser, far });
    second.flags.string("price", "");
    await second.flags.flush();
    assert.deepEqual(far.events[1].exposures, []);
    await second.flags.identify("u2");
    second.flags.string("price", "");
    await second.flags.flush();
    assert.deepEqual(far.events[2].exposures.map(({ unit }) => unit), ["u2"]);
    await browser.pass(3_600_000);
    second.flags.string("price", "");
    await second.flags.flush();
    assert.deepEqual(far.events.at(-1).exposures.map(({ unit }) => unit), ["u2"]);
    assert.doesNotMatch(browser.store.getItem([...browser.store.items.keys()].find((name) => name.endsWith(".seen"))), /u[12]\b/);
    second.flags.close();
  });

  test("have the unit that the split goes by", async () => {
    const far = trying();
    const { flags } = await opened({ far, context: { targetingKey: "u1", org: { id: 7 } } });
    flags.string("seat", "");
    await flags.flush();
    assert.deepEqual(far.events[0].exposures.map(({ by, unit }) => [by, unit]), [["/org/id", "7"]]);
    flags.close();
  });

  test("of a unit that is private are not reported", async () => {
    const far = trying();
    const { flags } = await opened({ far, context: { targetingKey: "u1", org: { id: 7 } }, privateAttributes: ["org"] });
    flags.string("seat", "");
    assert.equal(flags.track("clicked", { by: "org" }), false);
    await flags.flush();
    assert.deepEqual(far.events[0].exposures, []);
    assert.deepEqual(far.events[0].metrics, []);
    flags.close();
  });

  test("of what was read from the page's own bootstrap are reported once the server has said that they are", async () => {
    const browser = new Browser();
    const far = trying();
    let answer = () => {};
    far.instead = (asked) => (asked.path.startsWith("/ofrep") ? new Promise((resolve) => (answer = () => resolve(far.bulk(asked)))) : null);
    const { flags } = await opened({ browser, far, bootstrap: bootstrapOf({ price: "low", seat: "window" }, { at: browser.wall }) });
    flags.string("price", "");
    flags.string("seat", "");
    answer();
    await settled();
    await flags.flush();
    assert.deepEqual(far.events[0].exposures.map(({ flag: key }) => key), ["price"], "what is another variation now was not seen");
    flags.close();
  });
});

describe("metrics", () => {
  test("are of the visitor, with what the page showed", async () => {
    const { flags, far } = await opened();
    flags.string("theme", "");
    assert.equal(flags.track("order-value", { value: 42.5 }), true);
    assert.equal(flags.track("clicked"), true);
    await flags.flush();
    const [order, clicked] = far.events[0].metrics.map(({ time: _, ...rest }) => rest);
    assert.deepEqual(order, { key: "order-value", by: "targetingKey", unit: "u1", value: 42.5, variations: { theme: "free" } });
    assert.equal(clicked.value, 1);
    flags.close();
  });

  test("name no more variations than a server takes", async () => {
    const far = new FarEnd();
    far.flags = () => Object.fromEntries(Array.from({ length: 1200 }, (_, n) => [`flag-${n}`, flag(n)]));
    const { flags } = await opened({ far });
    for (let n = 0; n < 1200; n++) flags.number(`flag-${n}`, 0);
    flags.track("clicked");
    await flags.flush();
    const { variations } = far.events[0].metrics[0];
    assert.deepEqual([Object.keys(variations).length, variations["flag-1199"]], [500, "1199"]);
    flags.close();
  });

  test("that a server would refuse are refused here, for they would cost the whole batch", async () => {
    const { flags, far } = await opened();
    const names = ["", "a\0b", "\ud800", "x".repeat(257)].map((key) => /** @type {const} */ ([key, {}]));
    const measures = [{ value: NaN }, { value: "5" }, { by: "gone" }].map((measured) => /** @type {[string, any]} */ (["a", measured]));
    for (const [key, measured] of [...names, ...measures]) assert.equal(flags.track(key, measured), false, JSON.stringify([key, measured]));
    assert.equal(flags.track("fine"), true);
    await flags.flush();
    assert.deepEqual(far.events[0].metrics.map(({ key }) => key), ["fine"]);
    flags.close();
  });
});

describe("batches", () => {
  test("say how much had no room, or could not be sent, since the one before", async () => {
    const far = new FarEnd();
    far.flags = () => Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`flag-${n}`, flag(n, { exposureBy: "targetingKey" })]));
    const { flags } = await opened({ far, privateAttributes: ["email"], context: { targetingKey: "u1", email: "a@example.com" } });
    for (let n = 0; n < 600; n++) flags.number(`flag-${n}`, -1);
    for (let n = 0; n < 700; n++) flags.number("flag-599", -1);
    for (let n = 0; n < 510; n++) flags.track("clicked");
    assert.equal(flags.track("private", { by: "email" }), false, "that is nobody's loss");
    await flags.flush();
    assert.equal(flags.track("lone \ud800"), false);
    await flags.flush();
    flags.string("flag-0", "");
    await flags.flush();
    const [full, odd, last] = far.events;
    assert.deepEqual(full.dropped, { evaluations: 800, exposures: 100, metrics: 10 });
    assert.deepEqual([full.counters.length, full.exposures.length, full.metrics.length], [500, 500, 500]);
    assert.deepEqual([odd.dropped, odd.counters], [{ evaluations: 0, exposures: 0, metrics: 1 }, []]);
    assert.deepEqual(last.dropped, { evaluations: 0, exposures: 0, metrics: 0 });
    flags.close();
  });

  test("that are not taken are sent again with their number, and what came meanwhile waits", async () => {
    const { flags, far, browser } = await opened();
    for (const status of [503, 429]) {
      far.events.length = 0;
      far.instead = () => new Response("{}", { status });
      flags.string("theme", "");
      assert.equal(await flags.flush(), false);
      flags.string("who", "");
      far.instead = null;
      await browser.pass(11_000);
      const [first, second, third] = far.events;
      assert.deepEqual(second, first);
      assert.equal(third.sequence, second.sequence + 1);
      assert.deepEqual([second.counters[0].flag, third.counters[0].flag], ["theme", "who"]);
    }
    flags.close();
  });

  test("that will never be taken are let go", async () => {
    const { flags, far } = await opened();
    far.instead = () => new Response("{}", { status: 400 });
    flags.string("theme", "");
    assert.equal(await flags.flush(), true);
    far.instead = null;
    flags.string("who", "");
    await flags.flush();
    assert.deepEqual(far.events.map(({ sequence }) => sequence), [0, 1]);
    flags.close();
  });

  test("of a client that is closed are not sent again, also when a part of them was taken", async () => {
    const { flags, far, browser } = await opened({ platform: { beacon: undefined } });
    far.instead = () => new Response("{}", { status: 503 });
    flags.string("theme", "");
    assert.equal(await flags.flush(), false);
    flags.string("who", "");
    const before = far.events.length;
    far.instead = () => new Response("{}", { status: far.events.length - before === 1 ? 202 : 503 });
    flags.close();
    await settled();
    assert.equal(far.events.length - before, 2);
    await browser.pass(60_000);
    assert.equal(far.events.length - before, 2);
  });

  test("go by beacon when the page is left, with the key in the URL and no type", async () => {
    const { flags, far, page } = await opened();
    flags.string("theme", "");
    page.become("hidden");
    assert.equal(page.beacons.length, 1);
    const [{ url, body }] = page.beacons;
    assert.match(url, /\/sdk\/v1\/events\?key=pennon_client_a$/);
    assert.equal(body.type, "");
    assert.equal(JSON.parse(await body.text()).counters[0].flag, "theme");
    flags.string("who", "");
    flags.close();
    assert.equal(page.beacons.length, 2);
    assert.deepEqual(far.events, []);
  });

  test("that no beacon takes go by a request that outlives the page", async () => {
    const far = new FarEnd();
    const sent = /** @type {any[]} */ ([]);
    const fetch = (/** @type {any} */ input, /** @type {any} */ init) => (init.keepalive && sent.push(init), far.fetch(input, init));
    for (const beacon of [() => false, undefined]) {
      const { flags } = await opened({ far, platform: { beacon, fetch } });
      flags.string("theme", "");
      flags.close();
      await settled();
    }
    assert.equal(sent.length, 2);
    assert.equal(far.events.length, 2);
  });
});
