/**
 * LaunchDarkly's operators: of one value of a context and all literals of a condition, prepared.
 *
 * Which SDK makes what of equality, numbers, dates, versions and patterns is in a `Reading`.
 * @module
 */

import { compareRanks, isObject, ORDERS, TEXTS } from "../values.js";
import * as dates from "./dates.js";
import * as patterns from "./patterns.js";
import * as versions from "./versions.js";

/**
 * Tells of one value, no array unless nested in one, whether any of the literals matches it.
 * @typedef {(value: unknown) => boolean} Match
 */
/** @typedef {import("../values.js").Rank} Rank */
/** @typedef {import("./patterns.js").Finder} Finder */
/**
 * How one SDK reads the values that operators compare. Null is what it does not take.
 * @typedef {{ equality: (literals: readonly unknown[]) => Match, date: (value: unknown) => Rank | null,
 *   version: (value: unknown) => Rank | null, finder: (patterns: string[]) => Finder }} Reading
 */

/**
 * Compare as Python does: deeply, numbers by value; a boolean equals no number but within arrays and objects.
 * @param {readonly unknown[]} literals
 * @returns {Match}
 */
function pythonEquality(literals) {
  return (value) => literals.some((literal) => (typeof value === "boolean") === (typeof literal === "boolean") && isSame(value, literal));
}

/** @param {unknown} one @param {unknown} other @returns {boolean} */
function isSame(one, other) {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((each, index) => isSame(each, other[index]));
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]));
  }
  return plain(one) === plain(other);
}

/** @param {unknown} value */
function plain(value) {
  return typeof value === "boolean" ? Number(value) : (value ?? null);
}

/**
 * Compare strings, numbers and booleans; objects and arrays equal nothing, and null only itself where it *hasNull*.
 * @param {boolean} hasNull
 * @returns {(literals: readonly unknown[]) => Match}
 */
function primitives(hasNull) {
  return (literals) => {
    const known = new Set(literals.filter((literal) => typeof literal !== "object" || (hasNull && literal === null)));
    return (value) => known.has(value ?? null);
  };
}

/** Return a number's rank. @param {unknown} value @returns {Rank | null} */
function number(value) {
  return typeof value === "number" && !Number.isNaN(value) ? [value] : null;
}

/** @typedef {(literals: readonly unknown[], reading: Reading) => Match} Prepare */

/** @param {(text: string, part: string) => boolean} compare @returns {Prepare} */
function texts(compare) {
  return (literals) => {
    const parts = literals.filter((literal) => typeof literal === "string");
    return (value) => typeof value === "string" && parts.some((part) => compare(value, part));
  };
}

/** @param {(reading: Reading) => (value: unknown) => Rank | null} what @param {(order: number) => boolean} holds @returns {Prepare} */
function ordered(what, holds) {
  return (literals, reading) => {
    const read = what(reading);
    const known = literals.map(read).filter((found) => found !== null);
    return (value) => {
      const found = read(value);
      return found !== null && known.some((literal) => holds(compareRanks(found, literal)));
    };
  };
}

/** @type {Prepare} */
function matches(literals, reading) {
  const find = reading.finder(literals.filter((literal) => typeof literal === "string"));
  return (value) => typeof value === "string" && find(value);
}

/** @param {(order: number) => boolean} holds */
const ofNumbers = (holds) => ordered(() => number, holds);
/** @param {(order: number) => boolean} holds */
const ofDates = (holds) => ordered((reading) => reading.date, holds);
/** @param {(order: number) => boolean} holds */
const ofVersions = (holds) => ordered((reading) => reading.version, holds);

/** By the names that Pennon gives them. @type {ReadonlyMap<string, Prepare>} */
export const OPERATORS = new Map(
  Object.entries({
    in: (literals, reading) => reading.equality(literals),
    startsWith: texts(TEXTS.startsWith),
    endsWith: texts(TEXTS.endsWith),
    contains: texts(TEXTS.includes),
    matches,
    lessThan: ofNumbers(ORDERS.LT),
    lessOrEqual: ofNumbers(ORDERS.LTE),
    greaterThan: ofNumbers(ORDERS.GT),
    greaterOrEqual: ofNumbers(ORDERS.GTE),
    before: ofDates(ORDERS.LT),
    after: ofDates(ORDERS.GT),
    versionEqual: ofVersions(ORDERS.EQ),
    versionLess: ofVersions(ORDERS.LT),
    versionGreater: ofVersions(ORDERS.GT),
  }),
);

/** What LaunchDarkly calls them, to what they are called here. @type {ReadonlyMap<string, string>} */
export const NAMES = new Map([
  ...["in", "startsWith", "endsWith", "contains", "matches", "lessThan", "greaterThan", "before", "after"].map(
    (name) => /** @type {[string, string]} */ ([name, name]),
  ),
  ["lessThanOrEqual", "lessOrEqual"],
  ["greaterThanOrEqual", "greaterOrEqual"],
  ["semVerEqual", "versionEqual"],
  ["semVerLessThan", "versionLess"],
  ["semVerGreaterThan", "versionGreater"],
]);

/** @type {Reading} */
export const PYTHON = { equality: pythonEquality, date: dates.pythonDate, version: versions.pythonVersion, finder: patterns.pythonFinder };
/** @type {Reading} */
export const NODE = { equality: primitives(true), date: dates.nodeDate, version: versions.nodeVersion, finder: patterns.nodeFinder };
/** @type {Reading} */
export const GO = { equality: primitives(false), date: dates.goDate, version: versions.goVersion, finder: patterns.goFinder };
