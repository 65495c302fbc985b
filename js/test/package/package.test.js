/** What `npm install pennon` brings: no more than users need, and types that hold in strict projects. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { JS, packed } from "./packed.js";

const NAME = JSON.parse(readFileSync(join(JS, "package.json"), "utf8"));
/** @type {ReturnType<typeof packed>} */
let packaged;
before(() => {
  packaged = packed(["@types/node", "@types/react", "csstype", "@openfeature", "react", "undici-types"].filter((name) => existsSync(join(JS, "node_modules", name))));
});
after(() => packaged?.close());

/** @param {Record<string, string>} files @param {object} options */
function compiled(files, options) {
  const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, target: "es2022", ...options };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(packaged.folder, name), text);
  writeFileSync(join(packaged.folder, "package.json"), '{"type": "module"}');
  writeFileSync(join(packaged.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  return spawnSync(process.execPath, [join(JS, "node_modules/typescript/bin/tsc"), "-p", "."], { cwd: packaged.folder, encoding: "utf8" });
}

const folders = (/** @type {string[]} */ paths) => [...new Set(paths.map((path) => path.split("/")[0]))].sort();

test("the package holds sources, types and what npm always adds, and nothing else", () => {
  const sources = packaged.files.filter((path) => !path.startsWith("types/"));
  const wanted = ["LICENSE", "README.md", ...NAME.files.filter((/** @type {string} */ name) => name !== "types"), "package.json"];
  assert.deepEqual(folders(sources), wanted.sort());
  for (const path of sources) assert.match(path, /\.js$|^(LICENSE|README\.md|package\.json)$/);
  const declared = packaged.files.filter((path) => path.startsWith("types/"));
  assert.deepEqual(declared, sources.filter((path) => path.endsWith(".js")).map((path) => `types/${path.slice(0, -3)}.d.ts`).sort());
});

test("every entry of the package is there, with its types", () => {
  for (const [entry, { types, default: file }] of Object.entries(NAME.exports)) {
    assert(packaged.files.includes(file.slice(2)), `${entry}: ${file}`);
    assert(packaged.files.includes(types.slice(2)), `${entry}: ${types}`);
  }
});

test("it installs nothing besides itself", () => {
  assert.equal(NAME.dependencies, undefined);
  assert.deepEqual(Object.keys(NAME.peerDependencies), Object.keys(NAME.peerDependenciesMeta));
  assert.equal(NAME.scripts.install ?? NAME.scripts.postinstall, undefined);
});

test("it has the version of the Python package", () => {
  const version = readFileSync(join(JS, "../src/pennon/_version.py"), "utf8");
  assert.equal(/"([^"]+)"/.exec(version)?.[1], NAME.version);
});

test("a lock names packages and no place to get them from", () => {
  assert.doesNotMatch(readFileSync(join(JS, "package-lock.json"), "utf8"), /"resolved"/);
});

test("a strict TypeScript project of Node compiles against it, and is told of mistakes", () => {
  const right = `
    import { Client } from "pennon/server";
    const flags = new Client("http://127.0.0.1:8000", { key: "k" });
    const on: boolean = flags.boolean("new-checkout", { targetingKey: "u1", plan: { tier: 3 } }, false);
    const label: string = flags.string("label", { targetingKey: "u1" }, "buy");
    const limit: number = flags.number("limit", {}, 3);
    const ready: boolean = await flags.ready({ timeoutMs: 5000 });
    const reason: string = flags.evaluation("new-checkout", {}, false).reason;
    const stop: () => void = flags.on("change", ({ keys, revision }: { keys: string[]; revision: string | number | null }) => console.log(keys, revision));
    flags.track("order-value", { targetingKey: "u1" }, { value: 42 });
    await flags.flush();
    stop();
    await flags.close();
    console.log(on, label, limit, ready, reason);
  `;
  const node = { module: "nodenext", types: ["node"], lib: ["es2024"] };
  const made = compiled({ "node.ts": right }, node);
  assert.equal(made.stdout, "");
  assert.equal(made.status, 0);
  const wrong = `import { Client } from "pennon/server";\nconst on: string = new Client("http://h", { key: "k" }).boolean("f", {}, false);`;
  assert.match(compiled({ "wrong.ts": wrong }, node).stdout, /wrong\.ts\(2,7\): error TS2322/);
});

test("a strict TypeScript project for browsers compiles against it, without Node's types", () => {
  const right = `
    import { Client } from "pennon/browser";
    import { localRules } from "pennon/browser/local";
    import { measureVitals } from "pennon/browser/vitals";
    const flags = new Client("https://flags.example", { key: "k", context: { targetingKey: "u1" }, defaults: { "new-checkout": true } });
    const local = new Client("https://flags.example", { key: "k", context: {}, rules: localRules() });
    const on: boolean = flags.boolean("new-checkout", false);
    const ready: boolean = await flags.whenReady({ timeoutMs: 300 });
    await flags.firstPaint({ withinMs: 300 });
    await flags.updateContext({ plan: "premium" });
    await flags.identify("u2");
    await flags.logout();
    const stop: () => void = flags.on("change", () => undefined);
    const answer: Response = await flags.fetch("/pay", { method: "POST" });
    measureVitals(flags, { sample: 0.1 });
    flags.close();
    console.log(on, ready, stop, answer, local.status().level, flags.seen());
  `;
  const made = compiled({ "browser.ts": right }, { module: "esnext", moduleResolution: "bundler", types: [], lib: ["es2022", "dom", "dom.iterable"] });
  assert.equal(made.stdout, "");
  assert.equal(made.status, 0);
});

test("the other entries have types that compile", () => {
  const lines = Object.keys(NAME.exports).map((entry, at) => `import * as m${at} from "pennon${entry.slice(1)}";\nconsole.log(m${at});`);
  const options = { module: "nodenext", types: ["node", "react"], lib: ["es2024", "dom", "dom.iterable", "dom.asynciterable"], jsx: "react-jsx", skipLibCheck: true };
  const made = compiled({ "all.ts": lines.join("\n") }, options);
  assert.equal(made.stdout, "");
  assert.equal(made.status, 0);
});

test("entries without peers load in Node from the package alone", () => {
  const entries = Object.keys(NAME.exports).filter((entry) => !/openfeature|react/.test(entry));
  const text = entries.map((entry) => `await import("pennon${entry.slice(1)}");`).join("\n");
  writeFileSync(join(packaged.folder, "loads.mjs"), `${text}\nprocess.stdout.write("all loaded");`);
  assert.equal(execFileSync(process.execPath, ["loads.mjs"], { cwd: packaged.folder, encoding: "utf8" }), "all loaded");
});

test("nothing of it needs generated source, which a strict Content-Security-Policy forbids", () => {
  const installed = join(packaged.folder, "node_modules/pennon");
  const sources = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));
  assert(sources.length > 20);
  for (const path of sources) assert.doesNotMatch(readFileSync(join(installed, path), "utf8"), /\beval\(|new Function\(/, path);
});
