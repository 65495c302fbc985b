/** Signed heads between a real control plane and a client that believes nobody else. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Client } from "pennon/server";

import { nodePlatform, nodeSha256 } from "../../platform/node.js";
import { Item, readSnapshot, Snapshot, State } from "../../protocol/index.js";
import { travelling } from "../../protocol/items.js";
import { serve, until } from "../serving.js";

const USER = { targetingKey: "u1" };
/** @type {import("../serving.js").Serving} */
let server;
let trusted = "";
before(async () => {
  server = await serve();
  trusted = (await server.api("POST", "/signing-keys", { name: "first" })).key;
});
after(() => server.close());

async function client(t, url, place, given = {}) {
  const warnings = [];
  const platform = { ...nodePlatform(), random: () => 0.02, warn: (message) => void warnings.push(message), warnings };
  const made = new Client(url, {
    key: place.serverKey,
    environment: `default/${place.name}`,
    trustedKeys: [trusted],
    platform,
    pollIntervalMs: 300,
    timeoutMs: 3000,
    ...given,
  });
  t.after(() => made.close({ timeoutMs: 200 }));
  return { flags: made, warnings };
}

const strict = { strictSignatures: true };

/** A hub that says something else than the control plane, under its heads: every flag is off. */
async function forger(t, place) {
  const hub = createServer(async (request, response) => {
    const answer = await fetch(place.url + request.url.replace(/since=[^&]*/, ""), {
      headers: { authorization: request.headers.authorization },
    });
    if (!request.url.includes("/snapshot")) return void response.writeHead(503).end(await answer.body?.cancel());
    response.writeHead(200).end(forged(await answer.text()));
  });
  hub.listen(0, "127.0.0.1");
  await once(hub, "listening");
  t.after(() => {
    hub.closeAllConnections();
    hub.close();
  });
  return `http://127.0.0.1:${hub.address().port}`;
}

function forged(text) {
  const true_ = readSnapshot(text);
  const flag = new Map(
    [...true_.items.flag].map(([key, item]) => {
      const { hash, ...rest } = item.value;
      const lie = travelling(JSON.stringify({ ...rest, on: false }), nodeSha256);
      return [key, new Item(key, lie, JSON.parse(lie))];
    }),
  );
  const items = { ...true_.items, flag };
  const { environment, epoch, revision, heads } = true_;
  return new Snapshot({ environment, epoch, revision, heads, items, digest: new State(items, nodeSha256).digest }).toText();
}

test("a strict client adopts what is signed, by snapshot and by delta, and says by whom", async (t) => {
  const place = await server.environment("signed");
  await place.put({ key: "checkout" });
  const { flags, warnings } = await client(t, place.url, place, strict);
  await until(() => flags.boolean("checkout", USER) && flags.status().level === 0);
  assert.equal(flags.status().signedBy, trusted);
  await place.turnOff("checkout");
  await until(() => !flags.boolean("checkout", USER, true));
  assert.equal(flags.status().signedBy, trusted);
  assert.deepEqual(warnings, []);
});

test("a hub that forges is refused by who is strict, and reported by who is not", async (t) => {
  const place = await server.environment("forged");
  await place.put({ key: "checkout" });
  const url = await forger(t, place);
  const [careful, trusting] = [await client(t, url, place, strict), await client(t, url, place)];
  await until(() => careful.flags.status().problem.includes("signature not trusted"));
  assert.notEqual(careful.flags.evaluation("checkout", USER).errorCode, null);
  assert.equal(careful.warnings.filter((warning) => warning.includes("nothing else is taken")).length, 1);
  await until(() => !trusting.flags.boolean("checkout", USER, true) && trusting.flags.status().signedBy === "");
  assert.match(trusting.warnings.join(), /its items are not those that were signed/);
  const both = await client(t, [url, place.url], place, strict);
  await until(() => both.flags.boolean("checkout", USER));
});

test("a strict client refuses another environment, and a key that it does not trust", async (t) => {
  const place = await server.environment("elsewhere");
  await place.put({ key: "checkout" });
  const stranger = `ed25519:${Buffer.alloc(32, 7).toString("base64url")}`;
  for (const [given, said] of [
    [{ environment: "default/other" }, /not 'default\/other'|403|404/],
    [{ trustedKeys: [stranger] }, /not one of the trusted keys/],
  ]) {
    const { flags } = await client(t, place.url, place, { ...strict, ...given });
    await until(() => said.test(flags.status().problem));
    assert.equal(flags.status().ready, false);
  }
});

test("a store is held to the same: what it has is proved, or not served", async (t) => {
  const place = await server.environment("stored");
  await place.put({ key: "checkout" });
  const store = await mkdtemp(join(tmpdir(), "pennon-js-signed-"));
  t.after(() => rm(store, { recursive: true }));
  const first = await client(t, place.url, place, { ...strict, store });
  await until(() => first.flags.boolean("checkout", USER));
  await first.flags.close();
  const second = await client(t, place.url, place, { ...strict, store });
  assert.deepEqual([second.flags.boolean("checkout", USER), second.flags.status().signedBy], [true, trusted]);
  await second.flags.close();

  const path = join(store, (await readdir(store))[0]);
  const [head, body] = (await readFile(path, "utf8")).split("\n");
  const lie = forged(body);
  await writeFile(path, `${JSON.stringify({ ...JSON.parse(head), sha256: nodeSha256(lie) })}\n${lie}`);
  const third = await client(t, place.url, place, { ...strict, store });
  assert.equal(third.flags.status().ready, false);
  assert.match(third.warnings[0], /in the local store, signature not trusted/);
  await until(() => third.flags.boolean("checkout", USER));
});

test("a rotation is followed by who is there, and by who comes later with the old key", async (t) => {
  const place = await server.environment("rotated");
  await place.put({ key: "checkout" });
  const { flags } = await client(t, place.url, place, strict);
  await until(() => flags.boolean("checkout", USER));
  const { key } = await server.api("POST", "/signing-keys/rotate", { name: "second" });
  await place.turnOff("checkout");
  await until(() => !flags.boolean("checkout", USER, true));
  await until(() => flags.status().signedBy === key);
  const late = await client(t, place.url, place, strict);
  await until(() => late.flags.status().signedBy === key);
});
