/**
 * What each operator means: of a condition, its literals read once; of a value, true, false, or undefined for one of a
 * type that the operator does not take.
 * @module
 */

import { BUCKETS, bucketAfter, bucketPrefix, wellFormed } from "../bucketing/index.js";
import { PatternRefused } from "./pattern.js";
import { searchFor } from "./regex.js";
import * as values from "./values.js";

/** @typedef {import("../model/index.js").Condition} Condition */
/** @typedef {(value: unknown) => boolean | undefined} Comparison */

/** A part of a flag that cannot be compiled. The message says what and why. */
export class Refused extends Error {
  name = "Refused";
}

/**
 * Return the comparison of a condition. Throws `Refused`.
 * @param {Condition} condition
 * @returns {Comparison}
 */
export function prepare(condition) {
  const operator = OPERATORS[condition.op];
  if (operator === undefined) throw new Refused(`the operator '${condition.op}' is not known here; update the SDK`);
  return operator(condition);
}

/** @param {string} op */
export function isValueOperator(op) {
  return Object.hasOwn(OPERATORS, op);
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
 * @template T
 * @param {Condition} condition
 * @param {(value: unknown) => T | undefined} read
 * @param {string} what
 * @returns {T[]}
 */
function literals(condition, read, what) {
  return condition.values.map((value, index) => {
    const found = read(value);
    if (found === undefined) throw new Refused(`values/${index} is not ${what}: ${JSON.stringify(value)}`);
    return found;
  });
}

/**
 * Return a comparison of values that *read* takes.
 * @template T
 * @param {(value: unknown) => T | undefined} read
 * @param {(found: T) => boolean} compare
 * @returns {Comparison}
 */
function reading(read, compare) {
  return (value) => {
    const found = read(value);
    return found === undefined ? undefined : compare(found);
  };
}

/**
 * Return how a condition reads texts: in lower case where it ignores case.
 * @param {Condition} condition
 * @returns {(value: unknown) => string | undefined}
 */
function textReader(condition) {
  return condition.ignoreCase ? (value) => values.text(value)?.toLowerCase() : values.text;
}

/**
 * @param {(text: string, part: string) => boolean} compare
 * @returns {(condition: Condition) => Comparison}
 */
function ofTexts(compare) {
  return (condition) => {
    const read = textReader(condition);
    const parts = literals(condition, read, "a string");
    return reading(read, (found) => parts.some((part) => compare(found, part)));
  };
}

/** @param {Condition} condition @returns {Comparison} */
function oneOf(condition) {
  const lower = textReader(condition);
  /** @param {unknown} value */
  const read = (value) => (typeof value === "boolean" ? value : (lower(value) ?? values.number(value)));
  // Of one type or another: "1" is not 1, which is not true. A set tells -0 and 0 alike.
  const wanted = new Set(literals(condition, read, "a string, number or boolean"));
  return reading(read, (found) => wanted.has(found));
}

/** @param {Condition} condition @returns {Comparison} */
function matches(condition) {
  const searches = literals(condition, values.text, "a string").map((pattern) => {
    try {
      return searchFor(pattern, { ignoreCase: condition.ignoreCase });
    } catch (error) {
      if (error instanceof PatternRefused) throw new Refused(error.message);
      throw error;
    }
  });
  return reading(values.text, (found) => searches.some((search) => search(found)));
}

/**
 * @template T
 * @param {(value: unknown) => T | undefined} read
 * @param {string} what
 * @param {(one: T, other: T) => number} compare
 * @param {(order: number) => boolean} holds
 * @returns {(condition: Condition) => Comparison}
 */
function ordered(read, what, compare, holds) {
  return (condition) => {
    const bounds = literals(condition, read, what);
    return reading(read, (found) => bounds.some((bound) => holds(compare(found, bound))));
  };
}

/** @param {number} one @param {number} other */
const compareNumbers = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** @param {number} order */
const isLess = (order) => order < 0;
/** @param {number} order */
const isLessOrEqual = (order) => order <= 0;
/** @param {number} order */
const isGreater = (order) => order > 0;
/** @param {number} order */
const isGreaterOrEqual = (order) => order >= 0;
/** @param {number} order */
const isEqual = (order) => order === 0;

/** @param {(order: number) => boolean} holds */
const ofNumbers = (holds) => ordered(values.number, "a number", compareNumbers, holds);
/** @param {(order: number) => boolean} holds */
const ofDates = (holds) => ordered(values.instant, "a date with a zone, nor epoch milliseconds", values.compareInstants, holds);
/** @param {(order: number) => boolean} holds */
const ofVersions = (holds) => ordered(values.version, "a version", values.compareVersions, holds);

/** @param {Condition} condition @returns {Comparison} */
function inCidr(condition) {
  const networks = literals(condition, values.network, "a network");
  return reading(values.address, (found) => networks.some((network) => values.isWithin(found, network)));
}

/** @type {Record<string, (condition: Condition) => Comparison>} */
const OPERATORS = Object.assign(Object.create(null), {
  in: oneOf,
  equals: oneOf,
  startsWith: ofTexts((text, part) => text.startsWith(part)),
  endsWith: ofTexts((text, part) => text.endsWith(part)),
  contains: ofTexts((text, part) => text.includes(part)),
  matches,
  lessThan: ofNumbers(isLess),
  lessOrEqual: ofNumbers(isLessOrEqual),
  greaterThan: ofNumbers(isGreater),
  greaterOrEqual: ofNumbers(isGreaterOrEqual),
  before: ofDates(isLess),
  after: ofDates(isGreater),
  versionEqual: ofVersions(isEqual),
  versionLess: ofVersions(isLess),
  versionLessOrEqual: ofVersions(isLessOrEqual),
  versionGreater: ofVersions(isGreater),
  versionGreaterOrEqual: ofVersions(isGreaterOrEqual),
  inCidr,
});

/**
 * Return the comparison of a target: its values are compared as units are, an integer in decimal.
 * @param {readonly string[]} listed
 * @returns {Comparison}
 */
export function prepareTarget(listed) {
  const wanted = new Set(listed.map(wellFormed));
  return reading(values.unit, (found) => wanted.has(found));
}

/**
 * Return the comparison of `inBucket`: whether a unit's bucket is in [from, to). Throws `Refused`.
 * @param {Condition} condition
 * @param {{ key: string, salt: string }} owner
 * @returns {Comparison}
 */
export function prepareShare(condition, owner) {
  if (condition.hash !== null && condition.hash !== "sha256") {
    throw new Refused(`the hash '${condition.hash}' is not known here; update the SDK`);
  }
  const from = values.integer(condition.from);
  const to = values.integer(condition.to);
  if (from === undefined || to === undefined || !(from >= 0 && from <= to && to <= BUCKETS)) {
    throw new Refused(`from and to are not integers with 0 ≤ from ≤ to ≤ ${BUCKETS}`);
  }
  const prefix = bucketPrefix(condition.salt ?? owner.salt, owner.key);
  return reading(values.unit, (unit) => {
    const found = bucketAfter(prefix, unit);
    return found >= from && found < to;
  });
}
