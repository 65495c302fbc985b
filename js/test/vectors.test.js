/** Runs every vector of spec/vectors that is about evaluation or buckets. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { bucket } from "pennon/bucketing";
import { compileSnapshot } from "pennon/engine";
import { dialectsFor } from "pennon/engine/dialects";

const VECTORS = join(dirname(fileURLToPath(import.meta.url)), "../../spec/vectors");

for (const path of readdirSync(VECTORS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))) {
  if (path.startsWith("heads")) continue;
  const file = JSON.parse(readFileSync(join(VECTORS, path), "utf8"));
  const rules = file.snapshot ? compileSnapshot(file.snapshot, { dialects: await dialectsFor(file.snapshot) }) : null;
  for (const one of file.cases) {
    if ("flag" in one && rules !== null) test(`${relative("", path)}/${one.name}`, () => evaluates(rules, one));
    else if ("unit" in one) test(`${path}/${one.name}`, () => assert.equal(bucket(one.salt, one.key, one.unit), one.expect.bucket));
  }
}

function evaluates(rules, { flag, context, default: caller = null, as, age = 0, expect }) {
  const aged = rules.aged(age);
  const found = as === undefined ? aged.evaluate(flag, context, caller) : aged.evaluateAs(flag, context, caller, as);
  for (const [member, wanted] of Object.entries(expect)) assert.deepEqual(found[member], wanted, `${member} of ${JSON.stringify(found)}`);
  assert.equal(found.errorCode === null, found.errorMessage === null);
}
