import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { sha256Hex } from "../../bucketing/index.js";
import { webPlatform } from "../../platform/index.js";
import { nodePlatform, nodeSha256, quietFetch, writeWhole } from "../../platform/node.js";
import { flag, heartbeat, snapshot } from "./server-documents.js";

/** A server that answers as told. */
async function serving(t, answer) {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

test("answers are read as they are, gzipped or in brotli", async (t) => {
  const packed = { gzip: gzipSync("Łódź"), br: brotliCompressSync("Łódź"), identity: Buffer.from("Łódź") };
  const url = await serving(t, (request, answer) =>
    answer.writeHead(200, { "Content-Encoding": request.headers["accept-encoding"] }).end(packed[request.headers["accept-encoding"]]),
  );
  for (const coding of Object.keys(packed)) {
    const found = await quietFetch(url, { headers: { "Accept-Encoding": coding } });
    assert.deepEqual([found.status, await found.text()], [200, "Łódź"]);
  }
});

test("a body is sent whole, a status without a body has none, and headers come as they were sent", async (t) => {
  const url = await serving(t, async (request, answer) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    if (request.method === "GET") answer.writeHead(304, { ETag: '"1"' }).end();
    else answer.writeHead(202, { "X-Length": request.headers["content-length"] }).end(Buffer.concat(pieces));
  });
  const posted = await quietFetch(url, { method: "POST", body: "Łódź" });
  assert.deepEqual([posted.status, posted.headers.get("x-length"), await posted.text()], [202, "7", "Łódź"]);
  const unchanged = await quietFetch(url);
  assert.deepEqual([unchanged.status, unchanged.headers.get("etag"), unchanged.body], [304, '"1"', null]);
});

test("what is cut, damaged, called off or not there rejects, and throws nowhere else", async (t) => {
  const url = await serving(t, (request, answer) => {
    if (request.url === "/cut") {
      answer.writeHead(200, { "Content-Length": "100" });
      answer.write("half");
      setImmediate(() => answer.destroy());
    } else if (request.url === "/damaged") answer.writeHead(200, { "Content-Encoding": "gzip" }).end("no gzip");
  });
  for (const path of ["/cut", "/damaged"]) await assert.rejects((await quietFetch(url + path)).text(), path);
  const controller = new AbortController();
  const silent = quietFetch(`${url}/silent`, { signal: controller.signal });
  controller.abort();
  await assert.rejects(silent, { name: "AbortError" });
  await assert.rejects(quietFetch("http://127.0.0.1:1/"), /ECONNREFUSED/);
});

test("an idle connection that the server closes just when it is used again is no failure", async (t) => {
  const seen = new WeakSet();
  const url = await serving(t, (request, answer) => {
    if (seen.has(request.socket)) request.socket.destroy();
    else answer.end("fresh");
    seen.add(request.socket);
  });
  for (let i = 0; i < 4; i++) assert.equal(await (await quietFetch(url, { method: "POST", body: "{}" })).text(), "fresh");
});

/** Run a program that makes a client and forgets it, beside a server that answers events by *status*. Return what happened. */
async function forgetful(t, status) {
  const batches = [];
  const document = snapshot({ flags: [flag("a")] });
  const url = await serving(t, async (request, answer) => {
    if (request.url.startsWith("/sdk/v1/stream")) {
      answer
        .writeHead(200, { "Content-Type": "text/event-stream" })
        .write(`event: heartbeat\ndata: ${JSON.stringify(heartbeat(document))}\n\n`);
    } else if (request.method === "POST") {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      batches.push(JSON.parse(Buffer.concat(pieces)));
      answer.writeHead(status).end("{}");
    } else answer.writeHead(200).end(document);
  });
  const store = mkdtempSync(join(tmpdir(), "pennon-forgetful-"));
  t.after(() => rmSync(store, { recursive: true }));
  const program = `
    import { Client } from "pennon/server";
    const flags = new Client(${JSON.stringify(url)}, { key: "k", store: ${JSON.stringify(store)}, platform: { warn() {} } });
    console.log(await flags.ready(), flags.boolean("a"));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: new URL("../..", import.meta.url),
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill());
  const said = [];
  child.stdout.on("data", (piece) => said.push(piece));
  const exit = await once(child, "close");
  return {
    exit,
    said: Buffer.concat(said).toString(),
    counted: batches.map(({ counters }) => counters.map(({ flag, count }) => [flag, count])),
    stored: readdirSync(store).length,
  };
}

test("a program that forgets its client ends by itself, reports what is left and stores what is known", async (t) => {
  assert.deepEqual(await forgetful(t, 202), { exit: [0, null], said: "true true\n", counted: [[["a", 1]]], stored: 1 });
});

test("it ends, too, where nobody takes its report", async (t) => {
  assert.deepEqual(await forgetful(t, 503), { exit: [0, null], said: "true true\n", counted: [[["a", 1]]], stored: 1 });
});

test("a file is written whole, for its owner only, in a folder that is made", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pennon-platform-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "new", "file");
  await Promise.all(["one", "two", "three"].map((text) => writeWhole(path, text)));
  assert.ok(["one", "two", "three"].includes(readFileSync(path, "utf8")));
  assert.deepEqual(readdirSync(join(folder, "new")), ["file"]);
  await assert.rejects(writeWhole(join(path, "below"), "x"));
  assert.equal(existsSync(join(path, "below")), false);
});

test("the machine's SHA-256 is ours", () => {
  for (const text of ["", "Łódź 🚀", "x".repeat(1000)]) assert.equal(nodeSha256(text), sha256Hex(text));
});

for (const [name, platform] of [
  ["webPlatform", webPlatform()],
  ["nodePlatform", nodePlatform()],
]) {
  test(`${name} tells the time, gives chance, and calls off what is not wanted any more`, async () => {
    const before = platform.elapsed();
    const called = [];
    platform.later(1, () => called.push("called off"))();
    const hold = setInterval(() => {}, 1000);
    await new Promise((resolve) => platform.later(5, () => resolve(called.push("late"))));
    clearInterval(hold);
    assert.deepEqual(called, ["late"]);
    assert.ok(platform.elapsed() > before && platform.now() > 1.7e12);
    const chance = platform.random();
    assert.ok(chance >= 0 && chance < 1);
  });
}
