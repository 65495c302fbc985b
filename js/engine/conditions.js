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
/** @typedef {import("../model/index.js").Segment} Segment */
/** What was asked already in this evaluation, or null where nothing is asked twice. @typedef {Map<object, any> | null} Memo */
/** @typedef {(context: Context, memo: Memo) => boolean} Test */
/** @typedef {(key: string) => Test} FindSegment throws `Refused` */

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
 * @param {(context: Context, memo: Memo) => T} test
 * @param {Context} context
 * @param {Memo} memo
 * @returns {T}
 */
export function once(test, context, memo) {
  if (memo === null) return test(context, memo);
  let answer = memo.get(test);
  if (answer === undefined) {
    answer = test(context, memo);
    memo.set(test, answer);
  }
  return answer;
}

/**
 * Return the test that every condition holds. Throws `Refused`.
 * @param {readonly Condition[]} conditions
 * @param {{ key: string, salt: string }} owner
 * @param {FindSegment} segment
 * @returns {Test}
 */
export function compileConditions(conditions, owner, segment) {
  const tests = conditions.map((condition) => compileCondition(condition, owner, segment));
  if (tests.length === 1) return tests[0];
  if (tests.length === 2) return (context, memo) => tests[0](context, memo) && tests[1](context, memo);
  return (context, memo) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i](context, memo)) return false;
    return true;
  };
}

/**
 * @param {Condition} condition
 * @param {{ key: string, salt: string }} owner
 * @param {FindSegment} segment
 * @returns {Test}
 */
function compileCondition(condition, owner, segment) {
  if (condition.op === "inSegment") return inSegment(condition, segment);
  if (condition.op === "inBucket") {
    return comparing(reader(condition.by ?? "targetingKey"), prepareShare(condition, owner), condition.negate);
  }
  if (condition.op !== "exists" && !isValueOperator(condition.op)) {
    throw new Refused(`the operator '${condition.op}' is not known here; update the SDK`);
  }
  if (condition.attribute === null) throw new Refused(`${condition.op} asks about no attribute; name one`);
  const read = reader(condition.attribute);
  if (condition.op === "exists") return (context) => (read(context) ?? null) !== null !== condition.negate;
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

/** @param {Condition} condition @param {FindSegment} segment @returns {Test} */
function inSegment(condition, segment) {
  const tests = condition.values.map((key) => segment(key));
  return (context, memo) => tests.some((test) => once(test, context, memo)) !== condition.negate;
}

/**
 * Return the test of a segment: `included` beats `excluded` beats rules. Throws `Refused`.
 * @param {Segment} segment
 * @param {FindSegment} find
 * @returns {Test}
 */
export function compileSegment(segment, find) {
  if (segment.compat !== null) throw new Refused(`the dialect '${segment.compat.dialect}' of '${segment.compat.vendor}' is not known here`);
  const rules = segment.rules.map((rule) => compileConditions(rule.conditions, segment, find));
  const included = new Set(segment.included.map(wellFormed));
  const excluded = new Set(segment.excluded.map(wellFormed));
  const hasLists = included.size > 0 || excluded.size > 0;
  const prefix = `${wellFormed(segment.salt)}.`;
  return (context, memo) => {
    const key = hasLists ? unit(context.targetingKey) : undefined;
    if (key !== undefined) {
      const listed = segment.hashed ? sha256Hex(prefix + key) : key;
      if (included.has(listed)) return true;
      if (excluded.has(listed)) return false;
    }
    return rules.some((rule) => rule(context, memo));
  };
}
