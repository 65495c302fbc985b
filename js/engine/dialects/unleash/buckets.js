/**
 * Where a unit lands: murmur3 of `{group}:{unit}`, as UTF-8 or as the low byte of each UTF-16 unit.
 * @module
 */

import { murmur3 } from "../../../bucketing/murmur3.js";
import { Refused } from "../../refused.js";
import { strictUtf8 } from "../values.js";

/** Takes a unit; returns where it lands, from 0 on. @typedef {(unit: string) => number} Place */

const VARIANTS_SEED = 86028157;
export const ROLLOUT_PLACES = 100;

/** @type {ReadonlyMap<string, (text: string) => Uint8Array>} */
const BYTES = new Map([
  ["murmur3-utf8", strictUtf8],
  ["murmur3-utf16lo", lowBytes],
]);

/**
 * Return the function from units to 0 … 99. Throws `Refused` for a hash that is not Unleash's.
 * @param {string | null} hash
 * @param {string} group
 * @returns {Place}
 */
export function rolloutPlace(hash, group) {
  return placeOf(hash, group, ROLLOUT_PLACES, 0);
}

/**
 * Return the function from units to 0 … *total* - 1. Throws `Refused` likewise.
 * @param {string | null} hash
 * @param {string} group
 * @param {number} total
 * @returns {Place}
 */
export function variantPlace(hash, group, total) {
  return placeOf(hash, group, total, VARIANTS_SEED);
}

/** @param {string | null} hash @param {string} group @param {number} places @param {number} seed @returns {Place} */
function placeOf(hash, group, places, seed) {
  const encode = BYTES.get(hash ?? "");
  if (encode === undefined) throw new Refused(`the hash '${hash}' is none of Unleash's: ${[...BYTES.keys()].join(", ")}`);
  encode(group);
  return (unit) => murmur3(encode(`${group}:${unit}`), seed) % places;
}

/** @param {string} text */
function lowBytes(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
