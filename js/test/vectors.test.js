/** Runs every vector of spec/vectors that is about evaluation or buckets, those of the dialects too. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { bucket } from "pennon/bucketing";
import { compileSnapshot } from "pennon/engine";
import { dialectsFor } from "pennon/engine/dialects";

const VECTORS = join(dirname(fileURLToPath(import.meta.url)), "../../spec/vectors");
/** What JSON tells apart and `JSON.parse` does not: 1.0 from 1, and integers beyond 2^53 from their neighbours. */
const ONE_NUMBER_TYPE = new Set([
  "dialects/flagd-v1-fractional.json/whole-float-weight-alice",
  "dialects/flagd-v2-fractional.json/whole-float-weight-alice",
  "dialects/flagd-v3-fractional.json/whole-float-weight-alice",
  "dialects/launchdarkly-python-bucketing.json/whole-float",
  "dialects/launchdarkly-python-conditions.json/huge",
]);

let found = 0;
for (const path of readdirSync(VECTORS, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))) {
  const file = JSON.parse(readFileSync(join(VECTORS, path), "utf8"));
  const rules = file.snapshot ? compileSnapshot(file.snapshot, { dialects: await dialectsFor(file.snapshot) }) : null;
  for (const one of file.cases) {
    const name = `${path}/${one.name}`;
    const skip = ONE_NUMBER_TYPE.has(name) && "JavaScript has one type of numbers";
    if ("flag" in one && rules !== null) test(name, { skip }, () => evaluates(rules, one));
    else if ("unit" in one) test(name, () => assert.equal(bucket(one.salt, one.key, one.unit), one.expect.bucket));
    else continue;
    found++;
  }
}
test("there are cases", () => assert.ok(found > 3000, String(found)));

function evaluates(rules, { flag, context, default: caller = null, as, age = 0, expect }) {
  const aged = rules.aged(age);
  const answer = as === undefined ? aged.evaluate(flag, context, caller) : aged.evaluateAs(flag, context, caller, as);
  for (const [member, wanted] of Object.entries(expect)) assert.deepEqual(answer[member], wanted, `${member} of ${JSON.stringify(answer)}`);
  assert.equal(answer.errorCode === null, answer.errorMessage === null);
}
