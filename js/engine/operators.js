/**
 * What each operator means: of a condition, its literals read once; of a value, true, false, or undefined for one of a
 * type that the operator does not take.
 * @module
 */

import { BUCKETS, bucketAfter, bucketPrefix } from "../bucketing/index.js";
import { refuse } from "./refused.js";
import { integer, number, text, unit } from "./values.js";

/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {(value: unknown) => boolean | undefined} Comparison */
/**
 * An operator. `read` takes a value, and whether case is ignored; it returns undefined for one that the operator does not take. `what` is
 * the name of what it takes. `holds` tells whether it is so between a value and a literal; without it, they are to be the same. `literal`
 * reads literals, where that is not as values are read; what it throws says why one is none.
 * @typedef {object} Operator
 * @property {(value: unknown, ignoreCase: boolean) => any} read
 * @property {string} what
 * @property {(found: any, literal: any) => boolean} [holds]
 * @property {(value: unknown, ignoreCase: boolean) => any} [literal]
 */
/** Operators by name. @typedef {Readonly<Record<string, Operator>>} Operators */

/** @type {Operator} */
const ONE_OF = {
  read: (value, ignoreCase) => (typeof value === "boolean" ? value : (text(value, ignoreCase) ?? number(value))),
  what: "a string, number or boolean",
};

/** @param {(text: string, part: string) => boolean} holds @returns {Operator} */
const ofTexts = (holds) => ({ read: text, what: "a string", holds });
/** @param {(one: number, other: number) => boolean} holds @returns {Operator} */
const ofNumbers = (holds) => ({ read: number, what: "a number", holds });

/** Those that nearly every flag makes do with. Others are in `patterns.js` and `comparisons.js`. @type {Operators} */
export const OPERATORS = {
  in: ONE_OF,
  equals: ONE_OF,
  startsWith: ofTexts((text, part) => text.startsWith(part)),
  endsWith: ofTexts((text, part) => text.endsWith(part)),
  contains: ofTexts((text, part) => text.includes(part)),
  lessThan: ofNumbers((one, other) => one < other),
  lessOrEqual: ofNumbers((one, other) => one <= other),
  greaterThan: ofNumbers((one, other) => one > other),
  greaterOrEqual: ofNumbers((one, other) => one >= other),
};

/**
 * Return the comparison of a condition. Throws where a literal is none.
 * @param {Pick<Condition, "values" | "ignoreCase">} condition
 * @param {Operator} operator
 * @returns {Comparison}
 */
export function prepare({ values, ignoreCase }, { read, what, holds, literal }) {
  const literals = values.map(
    (value, index) => (literal ?? read)(value, ignoreCase) ?? refuse(`values/${index} is not ${what}: ${JSON.stringify(value)}`),
  );
  // Of one type or another: "1" is not 1, which is not true. A set tells -0 and 0 alike.
  const wanted = holds ? literals : new Set(literals);
  // One function, and not one within another: a snapshot has many conditions.
  return (value) => {
    const found = read(value, ignoreCase);
    if (found === undefined) return undefined;
    return holds ? /** @type {any[]} */ (wanted).some((each) => holds(found, each)) : /** @type {Set<any>} */ (wanted).has(found);
  };
}

/**
 * Return whether a value compares; of an array, any element.
 * @param {Comparison} compare
 * @param {unknown} value
 * @returns {boolean}
 */
export function some(compare, value) {
  return Array.isArray(value) ? value.some((each) => compare(each) === true) : compare(value) === true;
}

/**
 * Return whether a value does not compare; of an array, no element, and one at least is of a type that is taken.
 * @param {Comparison} compare
 * @param {unknown} value
 * @returns {boolean}
 */
export function none(compare, value) {
  if (!Array.isArray(value)) return compare(value) === false;
  const answers = value.map((each) => compare(each));
  return !answers.includes(true) && answers.includes(false);
}

/**
 * Return the comparison of a target: its values are compared as units are, an integer in decimal.
 * @param {readonly string[]} listed
 * @returns {Comparison}
 */
export function prepareTarget(listed) {
  return prepare({ values: [...listed], ignoreCase: false }, { read: unit, what: "a unit" });
}

/**
 * Return the comparison of `inBucket`: whether a unit's bucket is in [from, to). Throws `Refused`.
 * @param {Condition} condition
 * @param {{ key: string, salt: string }} owner
 * @returns {Comparison}
 */
export function prepareShare({ hash, from, to, salt }, owner) {
  checkHash(hash ?? "sha256");
  const [start, end] = [from, to].map((each) => integer(each) ?? -1);
  if (!(start >= 0 && start <= end && end <= BUCKETS)) refuse(`from and to must be integers that go up, from 0 to ${BUCKETS}`);
  const prefix = bucketPrefix(salt ?? owner.salt, owner.key);
  return (value) => {
    const found = unit(value);
    if (found === undefined) return undefined;
    const at = bucketAfter(prefix, found);
    return at >= start && at < end;
  };
}

/** Throw `Refused` for a hash that is not our own. @param {string} hash */
export function checkHash(hash) {
  if (hash !== "sha256") refuse(`the hash '${hash}' is not known here; update the SDK`);
}
