/**
 * Where a unit lands: (salt, flag key, unit) → bucket. See spec/bucketing.md.
 * @module
 */

import { sha256Hex, sha256Modulo, sha256Words } from "./sha256.js";
import { wellFormed } from "./text.js";

export { sha256Hex, sha256Words, wellFormed };

export const BUCKETS = 100_000;

const ENCODER = new TextEncoder();

/**
 * Return the bucket of *unit*, 0 to 99999. Lone surrogates count as U+FFFD.
 * @param {string} salt
 * @param {string} flagKey
 * @param {string} unit
 * @returns {number}
 */
export function bucket(salt, flagKey, unit) {
  return bucketAfter(bucketPrefix(salt, flagKey), unit);
}

/**
 * Return the bytes that come before the unit in what is hashed.
 * @param {string} salt
 * @param {string} flagKey
 * @returns {Uint8Array}
 */
export function bucketPrefix(salt, flagKey) {
  return ENCODER.encode(`${wellFormed(salt)}.${wellFormed(flagKey)}.`);
}

/**
 * Return the bucket of *unit* after what `bucketPrefix` returned.
 * @param {Uint8Array} prefix
 * @param {string} unit
 * @returns {number}
 */
export function bucketAfter(prefix, unit) {
  return sha256Modulo(prefix, wellFormed(unit), BUCKETS);
}
