/** The whole way: a real server, a real edge node that publishes, workerd's own KV, and the worker that reads it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { PENNON, serve, together, until } from "../serving.js";
import { run } from "./running.js";

/** @type {import("./running.js").RunningWorker} */
let worker;
/** @type {import("../serving.js").Serving} */
let server;
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "pennon-worker-"));
  [worker, server] = await together(run(), serve());
});
after(async () => {
  await Promise.all([worker?.close(), server?.close()]);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** @param {string} key @param {string} query */
function edgeNode(key, query) {
  const publish = `cloudflare://a1b2c3/f00d?api=${encodeURIComponent(`${worker.url}/client/v4`)}${query}`;
  const words = ["edge", "run", "--upstream", server.url, "--data", join(folder, "edge"), "--port", "0", "--publish", publish];
  const env = { ...process.env, PENNON_EDGE_KEY: key, PENNON_EDGE_PUBLISH_TOKEN: "secret-token" };
  const running = spawn(PENNON, words, { stdio: "ignore", env });
  const ended = once(running, "exit");
  return async () => {
    running.kill("SIGKILL");
    await ended;
  };
}

test("what is changed at a server is evaluated in a worker, through an edge node and KV", async () => {
  await server.put({ key: "checkout" });
  await server.put({ key: "inside", clientSide: false, staleness: { maxAgeS: 3600, serve: { variation: "off" } } });
  const stop = edgeNode(await server.key("edge"), "&confirm=10");
  try {
    const options = { environment: "default/production", kvIntervalS: 0.001 };
    const asked = { name: "published", usesKv: true, bootstrap: true, flags: ["checkout", "inside"], options };
    const found = await until(async () => {
      const answer = await worker.ask(asked);
      return answer.values.inside?.value === true && answer;
    });
    assert.deepEqual([found.values.checkout.value, found.status.level, found.status.problem], [true, 1, ""]);
    assert(found.ageS !== null && found.ageS < 3600, "the bound holds: the node says how old the state is");

    const headers = { Authorization: `Bearer ${server.clientKey}` };
    const answer = await fetch(`${server.url}/client/v1/bootstrap`, { method: "POST", headers });
    const { age: _, at: __, ...wanted } = /** @type {any} */ (await answer.json());
    const { age, at, ...told } = JSON.parse(found.bootstrap);
    assert.deepEqual(told, wanted, "pages are told the same, the flags version too");

    await server.turnOff("checkout");
    await until(async () => (await worker.ask(asked)).values.checkout.value === false);
  } finally {
    await stop();
  }
});
