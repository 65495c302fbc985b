/** The browser's client: what answers first, what comes after, and whose it is. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Client } from "pennon/browser";

import { bootstrapOf, Browser, FarEnd, flag, open, opened, settled, URL_OF_SERVER } from "./browser-page.js";

describe("first paint", () => {
  test("answers from the defaults until the first answer is in, and from the network then", async () => {
    const { flags, told } = open({ defaults: { theme: "plain" } });
    assert.equal(flags.string("theme", "none"), "plain");
    assert.equal(flags.string("gone", "none"), "none");
    assert.deepEqual([flags.status().level, flags.status().source], [3, "defaults"]);
    assert.equal(await flags.whenReady(), true);
    assert.equal(flags.string("theme", "none"), "free");
    assert.deepEqual([flags.status().source, flags.flagsVersion, flags.status().revision], ["network", "v1_00000000", "1.1"]);
    assert.deepEqual(told("change"), [{ keys: ["theme", "who"], revision: "1.1" }]);
    flags.close();
  });

  test("what the page carries answers at once, and is ready unless it is past its time", async () => {
    const browser = new Browser();
    const bootstrap = bootstrapOf({ theme: "carried" }, { at: browser.wall - 1000 });
    const fresh = open({ browser, bootstrap });
    assert.equal(fresh.flags.string("theme", "none"), "carried");
    assert.equal(fresh.flags.status().source, "bootstrap");
    assert.equal(await fresh.flags.whenReady({ timeoutMs: 0 }), true);
    const stale = open({ bootstrap: bootstrapOf({ theme: "carried" }, { at: browser.wall - 301_000 }) });
    assert.equal(stale.flags.string("theme", "none"), "carried");
    assert.equal(stale.flags.status().ready, false);
    fresh.flags.close();
    stale.flags.close();
  });

  test("a bootstrap of a clock that is far ahead is shown, and not taken for fresh", async () => {
    const { flags, browser } = open({ bootstrap: bootstrapOf({ theme: "carried" }, { at: Date.UTC(2031, 1) }) });
    assert.equal(flags.string("theme", "none"), "carried");
    assert.equal(flags.status().ready, false);
    assert.equal(flags.status().ageS, 0);
    await browser.pass(2000);
    assert.equal(flags.status().source, "network");
    flags.close();
  });

  test("what was kept answers at once on the next visit, to the same user only", async () => {
    const browser = new Browser();
    (await opened({ browser })).flags.close();
    const again = open({ browser });
    assert.deepEqual([again.flags.string("who", "none"), again.flags.status().source], ["u1", "cache"]);
    const other = open({ browser, context: { targetingKey: "u2" } });
    assert.deepEqual([other.flags.string("who", "none"), other.flags.status().source], ["none", "defaults"]);
    again.flags.close();
    other.flags.close();
  });

  test("of what was kept and what the page carries the newer answers", async () => {
    const browser = new Browser();
    const far = new FarEnd();
    far.revision = 7;
    (await opened({ browser, far })).flags.close();
    const older = open({ browser, far, bootstrap: bootstrapOf({ theme: "carried" }, { revision: 6, at: browser.wall }) });
    assert.deepEqual([older.flags.string("theme", "none"), older.flags.status().source], ["free", "cache"]);
    const newer = open({ browser, far, bootstrap: bootstrapOf({ theme: "carried" }, { revision: 10, at: browser.wall }) });
    assert.equal(newer.flags.string("theme", "none"), "carried");
    older.flags.close();
    newer.flags.close();
  });

  test("painting waits for what it needs, and no longer than its bound", async () => {
    const far = new FarEnd();
    far.instead = () => new Promise(() => {});
    const slow = open({ far });
    const painted = slow.flags.firstPaint({ withinMs: 300 });
    await slow.browser.pass(299);
    assert(slow.page.attributes.has("data-pennon-pending"));
    await slow.browser.pass(1);
    assert.deepEqual(await painted, { source: "defaults" });
    assert.deepEqual([...slow.page.attributes], []);
    const quick = open();
    assert.deepEqual(await quick.flags.firstPaint(), { source: "network" });
    slow.flags.close();
    quick.flags.close();
  });

  test("painting does not wait for a server that cannot be reached", async () => {
    const far = new FarEnd();
    far.instead = () => Promise.reject(new TypeError("refused"));
    const { flags } = open({ far });
    assert.deepEqual(await flags.firstPaint({ withinMs: 1e9 }), { source: "defaults" });
    flags.close();
  });

  test("another build's values are shown, and are not fresh", async () => {
    const browser = new Browser();
    const far = new FarEnd();
    (await opened({ browser, far, build: "a" })).flags.close();
    const same = open({ browser, far, build: "a" });
    assert.deepEqual(await same.flags.firstPaint(), { source: "cache" });
    await settled();
    assert("If-None-Match" in far.asked.at(-1).headers);
    same.flags.close();
    const other = open({ browser, far, build: "b" });
    assert.equal(other.flags.status().source, "cache");
    assert.deepEqual(await other.flags.firstPaint(), { source: "network" });
    other.flags.close();
  });

  test("without a window it answers from what it is given, and neither asks nor keeps the process", async () => {
    const fetch = () => assert.fail("a server's render asks nobody");
    const bootstrap = JSON.parse(bootstrapOf({ theme: "carried" }, { at: Date.now() }));
    const flags = new Client(URL_OF_SERVER, { key: "k", bootstrap, defaults: { other: 5 }, platform: { fetch } });
    assert.deepEqual([flags.string("theme", ""), flags.number("other", 1)], ["carried", 5]);
    assert.equal(await flags.whenReady(), true);
    assert.deepEqual(await flags.firstPaint(), { source: "bootstrap" });
    assert.equal(await flags.refresh(), false);
    assert.equal(await new Client(URL_OF_SERVER, { key: "k", platform: { fetch } }).whenReady(), false);
  });
});

describe("evaluations", () => {
  test("have Pennon's reasons", async () => {
    const far = new FarEnd();
    far.flags = () => ({
      off: flag(false, {}, { reason: "DISABLED" }),
      unmet: flag(false, { reason: "PREREQUISITE_FAILED" }, { reason: "DISABLED" }),
      target: flag(true, {}, { reason: "TARGETING_MATCH" }),
      rule: flag(true, { ruleId: "r1" }, { reason: "TARGETING_MATCH" }),
      rest: flag(true),
      split: flag(true, { ruleId: "r2" }, { reason: "SPLIT" }),
      open: { reason: "DEFAULT", variant: null, metadata: { flagVersion: 3 } },
      broken: { errorCode: "PARSE_ERROR", errorDetails: "no such operator", metadata: { flagVersion: 2 } },
    });
    const { flags } = await opened({ far });
    const reasons = ["off", "unmet", "target", "rule", "rest", "split"].map((key) => flags.evaluation(key).reason);
    assert.deepEqual(reasons, ["OFF", "PREREQUISITE_FAILED", "TARGET_MATCH", "RULE_MATCH", "FALLTHROUGH", "SPLIT"]);
    const { value, variation, flagVersion } = flags.evaluation("open", "mine");
    assert.deepEqual([value, variation, flagVersion], ["mine", null, 3]);
    const broken = { value: "mine", variation: null, reason: "ERROR", ruleId: null, flagVersion: 2 };
    const error = { errorCode: "PARSE_ERROR", errorMessage: "no such operator" };
    assert.deepEqual(flags.evaluation("broken", "mine"), { ...broken, ...error });
    assert.equal(flags.evaluation("gone").errorCode, "FLAG_NOT_FOUND");
    flags.close();
  });

  test("of another kind answer the fallback", async () => {
    const far = new FarEnd();
    far.flags = () => ({ text: flag("a"), list: flag([1]) });
    const { flags } = await opened({ far });
    assert.equal(flags.boolean("text", true), true);
    assert.equal(flags.number("list", 3), 3);
    assert.deepEqual(flags.object("list", {}), [1]);
    assert(Object.isFrozen(flags.evaluation("list")) && Object.isFrozen(flags.object("list", {})));
    flags.close();
  });

  test("of keys that every object has are of no flag", async () => {
    const far = new FarEnd();
    far.flags = () => JSON.parse(`{"__proto__": ${JSON.stringify(flag("mine"))}}`);
    const { flags } = await opened({ far, defaults: {} });
    for (const key of ["constructor", "toString", "hasOwnProperty"]) assert.equal(flags.string(key, "none"), "none");
    assert.equal(flags.string("__proto__", "none"), "mine");
    assert.deepEqual(Object.entries(flags.seen()), [["__proto__", "mine"]]);
    flags.close();
  });

  test("say what the page was shown", async () => {
    const { flags } = await opened();
    assert.deepEqual(flags.seen(), {});
    flags.string("theme", "");
    flags.string("gone", "");
    assert.deepEqual(flags.seen(), { theme: "free" });
    flags.close();
  });
});

describe("staying fresh", () => {
  test("asks again when the time is up, and is told that nothing changed", async () => {
    const { flags, far, browser, told } = await opened();
    await browser.pass(299_000);
    assert.equal(far.asked.length, 1);
    await browser.pass(2000);
    assert.equal(far.asked.length, 2);
    assert("If-None-Match" in far.asked[1].headers);
    assert.equal(told("change").length, 1);
    assert(/** @type {number} */ (flags.status().ageS) < 5);
    flags.close();
  });

  test("opens the stream that it is told of, and asks anew on a notice", async () => {
    const { flags, far, browser, told } = await opened();
    assert.equal(browser.stream.url, `${URL_OF_SERVER}/ofrep/v1/stream?key=pennon_client_a`);
    browser.stream.open();
    assert.equal(flags.status().level, 0);
    browser.stream.tell(far.version);
    await settled();
    assert.equal(far.asked.length, 1, "the first notice only says where the server stands");
    far.revision = 2;
    far.flags = () => ({ theme: flag("new") });
    browser.stream.tell(far.version);
    await settled();
    assert.equal(flags.string("theme", ""), "new");
    assert.deepEqual(told("change").at(-1), { keys: ["theme", "who"], revision: "1.2" });
    flags.close();
  });

  test("asks once more where the server lags behind its notice", async () => {
    const { flags, far, browser } = await opened();
    browser.stream.open();
    browser.stream.tell("v2_00000000");
    await settled();
    assert.equal(flags.flagsVersion, "v1_00000000");
    far.revision = 2;
    await browser.pass(6000);
    assert.equal(flags.flagsVersion, "v2_00000000");
    const asked = far.asked.length;
    await browser.pass(60_000);
    assert.equal(far.asked.length, asked);
    flags.close();
  });

  test("polls where no stream is offered", async () => {
    const far = new FarEnd();
    far.streams = false;
    const { flags, browser } = await opened({ far });
    assert.equal(browser.stream, undefined);
    assert.equal(flags.status().level, 1);
    await browser.pass(301_000);
    assert.equal(far.asked.length, 2);
    flags.close();
  });

  test("opens another stream where one is refused", async () => {
    const { flags, far, browser } = await opened();
    browser.stream.open();
    browser.stream.fail(0);
    assert.equal(flags.status().level, 1);
    assert(browser.stream, "a browser comes back by itself to one that is cut off");
    browser.stream.fail(2);
    assert.equal(browser.stream, undefined);
    await browser.pass(10_000);
    assert(browser.stream);
    assert.equal(far.asked.length, 2);
    flags.close();
  });

  test("keeps what it has where a server lags, and takes a lower revision of a higher epoch", async () => {
    const far = new FarEnd();
    far.revision = 5;
    const { flags, browser } = await opened({ far });
    far.revision = 4;
    assert.equal(await flags.refresh(), true);
    assert.equal(flags.flagsVersion, "v5_00000000");
    const later = open({ browser, far });
    assert.deepEqual([later.flags.flagsVersion, later.flags.status().source], ["v5_00000000", "cache"]);
    later.flags.close();
    far.instead = () => Response.json({ flags: [], metadata: { revision: "2.1", flagsVersion: "v1_11111111" } });
    await flags.refresh();
    assert.equal(flags.flagsVersion, "v1_11111111");
    flags.close();
  });

  test("asks when it is seen or online again, and not each time", async () => {
    const { flags, far, browser, page } = await opened();
    page.become("hidden");
    page.become("visible");
    page.window.dispatchEvent(new Event("online"));
    await settled();
    assert.equal(far.asked.length, 1);
    await browser.pass(31_000);
    page.window.dispatchEvent(new Event("online"));
    await settled();
    assert.equal(far.asked.length, 2);
    flags.close();
  });

  test("a hidden page does not ask, leaves its stream, and makes up for it", async () => {
    const { flags, far, browser, page } = await opened();
    page.become("hidden");
    await browser.pass(3_600_000);
    assert.equal(far.asked.length, 1);
    assert.equal(browser.stream, undefined);
    page.become("visible");
    await settled();
    assert.equal(far.asked.length, 2);
    assert(browser.stream);
    flags.close();
  });

  test("questions at one time are one, and the last of them has its answer", async () => {
    const { flags, far } = await opened();
    far.asked.length = 0;
    assert.deepEqual(await Promise.all([flags.refresh(), flags.refresh(), flags.refresh()]), [true, true, true]);
    assert.equal(far.asked.length, 2);
    flags.close();
  });

  test("a client that is closed asks no more, and answers on", async () => {
    const { flags, far, browser } = await opened();
    flags.close();
    await browser.pass(3_600_000);
    assert.equal(await flags.refresh(), false);
    assert.equal(far.asked.length, 1);
    assert.equal(browser.stream, undefined);
    assert.equal(flags.string("theme", ""), "free");
    assert.deepEqual(browser.timers, []);
  });
});
