/**
 * Unleash's constraints, and the conditions that carry them: Pennon's own operators where these say all of it.
 * @module
 */

import { Refused } from "../../refused.js";
import { numberText } from "../python.js";
import { isObject, TEXTS as LYING } from "../values.js";

/** @typedef {import("../seam.js").Condition} Condition */
/**
 * One test of a strategy or a segment, as Unleash sends it.
 * @typedef {{ field: string, operator: string, values: string[] | null, value: string | null, ignoresCase: boolean,
 *   inverted: boolean }} Constraint
 */

/** Pennon's operators with a list of texts, and what they are to Unleash. Its NOT_IN is an `in` that is negated. */
const LISTS = new Map([
  ["in", "IN"],
  ["contains", "STR_CONTAINS"],
  ["startsWith", "STR_STARTS_WITH"],
  ["endsWith", "STR_ENDS_WITH"],
  ["inCidr", "IN_CIDR"],
]);
const NUMBERS = new Map([
  ["equals", "NUM_EQ"],
  ["greaterThan", "NUM_GT"],
  ["greaterOrEqual", "NUM_GTE"],
  ["lessThan", "NUM_LT"],
  ["lessOrEqual", "NUM_LTE"],
]);
const TEXTS = new Map([
  ["after", "DATE_AFTER"],
  ["before", "DATE_BEFORE"],
  ["versionEqual", "SEMVER_EQ"],
  ["versionGreater", "SEMVER_GT"],
  ["versionGreaterOrEqual", "SEMVER_GTE"],
  ["versionLess", "SEMVER_LT"],
  ["versionLessOrEqual", "SEMVER_LTE"],
  ["matches", "REGEX"],
]);

/** How texts lie in one another, by Unleash's operators. @type {ReadonlyMap<string, (text: string, value: string) => boolean>} */
export const LYINGS = new Map([
  ["STR_CONTAINS", LYING.includes],
  ["STR_STARTS_WITH", LYING.startsWith],
  ["STR_ENDS_WITH", LYING.endsWith],
]);

/** @param {unknown} value @returns {value is string} */
const isText = (value) => typeof value === "string";

/**
 * Return the constraint that *condition* carries. Throws `Refused` where it carries none.
 * @param {Condition} condition
 * @returns {Constraint}
 */
export function constraintOf(condition) {
  const { op, attribute, values, ignoreCase: ignoresCase, negate: inverted } = condition;
  if (op === "expression") return fromDocument(condition.value);
  if (attribute === null) throw new Refused(`${op} asks about no attribute`);
  const list = LISTS.get(op);
  if (list === undefined) return { field: attribute, values: null, ...single(condition), ignoresCase, inverted };
  if (!values.every(isText)) throw new Refused(`${op} takes texts`);
  return { field: attribute, operator: list, values, value: null, ignoresCase, inverted };
}

/** @param {Condition} condition @returns {{ operator: string, value: string }} */
function single({ op, values }) {
  if (values.length !== 1) throw new Refused(`${op} takes one value, as Unleash has it`);
  const [value] = values;
  const ofNumbers = NUMBERS.get(op);
  if (ofNumbers !== undefined) {
    if (typeof value !== "number") throw new Refused(`${op} takes a number`);
    return { operator: ofNumbers, value: numberText(value) };
  }
  const operator = TEXTS.get(op);
  if (operator === undefined) throw new Refused(`Unleash has nothing like '${op}'`);
  if (!isText(value)) throw new Refused(`${op} takes a text`);
  return { operator, value };
}

/** Read a constraint as Unleash writes it. @param {any} document @returns {Constraint} */
function fromDocument(document) {
  if (!isObject(document)) throw new Refused("an expression is an object: a constraint, a strategy or an override");
  const { contextName: field, operator, values = null, value = null } = /** @type {Record<string, any>} */ (document);
  if (!isText(field) || !isText(operator)) throw new Refused("a constraint has a contextName and an operator");
  if (value !== null && !isText(value)) throw new Refused("a constraint's value is a text");
  if (values !== null && !(Array.isArray(values) && values.every(isText))) throw new Refused("a constraint's values are texts");
  return { field, operator, values, value, ignoresCase: isTrue(document.caseInsensitive), inverted: isTrue(document.inverted) };
}

/** As Python has it: what is empty is false. @param {unknown} value */
function isTrue(value) {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}
