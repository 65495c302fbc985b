/** `flags.fetch`: who is told what was seen, and what becomes of a request that is refused. The network is by hand. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { guardedFetch, writeSeen } from "../../client/browser/guarded.js";

const SHOP = "https://shop.example";
const PAY = `${SHOP}/api/checkout/pay`;

/** A page, and a far end that answers requests with `answers` in turn and keeps what came. */
function page({ answers = [() => new Response("done")], ...options } = {}) {
  const came = [];
  const events = [];
  const refreshed = [];
  const flags = {
    flagsVersion: "v7_0a1b2c3d",
    shown: { "new-gateway": "on", theme: "dark" },
    seen: () => flags.shown,
    refresh: async (why) => {
      refreshed.push(why);
      flags.flagsVersion = "v8_11112222";
    },
  };
  const fetch = async (input, init) => {
    const request = new Request(input, init);
    came.push({ url: request.url, method: request.method, headers: request.headers, body: await request.text() });
    assert.ok(answers.length > 0, "nobody prepared an answer to one more request");
    return answers.shift()();
  };
  const tell = (event) => events.push(event);
  const guarded = guardedFetch(flags, { fetch, tell, origins: [SHOP], critical: ["/api/checkout"], ...options });
  return { flags, fetch: guarded, came, events, refreshed };
}

const refused = () => Response.json({ error: "flags_outdated", flagsVersion: "v8_11112222", flags: ["new-gateway"] }, { status: 409 });
const done = () => new Response("done");

test("a critical request says what the page holds and saw", async () => {
  const { fetch, came } = page();
  assert.equal(await (await fetch(PAY, { method: "POST", body: "{}", headers: { "X-Own": "1" } })).text(), "done");
  assert.equal(came[0].headers.get("x-flags-version"), "v7_0a1b2c3d");
  assert.equal(came[0].headers.get("x-flags-seen"), "new-gateway=on,theme=dark");
  assert.equal(came[0].headers.get("x-own"), "1");
  assert.deepEqual([came[0].method, came[0].body], ["POST", "{}"]);
});

test("a request that names flags says of these only, wherever on its origin it goes", async () => {
  const { fetch, came } = page();
  await fetch(`${SHOP}/elsewhere`, { flags: ["theme", "never-seen"] });
  assert.equal(came[0].headers.get("x-flags-seen"), "theme=dark");
});

test("patterns are paths, whole URLs, or regular expressions", async () => {
  for (const [pattern, url, guarded] of [
    ["/api/checkout", `${SHOP}/api/checkout?step=2`, true],
    ["/api/checkout", `${SHOP}/help?about=/api/checkout`, false],
    [`${SHOP}/api`, `${SHOP}/api/checkout`, true],
    [/\/pay$/g, PAY, true],
    [/\/pay$/g, `${PAY}/later`, false],
  ]) {
    const { fetch, came } = page({ critical: [pattern], answers: [done, done] });
    await fetch(url);
    await fetch(new URL(url));
    assert.deepEqual(came.map(({ headers }) => headers.has("x-flags-seen")), [guarded, guarded], `${pattern} of ${url}`);
  }
});

test("no other origin is told anything, whatever the pattern or the flags named", async () => {
  const { fetch, came } = page({ critical: [/./, "/", "https://evil.example"], answers: [done, done, done] });
  await fetch("https://evil.example/api/checkout");
  await fetch("https://shop.example.evil.example/api/checkout", { flags: ["new-gateway"] });
  await fetch("http://shop.example/api/checkout", { flags: ["new-gateway"] });
  assert.deepEqual(came.flatMap(({ headers }) => [...headers.keys()].filter((name) => name.startsWith("x-flags"))), []);
});

test("the page's own origin is told", async (t) => {
  globalThis.origin = "https://own.example";
  t.after(() => delete globalThis.origin);
  const { fetch, came } = page({ origins: undefined });
  await fetch("https://own.example/api/checkout");
  assert.equal(came[0].headers.get("x-flags-version"), "v7_0a1b2c3d");
});

test("what is not guarded goes through as it came", async () => {
  const given = { method: "POST", body: "x" };
  const calls = [];
  const fetch = guardedFetch({ flagsVersion: "v1_00000000", seen: () => ({}), refresh: assert.fail }, {
    fetch: async (...call) => (calls.push(call), refused()),
    tell: assert.fail,
    origins: [SHOP],
  });
  assert.equal((await fetch(PAY, given)).status, 409);
  assert.equal(calls[0][1], given);
});

test("without anything known nothing is said", async () => {
  const { flags, fetch, came } = page();
  Object.assign(flags, { flagsVersion: null, shown: {} });
  await fetch(PAY);
  assert.deepEqual([...came[0].headers.keys()].filter((name) => name.startsWith("x-flags")), []);
});

test("a refused request heals the page and tells the app, which may retry once", async () => {
  const { flags, fetch, came, events, refreshed } = page({ answers: [refused, done] });
  const response = await fetch(PAY, { method: "POST", body: "order" });
  assert.deepEqual([response.status, (await response.json()).error], [409, "flags_outdated"]);
  assert.deepEqual(refreshed, [{ reason: "outdated" }]);
  const [event] = events;
  assert.deepEqual([event.flags, event.flagsVersion, event.request], [["new-gateway"], "v8_11112222", PAY]);
  assert.equal(event.response, response);
  flags.shown = { ...flags.shown, theme: "light" };
  const [first, second] = await Promise.all([event.retry(), event.retry()]);
  assert.equal(first, second);
  assert.equal(await first.text(), "done");
  assert.equal(came.length, 2);
  assert.equal(came[1].body, "order");
  assert.equal(came[1].headers.get("x-flags-version"), "v8_11112222");
  assert.equal(came[1].headers.get("x-flags-seen"), "theme=light", "what was seen of the refused flag is outdated");
});

test("an app that wants it gets its request sent again, at most once", async () => {
  const once = page({ answers: [refused, done], onOutdated: "retry" });
  assert.equal(await (await once.fetch(PAY)).text(), "done");
  const twice = page({ answers: [refused, refused], onOutdated: "retry" });
  assert.equal((await twice.fetch(PAY)).status, 409);
  assert.deepEqual([twice.came.length, twice.refreshed.length, twice.events.length], [2, 1, 1]);
});

test("a function of the app decides, after the flags are in", async () => {
  const own = new Response("asked the user");
  for (const [decides, expected, sent] of [
    [() => own, "asked the user", 1],
    [() => true, "done", 2],
    [async (event) => (await event.retry()).ok, "done", 2],
    [(event) => event.retry(), "done", 2],
    [() => undefined, 409, 1],
    [() => "yes", 409, 1],
  ]) {
    const onOutdated = (event) => (assert.equal(refreshed.length, 1), decides(event));
    const { fetch, came, refreshed } = page({ answers: [refused, done], onOutdated });
    const response = await fetch(PAY);
    assert.equal(typeof expected === "number" ? response.status : await response.text(), expected);
    assert.equal(came.length, sent);
  }
});

test("a stream is not sent twice", async () => {
  const { fetch, came, events } = page({ answers: [refused], onOutdated: "retry" });
  const body = new Blob(["order"]).stream();
  assert.equal((await fetch(PAY, { method: "POST", body, duplex: "half" })).status, 409);
  assert.equal(events[0].retry, null);
  assert.deepEqual(came.map(({ body: sent }) => sent), ["order"]);
});

test("a Request is sent again with its body, its method and its headers", async () => {
  const { fetch, came } = page({ answers: [refused, done], onOutdated: "retry" });
  await fetch(new Request(PAY, { method: "PUT", body: "order", headers: { "X-Own": "1" } }));
  assert.deepEqual(came.map(({ method, body, headers }) => [method, body, headers.get("x-own")]), Array(2).fill(["PUT", "order", "1"]));
});

test("a 409 of another kind passes through, its body unread", async () => {
  for (const body of ['{"error": "cart_changed"}', "<html>", "null", '"flags_outdated"', "{"]) {
    const { fetch, refreshed, events } = page({ answers: [() => new Response(body, { status: 409 })] });
    assert.equal(await (await fetch(PAY)).text(), body);
    assert.deepEqual([refreshed, events], [[], []]);
  }
});

test("a refusal that names no flags, or names them oddly, is one all the same", async () => {
  for (const flags of [undefined, null, "new-gateway", 7, { a: 1 }]) {
    const answer = () => Response.json({ error: "flags_outdated", flags }, { status: 409 });
    const { fetch, came } = page({ answers: [answer, done], onOutdated: "retry" });
    assert.equal(await (await fetch(PAY)).text(), "done");
    assert.equal(came.length, 2);
  }
});

test("what fails fails as fetch does", async () => {
  const { fetch } = page({ answers: [() => assert.fail("network")] });
  await assert.rejects(fetch(PAY), /network/);
  await assert.rejects(fetch("http://"), TypeError);
});

test("no header grows past what servers take", () => {
  const many = Array.from({ length: 500 }, (_, at) => [`flag-${at}`, "on"]);
  const line = writeSeen(many);
  assert.ok(line.length <= 4096 && line.length > 4000);
  assert.match(line, /^flag-0=on,.*,flag-\d+=on$/);
});

const VECTORS = JSON.parse(readFileSync(new URL("../../../spec/vectors/outdated/seen-write.json", import.meta.url), "utf8"));
for (const { name, writeSeen: pairs, expect } of VECTORS.cases) {
  test(`outdated/seen-write/${name}`, () => assert.equal(writeSeen(pairs), expect.header));
}
