/**
 * Conditions as functions of a context. What cannot be compiled is refused.
 * @module
 */

import { reader } from "./attributes.js";
import { none, prepare, prepareShare, some } from "./operators.js";
import { refuse } from "./refused.js";

/** @typedef {import("./attributes.js").Context} Context */
/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {import("../model/index.js").Flag} Flag */
/** @typedef {import("../model/index.js").Segment} Segment */
/** What was asked already in this evaluation, or null where nothing is asked twice. @typedef {Map<object, any> | null} Memo */
/** @typedef {(context: Context, memo: Memo, now: number | null) => boolean} Test */

/**
 * Return the test of one condition. Throws `Refused`.
 * @param {Condition} condition
 * @param {Flag | Segment} owner
 * @param {import("./compiler.js").Compiler} compiler
 * @returns {Test}
 */
export function compileCondition(condition, owner, compiler) {
  const { op, attribute, by, hash, negate } = condition;
  if (op === "inSegment") return compiler.references.inSegment(condition);
  if (owner.compat !== null && !(op === "inBucket" && hash === "sha256")) return compiler.references.condition(condition, owner);
  if (op === "inBucket") return comparing(reader(by ?? "targetingKey"), prepareShare(condition, owner), negate);
  const read = reader(attribute ?? refuse(`${op} needs an attribute`));
  if (op === "exists") return (context) => ((read(context) ?? null) !== null) !== negate;
  return comparing(read, prepare(condition, compiler.operator(op)), negate);
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
