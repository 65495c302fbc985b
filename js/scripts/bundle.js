/**
 * Writes what servers hand out to pages below `/js/v1/`, and its hash into the documentation; with `--check` fails if any of it is
 * not as it would be written. With `--release` keeps the files under the addresses that pages pin, for the servers of later releases.
 * One file an entry, with nothing to load besides; but for local evaluation, which loads some parts where rules need them.
 * @module
 */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
  "pennon-sampling.js": "client/browser/sampling.js",
  "pennon-vitals.js": "client/browser/vitals.js",
});

/** What local evaluation loads where rules need it, by the name below `/js/v1/`: what `client/browser/parts.js` imports. */
export const PARTS = Object.freeze({
  "pennon-comparisons.js": "engine/comparisons.js",
  "pennon-patterns.js": "engine/patterns.js",
  "pennon-references.js": "engine/references.js",
});

/** Puts in place of each import of a part one of the very file that it is now. @type {import("esbuild").Plugin} */
const pinning = {
  name: "pinning",
  setup(build) {
    build.onLoad({ filter: /\/browser\/parts\.js$/ }, async ({ path }) => {
      let contents = readFileSync(path, "utf8");
      for (const [name, part] of Object.entries(PARTS)) {
        const body = await bundled(part);
        const place = `./${pinnedName(name, body)}`;
        contents = contents.replace(`=> import("../../${part}")`, `=> pinned("${place}", "sha256-${createHash("sha256").update(body).digest("base64")}")`);
      }
      return { contents: `import { pinned } from "../../scripts/pinned.js";\n${contents}` };
    });
  },
};

/**
 * Return an entry with all that it needs as one minified module, for the browsers of the last three years. Throws where it loads more
 * than the parts that it pins.
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
    target: ["chrome119", "edge119", "firefox119", "safari17"],
    legalComments: "none",
    charset: "utf8",
    write: false,
    metafile: true,
    logLevel: "silent",
    plugins: [pinning],
  });
  const [{ imports }] = Object.values(made.metafile.outputs);
  if (imports.length > 0) throw new Error(`a bundle loads ${imports.map(({ path }) => path).join(", ")}`);
  return made.outputFiles[0].contents;
}

/** Return the part of a pinned name that tells *body* from other files. @param {Uint8Array} body */
const digits = (body) => createHash("sha256").update(body).digest("hex").slice(0, 16);

/** Return the name under which *body* is handed out for good. @param {string} name @param {Uint8Array} body */
const pinnedName = (name, body) => name.replace(".js", `-${digits(body)}.js`);

/**
 * Return *text*, a page of the documentation, with the address and the hash that `pennon.js` has now.
 * @param {string} text
 * @param {Uint8Array} body
 */
export function pinned(text, body) {
  const integrity = createHash("sha384").update(body).digest("base64");
  return text
    .replaceAll(/\/js\/v1\/pennon-[0-9a-f]{16}\.js/g, `/js/v1/pennon-${digits(body)}.js`)
    .replaceAll(/sha384-[A-Za-z0-9+/]{64}/g, `sha384-${integrity}`);
}

/**
 * Return what each entry and each part is now, by its name.
 * @returns {Promise<Map<string, Uint8Array>>}
 */
async function entries() {
  const made = Object.entries({ ...ENTRIES, ...PARTS }).map(async ([name, entry]) => /** @type {const} */ ([name, await bundled(entry)]));
  return new Map(await Promise.all(made));
}

/**
 * Return each generated file with what belongs into it.
 * @returns {Promise<Map<string, string>>}
 */
export async function generated() {
  const bodies = await entries();
  const files = new Map([...bodies].map(([name, body]) => [join(OUT, name), Buffer.from(body).toString()]));
  const body = /** @type {Uint8Array} */ (bodies.get("pennon.js"));
  for (const page of PAGES) files.set(join(ROOT, page), pinned(readFileSync(join(ROOT, page), "utf8"), body));
  return files;
}

/** Keep what the entries are now for good. */
async function keep() {
  mkdirSync(join(OUT, "released"), { recursive: true });
  for (const [name, body] of await entries()) writeFileSync(join(OUT, "released", pinnedName(name, body)), body);
}

/** @param {string} file */
function written(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/** Write what differs, or say so. @param {boolean} check */
async function main(check) {
  mkdirSync(OUT, { recursive: true });
  for (const [file, text] of await generated()) {
    if (written(file) === text) continue;
    console.log(`${relative(ROOT, file)} ${check ? "differs: run make fmt" : "written"}`);
    if (check) process.exitCode = 1;
    else writeFileSync(file, text);
  }
}

if (process.argv[1] && basename(process.argv[1]) === basename(fileURLToPath(import.meta.url))) {
  await main(process.argv.includes("--check"));
  if (process.argv.includes("--release")) await keep();
}
