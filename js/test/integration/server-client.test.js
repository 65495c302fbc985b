/** The client of `pennon/server` against a running server, and what can come between them. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Client } from "pennon/server";

import { nodePlatform } from "../../platform/node.js";
import { serve, until } from "../serving.js";

const USER = { targetingKey: "u1" };
/** It waits for little, so that tests do. */
const HASTY = { random: () => 0.02 };

function platform() {
  /** @type {string[]} */
  const warnings = [];
  return { ...nodePlatform(), ...HASTY, warn: (message) => void warnings.push(message), warnings };
}

/** @param {import("node:test").TestContext} t */
async function client(t, url, key, given = {}) {
  const made = new Client(url, { key, platform: platform(), ...given });
  t.after(() => made.close({ timeoutMs: 200 }));
  return made;
}

/** A wire between a client and a server, which can be cut, stopped, and slowed down. */
class Wire {
  /** Whether bytes pass. While they do not, connections are taken all the same, as a machine that hangs takes them. */
  passes = true;
  /** Whether the server's answers pass. */
  answers = true;
  #sockets = new Set();
  #server;

  constructor(target) {
    this.#server = createServer((near) => {
      const far = connect(Number(new URL(target).port), "127.0.0.1");
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(one);
        one.on("data", (data) => this.passes && (this.answers || one === near) && other.write(data));
        one.on("close", () => other.destroy());
        one.on("error", () => other.destroy());
      }
    });
  }

  async open(t) {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    t.after(() => {
      this.cut();
      this.#server.close();
    });
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  cut() {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }
}

/** Something between that answers in the server's stead, as long as *answer* says so. */
async function interposed(t, target, answer) {
  const server = createHttpServer(async (request, response) => {
    if (answer(request, response)) return;
    const passed = await fetch(target + request.url, { headers: { authorization: request.headers.authorization } });
    response.writeHead(passed.status, { "Content-Type": passed.headers.get("content-type") ?? "" });
    for await (const piece of passed.body ?? []) response.write(piece);
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** How often the server counted each variation of a flag. */
async function counts(place, flag) {
  const { items } = await place.server.api("GET", `${place.path}/counts?flag=${flag}`);
  const sums = {};
  for (const { variation, count } of items) sums[variation] = (sums[variation] ?? 0) + count;
  return sums;
}

/** @type {import("../serving.js").Serving} */
let server;
before(async () => {
  server = await serve();
});
after(() => server.close());

describe("beside a server that runs", () => {
  test("a change arrives by the stream, with what it touched", async (t) => {
    const place = await server.environment("streaming");
    await place.put({ key: "checkout" });
    const flags = await client(t, place.url, place.serverKey);
    assert.equal(await flags.ready(), true);
    await until(() => flags.status().level === 0 && flags.boolean("checkout", USER));
    const changes = [];
    flags.on("change", (change) => changes.push(change));
    const { revision } = await place.turnOff("checkout");
    await until(() => !flags.boolean("checkout", USER, true));
    assert.deepEqual(changes, [{ keys: ["checkout"], epoch: 1, revision }]);
    assert.deepEqual([flags.status().revision, flags.status().environment, flags.status().problem], [revision, "default/streaming", ""]);
  });

  test("the bootstrap is what the server itself would answer", async (t) => {
    const place = await server.environment("bootstrap");
    await place.change({ do: "putSegment", segment: { key: "staff", included: ["u1", "Łukasz"], rules: [] } });
    const staff = { id: "staff", conditions: [{ op: "inSegment", values: ["staff"] }], serve: { variation: "off" } };
    await place.put({ key: "needed", clientSide: false });
    await place.put({ key: "checkout", rules: [staff], prerequisites: [{ flag: "needed", variations: ["on"] }] });
    await place.put({
      key: "title",
      kind: "string",
      variations: [
        { key: "a", value: "</script><b>\u2028" },
        { key: "b", value: "" },
      ],
    });
    await place.put({ key: "hidden", clientSide: false });
    const flags = await client(t, place.url, place.serverKey);
    await until(() => flags.rules().flagKeys().length === 4);
    for (const context of [USER, { targetingKey: "u2" }, {}]) {
      const headers = { Authorization: `Bearer ${place.serverKey}`, "Content-Type": "application/json" };
      const answer = await fetch(`${place.url}/client/v1/bootstrap`, { method: "POST", headers, body: JSON.stringify({ context }) });
      const [theirs, ours] = [await answer.text(), flags.bootstrap(context)];
      const whole = (text) => text.slice(0, text.lastIndexOf(',"age"'));
      assert.equal(whole(ours), whole(theirs));
    }
  });

  test("a key that is revoked is said once, and what is known stays", async (t) => {
    const place = await server.environment("revoked");
    await place.put({ key: "checkout" });
    const flags = await client(t, place.url, place.serverKey);
    await until(() => flags.status().level === 0 && flags.boolean("checkout", USER));
    const { items } = await server.api("GET", `${place.path}/keys`);
    for (const { key } of items) await server.api("DELETE", `${place.path}/keys/${key}`);
    await until(() => flags.status().isRefused);
    assert.equal(flags.boolean("checkout", USER, false), true);
    assert.match(flags.status().problem, /check that the key is a server key/);
  });

  test("a client key, and one that is none, are refused with what to do", async (t) => {
    for (const key of [server.clientKey, "pennon_server_wrong"]) {
      const machine = platform();
      const flags = await client(t, server.url, key, { platform: machine });
      assert.equal(await flags.ready({ timeoutMs: 60_000 }), false);
      assert.equal(flags.status().isRefused, true);
      assert.match(machine.warnings.join("\n"), /refused the key with 40[13].*check that the key is a server key of this environment/);
      assert.equal(machine.warnings.length, 1);
    }
  });

  test("what hangs with its connections open is given up, and come back to", async (t) => {
    const place = await server.environment("hanging");
    await place.put({ key: "checkout" });
    const wire = new Wire(place.url);
    const flags = await client(t, await wire.open(t), place.serverKey, { heartbeatMs: 200, timeoutMs: 500, pollIntervalMs: 300 });
    await until(() => flags.boolean("checkout", USER));
    wire.passes = false;
    await until(() => flags.status().level === 2);
    assert.match(flags.status().problem, /silent for too long/);
    await place.turnOff("checkout");
    assert.equal(flags.boolean("checkout", USER, false), true);
    wire.cut();
    wire.passes = true;
    await until(() => !flags.boolean("checkout", USER, true));
  });

  test("a cut connection is made anew, and what was missed is caught up with", async (t) => {
    const place = await server.environment("cut");
    await place.put({ key: "checkout" });
    const wire = new Wire(place.url);
    const flags = await client(t, await wire.open(t), place.serverKey);
    assert.equal(await flags.ready(), true);
    for (const wanted of [false, true, false]) {
      wire.cut();
      await (wanted ? place.turnOn("checkout") : place.turnOff("checkout"));
      await until(() => flags.boolean("checkout", USER, !wanted) === wanted);
    }
  });

  const HTML = "<!doctype html><title>Sign in</title>";
  for (const [what, answer, cause] of [
    [
      "an HTML page with 200",
      (response) => response.writeHead(200, { "Content-Type": "text/html" }).end(HTML),
      /something else than a stream|doctype html/,
    ],
    [
      "half a JSON",
      (response) => response.writeHead(200, { "Content-Type": "application/json" }).end('{"spec":1,"flags":{"a'),
      /cannot be read|something else than a stream/,
    ],
    [
      "a newer protocol",
      (response) => response.writeHead(200, { "Content-Type": "application/json" }).end('{"spec":2,"flags":{}}'),
      /update the SDK|something else than a stream/,
    ],
    ["an error", (response) => response.writeHead(502).end("bad gateway"), /answered 502 \(bad gateway\)/],
  ]) {
    test(`${what} in the server's stead takes nothing away, and is over when it is over`, async (t) => {
      const place = server;
      await place.put({ key: "checkout" });
      let isOn = true;
      const url = await interposed(t, place.url, (_, response) => isOn && answer(response) !== undefined);
      const machine = platform();
      const flags = await client(t, url, place.serverKey, { platform: machine, pollIntervalMs: 300 });
      await until(() => cause.test(flags.status().problem));
      assert.equal(flags.boolean("checkout", USER, false), false);
      isOn = false;
      await until(() => flags.boolean("checkout", USER, false));
      assert.equal(machine.warnings.length, new Set(machine.warnings.map((warning) => warning.replace(/\d/g, ""))).size);
    });
  }
});

describe("beside a server that dies", () => {
  test("what was known answers, a store does at the next start, and every evaluation is counted once", async (t) => {
    const store = await mkdtemp(join(tmpdir(), "pennon-js-store-"));
    t.after(() => rm(store, { recursive: true }));
    const place = await server.environment("dying");
    await place.put({ key: "checkout" });
    const tally = { on: 0, off: 0 };
    const hasty = { store, pollIntervalMs: 200, hooks: [(_, context, { variation }) => context === USER && tally[variation]++] };
    const first = await client(t, place.url, place.serverKey, hasty);
    await until(() => first.status().level === 0 && first.rules().kind("checkout") === "boolean");
    await until(async () => (await readdir(store)).some((name) => name.endsWith(".flags")));
    for (let i = 0; i < 7; i++) first.boolean("checkout", USER);
    assert.equal(await first.flush(), true);
    await server.kill();
    await until(() => first.status().level === 2);
    for (let i = 0; i < 5; i++) assert.equal(first.boolean("checkout", USER, false), true);
    assert.equal(await first.flush({ timeoutMs: 300 }), false);
    const second = await client(t, place.url, place.serverKey, hasty);
    assert.equal(second.boolean("checkout", USER, false), true);
    assert.equal(await second.ready(), true);
    assert.equal(second.status().level, 2);

    await server.start();
    await until(() => [first, second].every((each) => each.status().level === 0));
    await place.turnOff("checkout");
    await until(() => [first, second].every((each) => !each.rules().boolean("checkout", USER, true)));
    for (const each of [first, second]) await until(() => each.flush());
    assert.ok(tally.on >= 13 && tally.off >= 2);
    await until(async () => assert.deepEqual(await counts(place, "checkout"), tally) ?? true);
  });

  test("a batch whose receipt is lost is sent again, and counted once", async (t) => {
    const place = await server.environment("receipts");
    await place.put({ key: "checkout" });
    const wire = new Wire(place.url);
    const flags = await client(t, await wire.open(t), place.serverKey, { timeoutMs: 1000 });
    await until(() => flags.rules().kind("checkout") === "boolean");
    for (let i = 0; i < 9; i++) flags.boolean("checkout", USER);
    wire.answers = false;
    const isLost = flags.flush({ timeoutMs: 5000 });
    await until(async () => (await counts(place, "checkout")).on === 9);
    wire.cut();
    assert.equal(await isLost, false);
    wire.answers = true;
    flags.boolean("checkout", USER);
    await until(() => flags.flush());
    await until(async () => assert.deepEqual(await counts(place, "checkout"), { on: 10 }) ?? true);
  });
});
