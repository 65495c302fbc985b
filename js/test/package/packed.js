/**
 * Packs the npm package as it would be published, from a copy of the sources: packing writes files beside them.
 * @module
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const JS = fileURLToPath(new URL("../..", import.meta.url));
const LEFT_OUT = new Set(["node_modules", "test", "types"]);

/**
 * Return the packed package: `files`, the paths within; `folder`, an empty project that has it installed and nothing else;
 * `close`, which removes both.
 * @param {string[]} [beside] packages of this repository's that the project has too
 */
export function packed(beside = []) {
  const root = mkdtempSync(join(tmpdir(), "pennon-pack-"));
  try {
    const copy = join(root, "js");
    cpSync(JS, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) });
    cpSync(join(JS, "../LICENSE"), join(root, "LICENSE"));
    symlinkSync(join(JS, "node_modules"), join(copy, "node_modules"));
    const words = ["pack", "--json", "--offline", "--silent", "--pack-destination", root];
    const { status, stdout, stderr } = spawnSync("npm", words, { cwd: copy, encoding: "utf8" });
    assert.equal(status, 0, `npm pack: ${stdout}${stderr}`);
    const [{ filename, files }] = JSON.parse(stdout);
    const folder = join(root, "project");
    const installed = join(folder, "node_modules");
    mkdirSync(join(installed, "pennon"), { recursive: true });
    execFileSync("tar", ["-xzf", join(root, filename), "-C", join(installed, "pennon"), "--strip-components=1"]);
    for (const name of beside) {
      mkdirSync(join(installed, name, ".."), { recursive: true });
      symlinkSync(join(JS, "node_modules", name), join(installed, name));
    }
    const paths = files.map((/** @type {{path: string}} */ { path }) => path).sort();
    return { files: /** @type {string[]} */ (paths), folder, close: () => rmSync(root, { recursive: true, force: true }) };
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}
