/** A client in a worker's module, where the runtime allows neither network nor timers nor chance. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { boolean, snapshot } from "./documents.js";
import { run } from "./running.js";

/** Before 2024-10-14 what settles in one request wakes nobody in another. */
for (const compatibilityDate of ["2025-06-01", "2024-09-01"]) {
  test(`a client is made before the first request, and serves it: ${compatibilityDate}`, async (t) => {
    const worker = await run({ file: "./module.js", options: { compatibilityDate } });
    t.after(() => worker.close());
    await worker.publish(snapshot(7, [boolean("checkout")]));
    const answers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(worker.url)).json()));
    for (const { value, status } of answers) assert.deepEqual([value, status.level, status.problem], [true, 1, ""]);
  });
}
