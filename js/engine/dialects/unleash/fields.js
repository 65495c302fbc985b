/**
 * Where Unleash's fields are in a context, and what the two SDKs share of reading them.
 * @module
 */

import { isObject } from "../values.js";

/** @typedef {import("../seam.js").Context} Context */
/** @typedef {import("../seam.js").Test} Test */
/**
 * Takes a context and the time; returns a field as the SDK's text of it, null where it is missing.
 * @typedef {(context: Context, now: number | null) => string | null} Reader
 */
/** @typedef {import("./constraints.js").Constraint} Constraint */
/**
 * How one SDK reads what the other reads differently. All throw `Refused` for what they do not take.
 * @typedef {object} Readings
 * @property {(name: string) => Reader} field prepares the reading of a context's field
 * @property {(constraint: Constraint) => Test} constraint prepares a constraint, inversion included
 * @property {(name: string, parameters: ReadonlyMap<string, string>) => Test} strategy prepares one that only Unleash's own words say
 * @property {(by: string) => Reader} rolloutUnit prepares the reading of what a rollout hashes
 * @property {(by: string) => Reader} variantUnit prepares the reading of what a choice of variants hashes
 */

/** The fields that are not properties. */
export const BUILT_IN = new Set(["userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime"]);
/** The stickiness that looks for several ids in turn. */
export const DEFAULT = "default";
export const RANDOM = "random";

/** Hold for nobody. */
export const never = () => false;
/** @type {Reader} */
export const nobody = () => null;

/**
 * Return what is under *name*, undefined where there is nothing; null is something.
 * @param {Readonly<Record<string, unknown>>} object
 * @param {string} name
 */
export function given(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/**
 * Return a property of *context*, undefined where it has none: those in `properties` come first.
 * @param {Context} context
 * @param {string} name
 * @returns {unknown}
 */
export function propertyOf(context, name) {
  const inner = given(context, "properties");
  if (isObject(inner)) {
    if (Object.hasOwn(inner, name)) return inner[name];
    if (name === "properties") return undefined;
  }
  return BUILT_IN.has(name) || name === "targetingKey" ? undefined : given(context, name);
}

/**
 * @param {Reader} read
 * @param {(text: string) => boolean} matches
 * @param {boolean} inverted
 * @returns {Test}
 */
export function tested(read, matches, inverted) {
  return (context, now) => {
    const found = read(context, now);
    return (found !== null && matches(found)) !== inverted;
  };
}

/**
 * @param {Reader} read
 * @param {Iterable<string>} values
 * @param {boolean} isIn
 * @returns {Test}
 */
export function listed(read, values, isIn) {
  const known = new Set(values);
  return (context, now) => {
    const found = read(context, now);
    return (found !== null && known.has(found)) === isIn;
  };
}

/**
 * Return whether a text has any of *values* in it, at its start or at its end.
 * @param {readonly string[]} values
 * @param {(text: string, value: string) => boolean} holds
 * @param {boolean} ignoresCase
 * @returns {(text: string) => boolean}
 */
export function texts(values, holds, ignoresCase) {
  if (!ignoresCase) return (text) => values.some((value) => holds(text, value));
  const lowered = values.map((value) => value.toLowerCase());
  return (text) => {
    const low = text.toLowerCase();
    return lowered.some((value) => holds(low, value));
  };
}

/**
 * Compare two numbers: NaN where they have no order.
 * @param {number} one
 * @param {number} other
 * @returns {number}
 */
export function compareNumbers(one, other) {
  return one < other ? -1 : one > other ? 1 : one === other ? 0 : NaN;
}
