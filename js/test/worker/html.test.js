/** Flags in a page that streams by, through the runtime's own HTMLRewriter. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { boolean, snapshot } from "./documents.js";
import { ENVIRONMENT, run } from "./running.js";

const HOSTILE = '</script><script>alert("1")</script><!--\u2028';
const HTML = { "content-type": "text/html; charset=utf-8" };
const ASKED = { name: "html", usesKv: true, context: { targetingKey: HOSTILE }, options: { environment: ENVIRONMENT, timeoutMs: 30_000 } };

/** @type {import("./running.js").RunningWorker} */
let worker;
before(async () => {
  worker = await run();
  const variations = [{ key: HOSTILE, value: HOSTILE }];
  const hostile = boolean("hostile", { kind: "string", variations, fallthrough: { variation: HOSTILE }, offVariation: HOSTILE });
  await worker.publish(snapshot(7, [boolean("new-home"), boolean("secret", { clientSide: false }), hostile]));
});
after(() => worker?.close());

/** @param {string} body @param {object} [origin] @param {object} [rest] */
async function page(body, origin = { headers: HTML }, rest = {}) {
  const response = await worker.fetch("/page", { ...ASKED, origin, ...rest }, { method: "POST", body });
  return { response, text: await response.text() };
}

/** @param {string} text */
function told(text) {
  const found = [...text.matchAll(/<script type="application\/json" id="pennon-bootstrap"[^>]*>(.*?)<\/script>/gs)];
  assert.equal(found.length, 1, text);
  return JSON.parse(found[0][1]);
}

test("a page gets the client-side flags at the start of its head, and nothing else changes", async () => {
  const { text } = await page("<!doctype html><html><head><title>Shop</title></head><body>Hello</body></html>");
  const { flags, environment, revision } = told(text);
  assert.deepEqual([environment, revision, Object.keys(flags)], [ENVIRONMENT, "1.7", ["hostile", "new-home"]]);
  assert.deepEqual(flags["new-home"], { variation: "on", reason: "FALLTHROUGH", value: true, flagVersion: 1 });
  const without = text.replace(/<script.*?<\/script>/s, "");
  assert.equal(without, "<!doctype html><html><head><title>Shop</title></head><body>Hello</body></html>");
  assert(text.startsWith('<!doctype html><html><head><script type="application/json"'));
});

test("no value, variation or targeting key ends the element", async () => {
  const { text } = await page("<html><head></head><body></body></html>");
  assert.equal(text.match(/<\/?script/g)?.length, 2);
  assert(!text.includes("\u2028"));
  assert.equal(told(text).flags.hostile.value, HOSTILE);
});

test("it is put in once, wherever a page has its tags", async () => {
  const twice = "<html><HEAD lang=en></HEAD><body><svg><head></head></svg></body>";
  for (const body of ["<p>no tags at all", "<body>no head</body>", "", "<head></head><head></head>", twice]) {
    assert.equal(told((await page(body)).text).flags["new-home"].value, true, body);
  }
});

test("a nonce is written where a policy checks one, escaped", async () => {
  const { text } = await page("<head></head>", { headers: HTML }, { how: { nonce: 'r4nd"om<' } });
  assert(text.includes('id="pennon-bootstrap" nonce="r4nd&quot;om&lt;">'), text);
});

/** @type {[string | null, string][]} */
const CACHED = [
  [null, "private"],
  ["public, max-age=60, s-maxage=600, stale-while-revalidate=30", "private, max-age=60"],
  ["no-store", "private, no-store"],
  ["Private, Max-Age=0", "private, Max-Age=0"],
];
for (const [said, wanted] of CACHED) {
  test(`a page with ${said ?? "no word"} for caches is one visitor's then`, async () => {
    const more = { etag: '"1"', "last-modified": "Sun, 01 Mar 2026 12:00:00 GMT", "cdn-cache-control": "max-age=600", "x-kept": "yes" };
    const origin = { headers: { ...HTML, ...more, ...(said === null ? {} : { "cache-control": said }) } };
    const { response } = await page("<head></head>", origin);
    const headers = ["cache-control", "etag", "last-modified", "cdn-cache-control", "x-kept"].map((name) => response.headers.get(name));
    assert.deepEqual(headers, [wanted, null, null, null, "yes"]);
  });
}

test("what caches may do can be told", async () => {
  const how = { cacheControl: "private, max-age=5" };
  const { response } = await page("<head></head>", { headers: { ...HTML, "cdn-cache-control": "no-store" } }, { how });
  assert.equal(response.headers.get("cdn-cache-control"), "no-store");
  assert.equal(response.headers.get("cache-control"), "private, max-age=5");
});

test("what is no page passes as it is", async () => {
  const kinds = ["application/json", "text/plain", "image/svg+xml", "text/htmlx"];
  for (const kind of kinds) {
    const { response, text } = await page("<head></head>", { headers: { "content-type": kind, "cache-control": "public", etag: '"1"' } });
    assert.deepEqual([text, response.headers.get("cache-control"), response.headers.get("etag")], ["<head></head>", "public", '"1"'], kind);
  }
  const { text } = await page("<head></head>", { status: 206, headers: HTML });
  assert.equal(text, "<head></head>", "a part of a page is cut anywhere");
});

test("a page keeps its status, so that errors have their flags too", async () => {
  const { response, text } = await page("<head></head>", { status: 404, headers: HTML });
  assert.equal(response.status, 404);
  assert.equal(told(text).flags["new-home"].value, true);
});

test("while there are no flags a page passes as it is", async () => {
  const empty = { name: "html-empty", options: { environment: ENVIRONMENT } };
  const { response, text } = await page("<head></head>", { headers: { ...HTML, "cache-control": "public" } }, { ...empty, usesKv: false });
  assert.deepEqual([text, response.headers.get("cache-control")], ["<head></head>", "public"]);
});

test("a page streams: its start is on its way before its end is there", async () => {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let rest;
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("<html><head></head><body>first"));
      rest = controller;
    },
  });
  // What compresses on the way would hold it back.
  const more = { duplex: "half", headers: { "accept-encoding": "identity" }, signal: AbortSignal.timeout(60_000) };
  const init = /** @type {RequestInit} */ ({ method: "POST", body, ...more });
  const response = await worker.fetch("/page", { ...ASKED, origin: { headers: HTML } }, init);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("first")) text += decoder.decode((await reader.read()).value, { stream: true });
  assert.equal(told(text).flags["new-home"].value, true);
  // @ts-expect-error: it was set when the stream was made
  rest.enqueue(new TextEncoder().encode("last</body></html>"));
  // @ts-expect-error: the same
  rest.close();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += decoder.decode(piece.value, { stream: true });
  assert(text.endsWith("firstlast</body></html>"), text);
});
