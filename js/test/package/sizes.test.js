/** What pages have to load, bundled, minified and compressed: each bound is hard, and the sizes are said in any case. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { bundled, ENTRIES, generated, PARTS } from "../../scripts/bundle.js";

const JS = fileURLToPath(new URL("../..", import.meta.url));
const BOTH = `
  export * from "./client/browser/index.js";
  export * from "./client/browser/local.js";
`;

const BOUNDS = /** @type {const} */ ({
  "pennon/browser": [ENTRIES["pennon.js"], 6],
  "pennon/browser with pennon/browser/local": [{ contents: BOTH, resolveDir: JS }, 12],
  // What is loaded where rules need it. Each brings again what it shares with the others.
  "versions, dates and addresses": [PARTS["pennon-comparisons.js"], 2],
  "patterns": [PARTS["pennon-patterns.js"], 3],
  "segments, prerequisites, layers and dialects": [PARTS["pennon-references.js"], 5],
  // A page that has local evaluation from npm has most of it already.
  "pennon/browser/sampling": [ENTRIES["pennon-sampling.js"], 5],
  "pennon/browser/vitals": [ENTRIES["pennon-vitals.js"], 2],
});

for (const [name, [entry, most]] of Object.entries(BOUNDS)) {
  test(`${name} is smaller than ${most} KB`, async (t) => {
    const body = await bundled(entry);
    const size = gzipSync(body, { level: 9 }).length;
    t.diagnostic(`measured: ${name}: ${body.length} bytes minified, ${size} with gzip -9, ${brotliCompressSync(body).length} with br`);
    assert(size < most * 1024, `${size} bytes are more than ${most * 1024}`);
  });
}

test("what servers hand out and what the documentation pins is what the sources make", async () => {
  for (const [file, text] of await generated()) assert.equal(readFileSync(file, "utf8"), text, `${file}: run make fmt`);
});

test("a bundle generates no source, which a strict Content-Security-Policy forbids, and does nothing when it is loaded", async () => {
  for (const [name, entry] of Object.entries({ ...ENTRIES, ...PARTS })) {
    const body = Buffer.from(await bundled(entry));
    assert.doesNotMatch(body.toString(), /\beval\(|new Function\(/, name);
    assert(Object.keys(await import(`data:text/javascript;base64,${body.toString("base64")}`)).length > 0, name);
  }
});
