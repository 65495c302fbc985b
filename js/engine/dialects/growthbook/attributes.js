/**
 * How GrowthBook finds attributes in a Pennon context: dotted paths, and `id`, by default the targeting key.
 * @module
 */

import { Refused } from "../../refused.js";
import { isObject, member } from "../values.js";

/** Finds something in an object, null where it is not there. @typedef {(value: any) => any} Read */

const INDEX = /^(?:0|[1-9][0-9]{0,9})$/;

/** @param {any} context */
function id(context) {
  return member(context, "id") ?? member(context, "targetingKey");
}

/**
 * Return what reads the attribute that is hashed: a name, or the JSON pointer to one. GrowthBook's `id` is here
 * `targetingKey`; its attribute of that very name, if there is one, `/targetingKey`. Throws `Refused`.
 * @param {string} by
 * @returns {Read}
 */
export function unitReader(by) {
  if (by === "targetingKey" || by === "id") return id;
  if (!by.startsWith("/")) return (context) => member(context, by);
  if (by.slice(1).includes("/")) throw new Refused(`GrowthBook hashes no attribute within another, as '${by}' is`);
  const name = by.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
  return (context) => member(context, name);
}

/** Return what reads the dotted *path* in a context. @param {string} path @returns {Read} */
export function contextReader(path) {
  const [first, ...rest] = path.split(".");
  return within(first === "id" ? id : (context) => member(context, first), rest);
}

/**
 * Return what reads the dotted *path* in any value: an element of an array, a prerequisite's value.
 * @param {string} path
 * @returns {Read}
 */
export function elementReader(path) {
  return within((value) => value, path.split("."));
}

/** @param {Read} read @param {string[]} steps @returns {Read} */
function within(read, steps) {
  return steps.length === 0 ? read : (value) => steps.reduce(stepped, read(value));
}

/** @param {unknown} current @param {string} step */
function stepped(current, step) {
  if (isObject(current)) return member(current, step);
  if (!Array.isArray(current)) return null;
  if (step === "length") return current.length;
  return INDEX.test(step) ? (current[Number(step)] ?? null) : null;
}
