import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";

import { Transport } from "../../client/server/transport.js";
import { nodePlatform } from "../../platform/node.js";
import { json, Machine } from "./server-far-end.js";

const OPTIONS = { key: "k", timeoutMs: 1000, maxBytes: 1000 };

/** What a call came to: its failure. */
async function failure(call) {
  const error = await call.then(
    () => assert.fail("it went well"),
    (reason) => reason,
  );
  return error.failure;
}

const STATUSES = /** @type {[number, Record<string, string>, string, number | undefined, RegExp][]} */ ([
  [401, {}, "refused", undefined, /check that the key is a server key/],
  [403, { "Retry-After": "7" }, "refused", 7, /refused the key with 403/],
  [404, {}, "missing", undefined, /check the address/],
  [410, {}, "missing", undefined, /410/],
  [400, {}, "unfit", undefined, /cannot take what it was sent: 400/],
  [409, {}, "unfit", undefined, /409/],
  [413, {}, "unfit", undefined, /413/],
  [429, { "Retry-After": "3" }, "busy", 3, /is busy/],
  [503, { "Retry-After": "Sat, 21 Nov 2026 00:00:00 GMT" }, "busy", undefined, /503/],
  [301, { Location: "https://elsewhere.test" }, "missing", undefined, /redirects to https:\/\/elsewhere.test/],
  [500, {}, "broken", undefined, /answered 500 \(it is said here\)/],
  [508, {}, "broken", undefined, /508/],
]);

for (const [status, headers, kind, wish, message] of STATUSES) {
  test(`${status} is a failure of the kind ${kind}, with what was said`, async () => {
    const far = new Machine().on("/x", () => new Response("it is\n said   here", { status, headers }));
    const found = await failure(new Transport(far.platform, OPTIONS).get("http://a.test/x"));
    assert.deepEqual([found.kind, found.notBeforeS], [kind, wish]);
    assert.match(found.message, message);
  });
}

test("an answer that goes on coming is waited for, one that stops is not, and one that drips for ever neither", async () => {
  const far = new Machine();
  const transport = new Transport(far.platform, OPTIONS);
  /** @type {ReadableStreamDefaultController<Uint8Array>[]} */
  const bodies = [];
  far.on("/x", ({ signal }) => {
    const body = new ReadableStream({ start: (controller) => void bodies.push(controller) });
    signal.addEventListener("abort", () => bodies.at(-1)?.error(signal.reason));
    return new Response(body);
  });
  const drip = async (times) => {
    for (let i = 0; i < times; i++) {
      bodies.at(-1)?.enqueue(new Uint8Array(1));
      await far.advance(900);
    }
  };
  const slow = transport.get("http://a.test/x");
  await far.advance(0);
  await drip(3);
  bodies.at(-1)?.close();
  assert.equal((await slow).text.length, 3);
  const stuck = failure(transport.get("http://a.test/x"));
  await far.advance(0);
  await drip(1);
  await far.advance(200);
  assert.equal((await stuck).kind, "silent");
  const endless = failure(transport.get("http://a.test/x"));
  await far.advance(0);
  await drip(14);
  assert.equal((await endless).kind, "silent");
});

test("what went well leaves its connection to the next call", async (t) => {
  let connections = 0;
  const server = createServer((request, answer) => request.resume().on("end", () => answer.end("{}")));
  server.on("connection", () => connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const transport = new Transport(nodePlatform(), { ...OPTIONS, timeoutMs: 60_000 });
  for (let i = 0; i < 4; i++) {
    assert.equal((await transport.get(`http://127.0.0.1:${port}/`)).text, "{}");
    assert.equal((await transport.post(`http://127.0.0.1:${port}/`, "{}", 60_000)).text, "{}");
  }
  assert.ok(connections < 4, `${connections} connections for eight calls`);
});

test("a closed transport asks nobody", async () => {
  const far = new Machine().on("/x", () => json({}));
  const transport = new Transport(far.platform, OPTIONS);
  transport.close();
  assert.equal((await failure(transport.get("http://a.test/x"))).kind, "ended");
  assert.deepEqual(far.requests, []);
});
