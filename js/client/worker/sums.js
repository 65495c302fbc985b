/**
 * The digest of a state, by the hashes that its items claim: gzip's checksum, or TLS, has kept their texts.
 * @module
 */

import { sha256Words, wellFormed } from "../../bucketing/index.js";

/** @typedef {import("../../protocol/digest.js").Sum} Sum */
/** @typedef {Record<string, any>} Records */
/** @typedef {"flags" | "segments" | "layers"} Member */

/** The members that hold items, and what the digest calls one of each. */
export const KINDS = /** @type {const} */ ({ flags: "flag", segments: "segment", layers: "layer" });
export const MEMBERS = /** @type {Member[]} */ (Object.keys(KINDS));

/** Return the sum of nothing. @returns {Sum} */
export function emptySum() {
  return new Int32Array(8);
}

/** Put *changes* into *sum*, and what they replace out of it. @param {Sum} sum @param {Member} member @param {Records} before @param {Records} changes */
export function toggleChanges(sum, member, before, changes) {
  for (const [key, item] of Object.entries(changes)) {
    if (Object.hasOwn(before, key)) toggle(sum, member, key, before[key]);
    if (item !== null) toggle(sum, member, key, item);
  }
}

/**
 * Put an item into *sum*, or take it out: it is the same.
 * @param {Sum} sum
 * @param {Member} member
 * @param {string} key
 * @param {any} item
 */
export function toggle(sum, member, key, item) {
  const words = sha256Words(wellFormed(`${KINDS[member]}:${key}:${item?.version ?? 1}:${item?.hash ?? ""}`));
  for (let i = 0; i < sum.length; i++) sum[i] ^= words[i];
}
