/**
 * What each SDK hashes of a value that a split goes by, and how it writes that as bytes.
 * @module
 */

import { sha160 } from "../../../bucketing/sha1.js";
import { strictUtf8, utf8 } from "../values.js";

/**
 * How one SDK reads a unit: the text to hash, null for bucket 0; whether it can be the context's kind.
 * @typedef {{ text: (value: unknown) => string | null, encode: (text: string) => Uint8Array, readsKind: boolean }} Unit
 */

const LONG = 2 ** 63;

/**
 * Return a function that hashes a unit's text behind *prefix*.
 * @param {string} prefix
 * @param {Unit} unit
 * @returns {(text: string) => import("../../../bucketing/sha1.js").Bits60}
 */
export function hasher(prefix, { encode }) {
  // Written anew each time: a half of a pair at the seam joins none, and Python's SDK fails only when it evaluates.
  return (text) => sha160(joined(encode(prefix), encode(text)));
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function joined(one, other) {
  const whole = new Uint8Array(one.length + other.length);
  whole.set(one);
  whole.set(other, one.length);
  return whole;
}

/** Return a string as it is and an integer in decimal. A number with a fraction is none. @param {unknown} value */
function pythonUnit(value) {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) || typeof value === "bigint" ? String(value) : null;
}

/** Return a string as it is and a whole number as JavaScript writes it. @param {unknown} value */
function nodeUnit(value) {
  return typeof value === "string" ? value : Number.isInteger(value) ? String(value) : null;
}

/** Return a string as it is and a whole number of 64 bits in decimal. @param {unknown} value */
function goUnit(value) {
  if (typeof value === "string") return value;
  if (!Number.isInteger(value)) return null;
  const whole = /** @type {number} */ (value);
  return whole >= -LONG && whole < LONG ? String(BigInt(whole)) : null;
}

/** @type {Unit} */
export const PYTHON = { text: pythonUnit, encode: strictUtf8, readsKind: true };
/** @type {Unit} */
export const NODE = { text: nodeUnit, encode: utf8, readsKind: false };
/** @type {Unit} */
export const GO = { text: goUnit, encode: utf8, readsKind: true };
