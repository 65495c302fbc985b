/**
 * Answers lines of JSON, `{"snapshot", "age", "asked": [{"flag", "context"}]}`, each by a line with the answers: for tests in
 * other languages that want to know whether this one agrees.
 */

import { createInterface } from "node:readline";

import { compileSnapshot } from "pennon/engine";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { snapshot, age, asked } = JSON.parse(line);
  const rules = compileSnapshot(snapshot).aged(age);
  const answers = asked.map(({ flag, context }) => {
    const { value, variation, reason, ruleId, flagVersion, errorCode } = rules.evaluate(flag, context, "the caller's");
    return [value, variation, reason, ruleId, flagVersion, errorCode];
  });
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
