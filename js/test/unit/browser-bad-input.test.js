/** Answers that are none, to the browser's client: it goes on with what it has, and says once what to mend. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { digest } from "../../client/browser/digest.js";
import { bootstrapOf, Browser, FarEnd, open, opened, settled } from "./browser-page.js";

const json = (/** @type {any} */ body, /** @type {ResponseInit} */ init) => Response.json(body, init);

for (const [what, answer, mend] of /** @type {[string, () => any, RegExp][]} */ ([
  ["an HTML page", () => new Response("<!doctype html>"), /JSON/],
  ["half a JSON", () => new Response('{"flags": [{"key": "the'), /JSON/],
  ["nothing", () => new Response(""), /JSON/],
  ["null", () => json(null, {}), /JSON/],
  ["JSON of another shape", () => json({ flags: 5 }, {}), /JSON/],
  ["that it cannot be reached", () => Promise.reject(new TypeError("CORS")), /unreachable.*origin/],
  ["that the key is wrong", () => json({ errorDetails: "the key is unknown" }, { status: 401 }), /401: the key is unknown/],
  ["a proxy's 404", () => new Response("<h1>Not found</h1>", { status: 404 }), /404/],
])) {
  test(`a server that answers ${what} is warned of once`, async () => {
    const browser = new Browser();
    const far = new FarEnd();
    far.instead = answer;
    const { flags, page, told } = open({ browser, far, bootstrap: bootstrapOf({ theme: "carried" }, { at: browser.wall - 3_600_000 }) });
    for (let again = 0; again < 3; again++) assert.equal(await flags.refresh(), false);
    assert.equal(flags.string("theme", ""), "carried");
    assert.equal(page.warned.length, 1, String(page.warned));
    assert.match(page.warned[0], mend);
    assert.equal(told("warning").length, 1);
    assert.deepEqual([flags.status().level, flags.status().ready], [2, false]);
    assert.match(String(flags.status().problem), mend);
    far.instead = null;
    assert.equal(await flags.refresh(), true);
    assert.deepEqual([flags.string("theme", ""), flags.status().problem], ["free", null]);
    flags.close();
  });
}

describe("a server that has too much to do", () => {
  test("is asked when it says, and nobody is warned", async () => {
    const { flags, far, browser, page } = await opened();
    far.instead = () => new Response("{}", { status: 503, headers: { "retry-after": "20" } });
    assert.equal(await flags.refresh(), false);
    far.instead = null;
    far.asked.length = 0;
    await browser.pass(19_900);
    assert.equal(far.asked.length, 0);
    await browser.pass(20_200);
    assert.equal(far.asked.length, 1);
    assert.deepEqual(page.warned, []);
    flags.close();
  });

  test("is asked less and less often", async () => {
    const { flags, far, browser } = await opened();
    far.instead = () => new Response("", { status: 502 });
    await flags.refresh();
    await browser.pass(3_600_000);
    const each = far.asked.length;
    assert(each > 20 && each < 200, `${each} times in an hour`);
    far.instead = null;
    await browser.pass(121_000);
    assert.equal(flags.status().problem, null);
    flags.close();
  });
});

test("a secret key is not sent, and that is the only thing that is said", async () => {
  const { flags, far, page, told } = await opened({ key: "pennon_server_a" });
  await flags.refresh();
  assert.deepEqual(far.asked, []);
  assert.equal(page.warned.length, 1);
  assert.match(page.warned[0], /secret key.*client key/);
  assert.equal(told("warning")[0].cause, "secret key");
  flags.close();
});

test("a bootstrap that is none is said so, and the rest works", async () => {
  for (const bootstrap of ["{", "5", "[]", '{"flags": null}']) {
    const { flags, page, told } = await opened({ bootstrap });
    assert.equal(page.warned.length, 1, bootstrap);
    assert.match(page.warned[0], /bootstrap/);
    assert.equal(told("warning").length, 1, "who listens once there is a client hears of it");
    assert.equal(flags.string("theme", ""), "free");
    flags.close();
  }
  const { flags, page } = await opened({ bootstrap: "null" });
  assert.deepEqual(page.warned, []);
  flags.close();
});

test("flags that are none harm no other", async () => {
  const far = new FarEnd();
  const sound = { key: "c", value: "kept", variant: "c", reason: "DEFAULT" };
  const strange = [null, 5, "text", {}, { key: "a" }, { key: "b", metadata: null }, sound];
  far.instead = () => json({ flags: strange, metadata: { revision: "1.1" }, eventStreams: [] }, {});
  const { flags } = await opened({ far });
  assert.equal(flags.string("c", ""), "kept");
  for (const key of ["a", "b", "text"]) assert.equal(flags.evaluation(key, "mine").value, "mine");
  flags.close();
});

test("a listener that fails stops nobody", async () => {
  const { flags, page } = open();
  const heard = /** @type {string[]} */ ([]);
  flags.on("change", () => {
    throw new Error("mine");
  });
  const stop = flags.on("change", () => void heard.push("change"));
  await settled();
  assert.deepEqual(heard, ["change"]);
  assert.match(String(page.warned[0]), /mine/);
  stop();
  await flags.updateContext({ plan: "gold" });
  assert.deepEqual([flags.string("theme", ""), heard], ["gold", ["change"]]);
  flags.close();
});

test("a clock that jumps stops nothing", async () => {
  const { flags, far, browser } = await opened();
  browser.wall = Date.UTC(1999, 0);
  assert(/** @type {number} */ (flags.status().ageS) < 5);
  await browser.pass(301_000);
  assert.equal(far.asked.length, 2);
  browser.wall = Date.UTC(2090, 0);
  await browser.pass(301_000);
  assert.equal(far.asked.length, 3);
  assert.equal(await flags.refresh(), true);
  flags.close();
});

test("names of what is kept differ wherever what they stand for does", () => {
  const texts = new Set();
  for (let n = 0; n < 20_000; n++) for (const text of [`${n}`, `u${n}`, `[["targetingKey","user-${n}@shop.example"]]`]) texts.add(text);
  for (const text of ["", " ", "a", "aa", "ab", "ba", "😀", "😁", "\ud83d", "a".repeat(1000), `${"a".repeat(999)}b`]) texts.add(text);
  const names = [...texts].map(digest);
  assert.equal(new Set(names).size, texts.size);
  // Any part of them does, so none is idle.
  assert(new Set(names.map((name) => name.slice(0, 6))).size > texts.size * 0.99);
  assert(new Set(names.map((name) => name.slice(-6))).size > texts.size * 0.99);
  assert.equal(digest("a"), digest("a"));
});
