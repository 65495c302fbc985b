/**
 * Pennon's operators in GrowthBook's words: a condition that people can read and edit, as the vendor's JSON.
 * @module
 */

import { Refused } from "../../refused.js";
import { LOGICAL } from "./conditions.js";

/** @typedef {import("../seam.js").Condition} Condition */

/** Operators that compare with one value, and GrowthBook's names of them. @type {ReadonlyMap<string, string>} */
const COMPARISONS = new Map([
  ["lessThan", "$lt"],
  ["lessOrEqual", "$lte"],
  ["greaterThan", "$gt"],
  ["greaterOrEqual", "$gte"],
  ["versionEqual", "$veq"],
  ["versionLess", "$vlt"],
  ["versionLessOrEqual", "$vlte"],
  ["versionGreater", "$vgt"],
  ["versionGreaterOrEqual", "$vgte"],
]);

/**
 * Return *condition* as GrowthBook's JSON, negation included. Throws `Refused` for an operator it has not.
 * @param {Condition} condition
 * @returns {any}
 */
export function asExpression(condition) {
  const { op, attribute, values, negate, ignoreCase } = condition;
  if (op === "expression") return negate ? { $not: condition.value } : condition.value;
  if (!attribute || LOGICAL.includes(attribute) || attribute === "$savedGroup") throw new Refused(`${op} asks about no attribute`);
  if (op === "in") return { [attribute]: { [`$${negate ? "n" : ""}in${ignoreCase ? "i" : ""}`]: values } };
  if (op === "exists") return { [attribute]: { $exists: !negate } };
  const tests = values.map((value) => ({ [attribute]: beside(condition, value) }));
  if (tests.length === 0) throw new Refused(`${op} takes at least one value`);
  const whole = tests.length === 1 ? tests[0] : { $or: tests };
  return negate ? { $not: whole } : whole;
}

/** @param {Condition} condition @param {any} value */
function beside({ op, ignoreCase }, value) {
  if (op === "matches") return { [ignoreCase ? "$regexi" : "$regex"]: value };
  if (ignoreCase) throw new Refused(`GrowthBook's ${op} has regard to case`);
  if (op === "equals") return value;
  const name = COMPARISONS.get(op);
  if (name === undefined) throw new Refused(`GrowthBook has no operator like ${op}: write it as an expression`);
  return { [name]: value };
}
