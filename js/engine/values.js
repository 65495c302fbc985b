/**
 * The values that conditions speak of: texts, numbers, units. Beside are versions, dates and addresses.
 *
 * Each reader takes anything that a program may have put into a context and returns undefined where it is not one of
 * them. Every language must agree on every answer; spec/evaluation.md has the words, spec/vectors the cases.
 * @module
 */

import { wellFormed } from "../bucketing/text.js";

/**
 * Return *value* as well-formed text if it is a string; in lower case where case is ignored.
 * @param {unknown} value
 * @param {boolean} [ignoreCase]
 * @returns {string | undefined}
 */
export function text(value, ignoreCase) {
  if (typeof value !== "string") return undefined;
  return ignoreCase ? wellFormed(value).toLowerCase() : wellFormed(value);
}

/**
 * Return *value* if it is a finite number. A bigint becomes the double nearest to it, as large integers do in JSON.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function number(value) {
  const found = typeof value === "bigint" ? Number(value) : value;
  return typeof found === "number" && Number.isFinite(found) ? found : undefined;
}

/**
 * Return *value* as an integer if it is a number without fraction, up to 2^53 − 1 either way.
 * @param {unknown} value
 * @returns {number | undefined}
 */
export function integer(value) {
  const found = number(value);
  return Number.isSafeInteger(found) ? /** @type {number} */ (found) : undefined;
}

/**
 * Return what is hashed for *value*: a string as it is, an integer in decimal.
 * @param {unknown} value
 * @returns {string | undefined}
 */
export function unit(value) {
  if (typeof value === "string") return wellFormed(value);
  const whole = integer(value);
  return whole === undefined ? undefined : String(whole);
}
