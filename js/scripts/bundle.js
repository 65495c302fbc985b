/**
 * Writes what servers hand out to pages below `/js/v1/`, and its hash into the documentation; with `--check` fails if any of it is
 * not as it would be written. One file an entry, with nothing to load besides.
 * @module
 */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const OUT = join(ROOT, "src/pennon/stream/javascript");
/** Where the address and the hash of `pennon.js` stand, as a page writes them. */
const PAGES = ["docs/tutorial/first-page.md"];

/** What pages load, by its name below `/js/v1/`. */
export const ENTRIES = Object.freeze({
  "pennon.js": "client/browser/index.js",
  "pennon-local.js": "client/browser/local.js",
  "pennon-vitals.js": "client/browser/vitals.js",
});

/**
 * Return an entry with all that it needs as one minified module, for the browsers of the last three years.
 * @param {string | {contents: string, resolveDir: string}} entry the file within `js/`, or a module that has no file
 * @returns {Promise<Uint8Array>}
 */
export async function bundled(entry) {
  const source = typeof entry === "string" ? { entryPoints: [join(ROOT, "js", entry)] } : { stdin: entry };
  const made = await build({
    ...source,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome111", "edge111", "firefox111", "safari16.4"],
    legalComments: "none",
    charset: "utf8",
    write: false,
    logLevel: "silent",
  });
  return made.outputFiles[0].contents;
}

/**
 * Return *text*, a page of the documentation, with the address and the hash that `pennon.js` has now.
 * @param {string} text
 * @param {Uint8Array} body
 */
export function pinned(text, body) {
  const digits = createHash("sha256").update(body).digest("hex").slice(0, 16);
  const integrity = createHash("sha384").update(body).digest("base64");
  return text.replaceAll(/\/js\/v1\/pennon-[0-9a-f]{16}\.js/g, `/js/v1/pennon-${digits}.js`).replaceAll(/sha384-[A-Za-z0-9+/]{64}/g, `sha384-${integrity}`);
}

/**
 * Return each generated file with what belongs into it.
 * @returns {Promise<Map<string, string>>}
 */
export async function generated() {
  const made = await Promise.all(Object.entries(ENTRIES).map(async ([name, entry]) => /** @type {const} */ ([name, await bundled(entry)])));
  const files = new Map(made.map(([name, body]) => [join(OUT, name), Buffer.from(body).toString()]));
  const [, body] = made.find(([name]) => name === "pennon.js") ?? made[0];
  for (const page of PAGES) files.set(join(ROOT, page), pinned(readFileSync(join(ROOT, page), "utf8"), body));
  return files;
}

/** @param {string} file */
function written(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

if (process.argv[1] && basename(process.argv[1]) === basename(fileURLToPath(import.meta.url))) {
  const check = process.argv.includes("--check");
  for (const [file, text] of await generated()) {
    if (written(file) === text) continue;
    console.log(`${relative(ROOT, file)} ${check ? "differs: run make fmt" : "written"}`);
    if (check) process.exitCode = 1;
    else writeFileSync(file, text);
  }
}
