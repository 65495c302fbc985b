/** 10,000 flags of five rules in an isolate, which has 128 MB on Cloudflare: measured by the runtime's inspector, and held to a limit. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

import { until } from "../serving.js";
import { ruled, snapshot } from "./documents.js";
import { Inspector } from "./inspector.js";
import { metadataOf, run } from "./running.js";

const FLAGS = 10_000;
const LIMIT = 128e6;
/** What Node itself has on its heap comes out of it too. */
const HEAP_MB = 96;
const REVISIONS = 2;

const bodies = Array.from({ length: REVISIONS }, (_, at) =>
  snapshot(
    at + 1,
    Array.from({ length: FLAGS }, (_, number) => ruled(number, { version: at + 1, clientSide: number % 20 === 0 })),
  ),
);
const packed = bodies.map((body) => gzipSync(body));

/** @type {import("./running.js").RunningWorker} */
let worker;
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "pennon-memory-"));
  worker = await run({ options: { name: "flags", inspectorPort: 0 } });
});
after(async () => {
  await worker?.close();
  await rm(folder, { recursive: true, force: true });
});

test("10,000 flags, each evaluated, and changes to all of them stay far below what an isolate has", async (t) => {
  const inspector = await Inspector.of(worker, "flags");
  const asked = { name: "large", usesKv: true, context: { targetingKey: "u1", country: "DE" } };
  const options = { environment: "default/production", kvIntervalS: 0.001, timeoutMs: 60_000 };
  /** @param {object} [more] */
  const ask = (more) => worker.ask({ ...asked, options, ...more });
  /** @param {string} when */
  const measured = async (when) => {
    const bytes = await until(async () => {
      const found = await inspector.heap(() => ask());
      return found < LIMIT && found;
    });
    t.diagnostic(`${when}: ${(bytes / 1e6).toFixed(1)} MB`);
    assert(bytes > 1e6, "it holds the flags");
  };
  for (const [at, body] of bodies.entries()) {
    await worker.publish(body, { packed: packed[at] });
    await until(async () => (await ask()).revision === `1.${at + 1}`);
    assert((await ask({ bootstrap: true })).bootstrap.includes('"flag-00020"'));
    await measured(`revision ${at + 1} is loaded, and 500 flags are evaluated for a page`);
    assert.deepEqual((await ask({ first: FLAGS })).tally, { SPLIT: FLAGS });
    await measured("every flag was evaluated, and all of them are compiled");
  }
  inspector.close();
});

const skip = process.env.PENNON_LONG_TESTS ? false : "it takes long: set PENNON_LONG_TESTS=1";
test("a heap that is smaller than an isolate's is enough, garbage and all", { skip }, async () => {
  for (const [at, body] of bodies.entries()) {
    await writeFile(join(folder, `${at + 1}.json`), JSON.stringify(metadataOf(body)));
    await writeFile(join(folder, `${at + 1}.gz`), packed[at]);
  }
  const small = fileURLToPath(new URL("./small.js", import.meta.url));
  await promisify(execFile)(process.execPath, [`--max-old-space-size=${HEAP_MB}`, small, folder, String(REVISIONS)]);
});
