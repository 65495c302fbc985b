/**
 * Puts what is in the npm package and not in the repository where `npm pack` looks: declarations for TypeScript, made of the
 * JSDoc, and the licence. With `--clean` takes it away again.
 * @module
 */

import { spawnSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const JS = fileURLToPath(new URL("..", import.meta.url));

rmSync(join(JS, "types"), { recursive: true, force: true });
rmSync(join(JS, "LICENSE"), { force: true });
if (!process.argv.includes("--clean")) {
  copyFileSync(join(JS, "../LICENSE"), join(JS, "LICENSE"));
  const tsc = spawnSync(process.execPath, [join(JS, "node_modules/typescript/bin/tsc"), "-p", join(JS, "tsconfig.types.json")], { stdio: "inherit" });
  process.exitCode = tsc.status ?? 1;
}
