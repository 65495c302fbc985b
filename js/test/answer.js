/**
 * Answers lines of JSON, `{"snapshot", "age", "now", "asked": [{"flag", "context"}]}`, each by a line with the answers: for
 * tests in other languages that want to know whether this one agrees. With `"explain": true` the answers are explanations.
 */

import { createInterface } from "node:readline";

import { compileSnapshot } from "pennon/engine";
import { dialectsFor } from "pennon/engine/dialects";
import { explain } from "pennon/engine/explain";

const CALLER = "the caller's";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { snapshot, age, now = null, asked, explain: isExplained = false } = JSON.parse(line);
  const rules = compileSnapshot(snapshot, { dialects: await dialectsFor(snapshot) }).aged(age);
  const answers = asked.map(({ flag, context }) => {
    if (isExplained) return explain(rules, flag, context, CALLER, now);
    const { value, variation, reason, ruleId, flagVersion, errorCode } = rules.evaluate(flag, context, CALLER, now);
    return [value, variation, reason, ruleId, flagVersion, errorCode];
  });
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
