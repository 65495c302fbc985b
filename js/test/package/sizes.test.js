/** What pages have to load, bundled, minified and compressed: each bound is hard, and the sizes are said in any case. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { bundled, ENTRIES, generated } from "../../scripts/bundle.js";

const JS = fileURLToPath(new URL("../..", import.meta.url));
const BOTH = `
  export * from "./client/browser/index.js";
  export * from "./client/browser/local.js";
`;

/** @param {string} name @param {Uint8Array} body */
function said(name, body) {
  const compressed = gzipSync(body, { level: 9 }).length;
  const line = `${name}: ${body.length} bytes minified, ${compressed} with gzip, ${brotliCompressSync(body).length} with br`;
  // On standard error: reporters that show no more than dots show it too.
  process.stderr.write(`${line}\n`);
  return compressed;
}

test("the browser client is smaller than 6 KB", async () => {
  const size = said("pennon/browser", await bundled(ENTRIES["pennon.js"]));
  assert(size < 6 * 1024, `${size} bytes are more than ${6 * 1024}`);
});

test("the browser client with local evaluation is smaller than 12 KB", async () => {
  const size = said("pennon/browser with local", await bundled({ contents: BOTH, resolveDir: JS }));
  assert(size < 12 * 1024, `${size} bytes are more than ${12 * 1024}`);
});

test("measuring web vitals costs less than 2 KB", async () => {
  const size = said("pennon/browser/vitals", await bundled(ENTRIES["pennon-vitals.js"]));
  assert(size < 2 * 1024, `${size} bytes are more than ${2 * 1024}`);
});

test("what servers hand out and what the documentation pins is what the sources make", async () => {
  for (const [file, text] of await generated()) assert.equal(readFileSync(file, "utf8"), text, `${file}: run make fmt`);
});

test("a bundle is one file that loads nothing and generates no source", async () => {
  for (const [name, entry] of Object.entries(ENTRIES)) {
    const text = Buffer.from(await bundled(entry)).toString();
    assert.doesNotMatch(text, /\bimport\s*[("'{*\w]|\bfrom\s*["']|\beval\(|new Function\(/, name);
    assert.match(text, /export\s*\{/, name);
  }
});
