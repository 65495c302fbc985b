/**
 * Phrases for explanations. Reads only plain values, so that no object in a context can act up while it is shown.
 * @module
 */

import { numberText } from "../dialects/python.js";

/** @typedef {import("../../model/index.js").Condition} Condition */
/** What an explanation shows of a value. @typedef {string | number | boolean | null} Shown */

const LONGEST = 60;
const SURROGATE = /\p{Surrogate}/gu;

/**
 * Return what an explanation shows of a context's value: scalars, shortened; of the rest what kind it is.
 * @param {unknown} value
 * @returns {Shown}
 */
export function shown(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") return short(value);
  if (typeof value === "bigint") return "a huge integer";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : "something that is not JSON";
}

/** @param {string} text */
function short(text) {
  const characters = Array.from(text.replace(SURROGATE, "?"));
  return characters.length <= LONGEST ? characters.join("") : `${characters.slice(0, LONGEST - 1).join("")}…`;
}

/**
 * Return a value as a sentence shows it: a string in quotes.
 * @param {unknown} value
 * @returns {string}
 */
export function quoted(value) {
  const found = shown(value);
  if (typeof value === "string") return `"${found}"`;
  return typeof found === "number" ? numberText(found) : String(found);
}

/** Return a variation as a sentence shows it. @param {string | null} key */
export function variation(key) {
  return key === null ? "the caller's default" : quoted(key);
}

/** Return a few alternatives, and how many more there are. @param {readonly unknown[]} values */
export function anyOf(values) {
  if (values.length === 0) return "nothing, for it has no values";
  const more = values.length > 3 ? ` and ${values.length - 3} more` : "";
  return `${values.slice(0, 3).map(quoted).join(", ")}${more}`;
}

/** What holds, and what does not. @type {ReadonlyMap<string, readonly [string, string]>} */
const SAYS = new Map([
  ["in", ["is among", "is not among"]],
  ["equals", ["equals", "does not equal"]],
  ["startsWith", ["starts with", "does not start with"]],
  ["endsWith", ["ends with", "does not end with"]],
  ["contains", ["contains", "does not contain"]],
  ["matches", ["matches", "does not match"]],
  ["lessThan", ["is less than", "is not less than"]],
  ["lessOrEqual", ["is at most", "is not at most"]],
  ["greaterThan", ["is greater than", "is not greater than"]],
  ["greaterOrEqual", ["is at least", "is not at least"]],
  ["before", ["is before", "is not before"]],
  ["after", ["is after", "is not after"]],
  ["versionEqual", ["is the version", "is not the version"]],
  ["versionLess", ["is a version below", "is not a version below"]],
  ["versionLessOrEqual", ["is at most version", "is not at most version"]],
  ["versionGreater", ["is a version above", "is not a version above"]],
  ["versionGreaterOrEqual", ["is at least version", "is not at least version"]],
  ["inCidr", ["is in", "is not in"]],
]);

/** What operators take; the others take versions. @type {ReadonlyMap<string, string>} */
const TAKES = new Map([
  ...["in", "equals"].map((op) => /** @type {[string, string]} */ ([op, "strings, numbers and booleans"])),
  ...["startsWith", "endsWith", "contains", "matches"].map((op) => /** @type {[string, string]} */ ([op, "strings"])),
  ...["lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"].map((op) => /** @type {[string, string]} */ ([op, "numbers"])),
  ...["before", "after"].map((op) => /** @type {[string, string]} */ ([op, "dates with a zone and epoch milliseconds"])),
  ["inCidr", "IP addresses"],
]);

/**
 * Say how a value compares: *answer* is what the test said before negation, undefined for a type that it does not take.
 * @param {Condition} condition
 * @param {unknown} found
 * @param {boolean | undefined} answer
 * @returns {string}
 */
export function compared({ op, attribute, values }, found, answer) {
  if (found === null) return `${attribute} is missing`;
  const what = `${attribute} ${quoted(found)}`;
  if (answer === undefined) return `${what} is of a type that ${op} does not take: it takes ${TAKES.get(op) ?? "versions"}`;
  return `${what} ${SAYS.get(op)?.[answer ? 0 : 1]} ${anyOf(values)}`;
}

/** Say whether an attribute is there. @param {Condition} condition @param {unknown} found */
export function existing({ attribute }, found) {
  return found === null ? `${attribute} is missing` : `${attribute} is there: ${quoted(found)}`;
}

/**
 * Say whether a unit's bucket lies in a condition's share.
 * @param {Condition} condition
 * @param {unknown} found
 * @param {boolean} isInside
 */
export function share({ by, from, to }, found, isInside) {
  if (found === null) return `${by || "targetingKey"} is missing, so it has no bucket`;
  return `the bucket of ${quoted(found)} is ${isInside ? "" : "not "}in [${numberText(from ?? NaN)}, ${numberText(to ?? NaN)})`;
}
