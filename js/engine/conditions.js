/**
 * Conditions and segments as functions of a context. What cannot be compiled is refused.
 * @module
 */

import { sha256Hex, wellFormed } from "../bucketing/index.js";
import { attributeReader, pointerProblem } from "./attributes.js";
import { isValueOperator, none, prepare, prepareShare, Refused, some } from "./operators.js";
import { unit } from "./values.js";

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Segment} Segment */
/** What was asked already in this evaluation, or null where nothing is asked twice. @typedef {Map<object, any> | null} Memo */
/** @typedef {(context: Context, memo: Memo, now: number | null) => boolean} Test */
/** @typedef {import("./dialects/seam.js").Dialect} Dialect */
/**
 * A flag as others ask it: the variation that it serves, null for none.
 * @typedef {(context: Context, memo: Memo, now: number | null) => string | null} Inner
 */
/**
 * What a condition is compiled among. `segment` throws `Refused`, as `dialect` does for one that is not here; of a flag
 * that is not there or broken, `prerequisite` is null.
 * @typedef {{ segment: (key: string) => Test, prerequisite: (key: string) => Inner | null,
 *   dialect: (owner: { compat: import("../model/index.js").Compat | null }) => Dialect | null }} Around
 */

/**
 * Return the reader of an attribute. Throws `Refused` for a pointer that is none.
 * @param {string} attribute
 */
export function reader(attribute) {
  const problem = pointerProblem(attribute);
  if (problem !== undefined) throw new Refused(problem);
  return attributeReader(attribute);
}

/**
 * Return what *test* answers, asked once in an evaluation.
 * @template T
 * @param {(context: Context, memo: Memo, now: number | null) => T} test
 * @param {Context} context
 * @param {Memo} memo
 * @param {number | null} now
 * @returns {T}
 */
export function once(test, context, memo, now) {
  if (memo === null) return test(context, memo, now);
  let answer = memo.get(test);
  if (answer === undefined) {
    answer = test(context, memo, now);
    memo.set(test, answer);
  }
  return answer;
}

/**
 * Return the test that every condition holds. Throws `Refused`.
 * @param {readonly Condition[]} conditions
 * @param {Flag | Segment} owner
 * @param {Around} around
 * @returns {Test}
 */
export function compileConditions(conditions, owner, around) {
  const tests = conditions.map((condition) => compileCondition(condition, owner, around));
  if (tests.length === 1) return tests[0];
  if (tests.length === 2) return (context, memo, now) => tests[0](context, memo, now) && tests[1](context, memo, now);
  return (context, memo, now) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i](context, memo, now)) return false;
    return true;
  };
}

/**
 * Return the test of one condition. Throws `Refused`.
 * @param {Condition} condition
 * @param {Flag | Segment} owner
 * @param {Around} around
 * @returns {Test}
 */
export function compileCondition(condition, owner, around) {
  if (condition.op === "inSegment") return inSegment(condition, around);
  const dialect = around.dialect(owner);
  if (dialect !== null && !(condition.op === "inBucket" && condition.hash === "sha256")) {
    if (condition.op === "serves") return serves(condition, owner, around);
    const test = dialect.condition(condition, owner);
    return (context, _, now) => test(context, now);
  }
  if (condition.op === "inBucket") {
    return comparing(reader(condition.by ?? "targetingKey"), prepareShare(condition, owner), condition.negate);
  }
  if (condition.op !== "exists" && !isValueOperator(condition.op)) {
    throw new Refused(`the operator '${condition.op}' is not known here; update the SDK`);
  }
  if (condition.attribute === null) throw new Refused(`${condition.op} asks about no attribute; name one`);
  const read = reader(condition.attribute);
  if (condition.op === "exists") return (context) => ((read(context) ?? null) !== null) !== condition.negate;
  return comparing(read, prepare(condition), condition.negate);
}

/**
 * @param {(context: Context) => unknown} read
 * @param {import("./operators.js").Comparison} compare
 * @param {boolean} negate
 * @returns {Test}
 */
export function comparing(read, compare, negate) {
  const holds = negate ? none : some;
  return (context) => {
    const value = read(context);
    return value !== undefined && value !== null && holds(compare, value);
  };
}

/** @param {Condition} condition @param {Around} around @returns {Test} */
function inSegment(condition, around) {
  const tests = condition.values.map((key) => around.segment(key));
  return (context, memo, now) => tests.some((test) => once(test, context, memo, now)) !== condition.negate;
}

/**
 * Another flag serves one of the variations; off, broken or missing, it serves none.
 * @param {Condition} condition
 * @param {Flag | Segment} owner
 * @param {Around} around
 * @returns {Test}
 */
function serves({ attribute, values, negate }, owner, around) {
  if (!("variations" in owner) || attribute === null) throw new Refused("serves is a flag's condition, and names another as its attribute");
  const inner = around.prerequisite(attribute);
  return (context, memo, now) => (inner !== null && values.includes(once(inner, context, memo, now))) !== negate;
}

/**
 * Return the test of a segment: `included` beats `excluded` beats rules. Throws `Refused`.
 * @param {Segment} segment
 * @param {Around} around
 * @returns {Test}
 */
export function compileSegment(segment, around) {
  const rules = segment.rules.map((rule) => compileConditions(rule.conditions, segment, around));
  const included = new Set(segment.included.map(wellFormed));
  const excluded = new Set(segment.excluded.map(wellFormed));
  const dialect = around.dialect(segment);
  if (included.size + excluded.size === 0) return (context, memo, now) => rules.some((rule) => rule(context, memo, now));
  const read = dialect === null ? reader("targetingKey") : dialect.key("targetingKey");
  const prefix = `${wellFormed(segment.salt)}.`;
  return (context, memo, now) => {
    const key = unit(read(context));
    if (key !== undefined) {
      const listed = segment.hashed ? sha256Hex(prefix + key) : key;
      if (included.has(listed)) return true;
      if (excluded.has(listed)) return false;
    }
    return rules.some((rule) => rule(context, memo, now));
  };
}
