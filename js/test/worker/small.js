/** Loads 10,000 flags, evaluates each, and takes changes: run by Node with as little heap as an isolate has at most. See memory.test.js. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Client } from "pennon/worker";

const [folder, count] = process.argv.slice(2);
let published = { body: new Uint8Array(0), metadata: null };
const kv = { getWithMetadata: async () => ({ value: new Blob([published.body]).stream(), metadata: published.metadata }) };
const flags = new Client({ kv, environment: "default/production", kvIntervalS: 0.001, timeoutMs: 60_000 });
/** @type {Promise<unknown>[]} */
const behind = [];
const ctx = { waitUntil: (/** @type {Promise<unknown>} */ work) => void behind.push(work) };

for (let revision = 1; revision <= Number(count); revision++) {
  const metadata = JSON.parse(readFileSync(join(folder, `${revision}.json`), "utf8"));
  published = { body: readFileSync(join(folder, `${revision}.gz`)), metadata };
  let rules = await flags.load(ctx);
  while (rules.revision !== metadata.position) {
    await Promise.all(behind.splice(0));
    rules = await flags.load(ctx);
  }
  for (let i = 0; i < 10_000; i++) {
    const found = rules.evaluation(`flag-${String(i).padStart(5, "0")}`, { targetingKey: `u${i}`, country: "DE" }, null);
    assert.equal(found.reason, "SPLIT");
    assert.equal(found.flagVersion, revision);
  }
}
