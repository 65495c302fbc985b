/** The server that tests start is the real one, and comes back where it was. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { servePages } from "../pages.js";
import { serve, together, until } from "../serving.js";

/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  server = await serve();
});
after(() => server.close());

const evaluated = async (place, key) => {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${place.clientKey}` };
  const answer = await fetch(`${place.url}/ofrep/v1/evaluate/flags/${key}`, { method: "POST", headers, body: '{"context": {}}' });
  return answer.json();
};

test("a flag that was put is evaluated, and follows the switch", async () => {
  await server.put({ key: "checkout" });
  assert.equal((await evaluated(server, "checkout")).value, true);
  await server.turnOff("checkout");
  assert.equal((await evaluated(server, "checkout")).value, false);
  await server.turnOn("checkout");
  assert.equal((await evaluated(server, "checkout")).value, true);
});

test("a flag is taken as a snapshot shows it", async () => {
  const variations = [
    { key: "short", value: "buy" },
    { key: "long", value: "buy now" },
  ];
  await server.put({ key: "label", kind: "string", variations, clientSide: true, fallthrough: { variation: "long" } });
  assert.equal((await evaluated(server, "label")).value, "buy now");
});

test("each environment has keys and flags of its own", async () => {
  const other = await server.environment("other", { clientRules: true });
  await other.put({ key: "other-only" });
  assert.equal((await evaluated(other, "other-only")).value, true);
  assert.equal((await evaluated(server, "other-only")).value, false);
  const rules = () => fetch(`${other.url}/client/v1/rules/${other.clientKey}`);
  assert.equal((await rules()).status, 200);
  await other.allowClientRules(false);
  await until(async () => (await rules()).status === 404);
});

test("a killed server comes back at its address with its data", async () => {
  await server.put({ key: "kept" });
  const { url } = server;
  await server.kill();
  await assert.rejects(fetch(url));
  await server.start();
  assert.equal(server.url, url);
  assert.equal((await evaluated(server, "kept")).value, true);
  assert.equal(await server.metric("pennon_ready"), 1);
});

test("a server that cannot start says why", async () => {
  await assert.rejects(serve({ options: ["--log-level", "loud"] }), /loud/);
});

test("of what starts together nothing runs on when a part of it does not start", async () => {
  const pages = await servePages();
  const { url } = pages;
  assert.equal((await fetch(url)).status, 404);
  await assert.rejects(together(Promise.resolve(pages), Promise.reject(new Error("no server"))), /no server/);
  await assert.rejects(fetch(url));
});

test("files of the package are served as browsers want them, and nothing above them", async () => {
  const pages = await servePages();
  try {
    const module = await fetch(`${pages.url}/engine/index.js`);
    assert.equal(module.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.match(await module.text(), /compileSnapshot/);
    assert.equal((await fetch(`${pages.url}/..%2fpyproject.toml`)).status, 404);
    const page = await fetch(pages.put("/", { html: "<p>here", headers: { "X-Here": "yes" } }));
    assert.deepEqual([page.headers.get("x-here"), await page.text()], ["yes", "<p>here"]);
  } finally {
    await pages.close();
  }
});
