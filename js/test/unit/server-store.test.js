import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { Client } from "../../client/server/index.js";
import { readStored, writeStored } from "../../client/server/store.js";
import { readSnapshot } from "../../protocol/index.js";
import { delta, flag, heartbeat, snapshot } from "./server-documents.js";
import { json, Machine, rest } from "./server-far-end.js";

const USER = { targetingKey: "u1" };
const ONE = snapshot({ revision: 7, flags: [flag("checkout", { note: "Łódź \u2028 🚀" })] });

function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "pennon-store-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function dead() {
  return new Machine()
    .on("/sdk/v1/snapshot", () => json("", { status: 500 }))
    .on("/sdk/v1/stream", () => json("", { status: 500 }))
    .on("/sdk/v1/events", () => json("", { status: 500 }));
}

/** Let a client know the state, and end. */
async function learned(store, { key = "k", document = ONE } = {}) {
  const far = new Machine()
    .on("/sdk/v1/snapshot", () => json(document))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
  const client = new Client("http://flags.test", { key, store, platform: far.platform });
  assert.equal(await client.ready(), true);
  await client.close();
}

async function opened(t, far, given) {
  const client = new Client("http://flags.test", { key: "k", platform: far.platform, ...given });
  t.after(() => client.close({ timeoutMs: 1 }));
  return client;
}

test("what a store keeps comes back letter for letter", () => {
  const read = readSnapshot(ONE);
  const { snapshot: back, knownAtMs } = readStored(writeStored({ snapshot: read, knownAtMs: 12 }, "me"), "me");
  assert.deepEqual([back.toText(), knownAtMs, back.digest], [read.toText(), 12, read.digest]);
});

test("a client that starts with a dead server serves what the store has, from its first moment, at its age", async (t) => {
  const store = folderOf(t);
  await learned(store);
  const far = dead();
  const client = await opened(t, far, { store });
  assert.equal(client.boolean("checkout", USER), true);
  await far.advance(2000);
  assert.equal(await client.ready(), true);
  const { level, revision, ageS } = client.status();
  assert.deepEqual({ level, revision }, { level: 2, revision: 7 });
  assert.ok(ageS >= 2);
});

test("who starts with a store asks only for what changed since", async (t) => {
  const store = folderOf(t);
  await learned(store);
  const far = new Machine().streamAt().on("/sdk/v1/events", () => json({}, { status: 202 }));
  const client = await opened(t, far, { store });
  await rest();
  assert.deepEqual(
    far.requests.map(({ path, query }) => [path, query.get("since")]),
    [["/sdk/v1/stream", "1.7"]],
  );
  const off = flag("checkout", { on: false, version: 2 });
  far.stream.write(`event: delta\ndata: ${delta(7, [off], { revision: 8, flags: [off] })}\n\n`);
  await rest();
  assert.deepEqual([client.boolean("checkout", USER, true), client.status().level], [false, 0]);
});

test("a change is in the store within a second or so, and again as its age grows", async (t) => {
  const texts = [];
  const far = new Machine()
    .on("/sdk/v1/snapshot", () => json(ONE))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
  await opened(t, far, { store: { load: () => null, save: (text) => void texts.push(text) } });
  await far.advance(1100);
  assert.equal(texts.length, 1);
  far.stream.send("snapshot", { age: 0, ...JSON.parse(snapshot({ revision: 8 })) });
  await far.advance(1100);
  assert.deepEqual(
    texts.map((text) => JSON.parse(text.split("\n")[1]).revision),
    [7, 8],
  );
  for (let i = 0; i < 14; i++) {
    far.stream.send("heartbeat", heartbeat(snapshot({ revision: 8 })));
    await far.advance(25_000);
  }
  assert.equal(texts.length, 3);
});

test("a damaged store is reported, never served, and replaced", async (t) => {
  const store = folderOf(t);
  await learned(store);
  const [name] = readdirSync(store);
  const whole = readFileSync(join(store, name), "utf8");
  assert.equal(statSync(join(store, name)).mode & 0o777, 0o600);
  const spoils = [
    whole.slice(0, -9),
    whole.replace('"on":true', '"on":null'),
    whole.replace('"pennonStore":1', '"pennonStore":9'),
    "",
    "\n",
    whole.replace(/"knownAt":\d+/, '"knownAt":"x"'),
    "null\n{}",
  ];
  for (const spoilt of spoils) {
    writeFileSync(join(store, name), spoilt);
    const far = dead();
    const client = await opened(t, far, { store });
    assert.equal(client.evaluation("checkout", USER).errorCode, "PROVIDER_NOT_READY");
    assert.match(far.warnings.join(), /the local store is not used, and will be replaced/);
  }
  await learned(store);
  assert.deepEqual([readdirSync(store), readFileSync(join(store, name), "utf8").split("\n")[1]], [[name], whole.split("\n")[1]]);
});

test("the store of another key, address or environment is not served, in one folder or by one name", async (t) => {
  const store = folderOf(t);
  await learned(store);
  for (const given of [{ key: "other" }, { environment: "shop/staging" }]) {
    const client = await opened(t, dead(), { store, ...given });
    assert.equal(client.status().ready, false);
  }
  const [name] = readdirSync(store);
  const text = readFileSync(join(store, name), "utf8");
  const far = dead();
  const client = await opened(t, far, { key: "other", store: { load: () => text, save: () => {} } });
  assert.equal(client.status().ready, false);
  assert.match(far.warnings[0], /of another url, key or environment/);
});

test("a store that fails is reported and harms nobody, one that is slow is waited for", async (t) => {
  const far = dead();
  const broken = { load: () => Promise.reject(new Error("no disk")), save: () => Promise.reject(new Error("disk full")) };
  const client = await opened(t, far, { store: broken });
  await far.advance(10);
  assert.match(far.warnings.join(), /local store cannot be read: no disk/);
  assert.equal(client.boolean("checkout", USER, true), true);
  let text = "";
  await learned({ load: () => null, save: (saved) => void (text = saved) });
  const slow = await opened(t, dead(), { store: { load: async () => text, save: async () => {} } });
  assert.equal(await slow.ready({ timeoutMs: 1 }), true);
});

test("a folder that cannot be written is reported once", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "file"), "");
  const far = new Machine()
    .on("/sdk/v1/snapshot", () => json(ONE))
    .streamAt()
    .on("/sdk/v1/events", () => json({}, { status: 202 }));
  const client = await opened(t, far, { store: join(folder, "file") });
  await far.advance(1100);
  // The disk takes its own time.
  for (let i = 0; i < 200 && far.warnings.length === 0; i++) await rest();
  await far.advance(5000);
  assert.equal(far.warnings.length, 1);
  assert.match(far.warnings[0], /the local store cannot be (read|written)/);
  assert.equal(client.boolean("checkout", USER), true);
});
