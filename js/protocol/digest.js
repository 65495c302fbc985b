/**
 * The digest of an environment: the XOR over its items of SHA-256 of `{kind}:{key}:{version}:{hash}`.
 *
 * Order does not matter and a change costs two hashes, so both ends keep it up to date with every delta. It finds accidents,
 * not forgers. Written as 64 hex digits.
 * @module
 */

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").ItemKind} ItemKind */
/** @typedef {import("./items.js").Sha256} Sha256 */
/** A digest as it is computed with: eight words. @typedef {Int32Array} Sum */

const DIGITS = 64;
const WORDS = 8;

/** The digest of an environment without items. */
export const EMPTY = "0".repeat(DIGITS);

/**
 * Put *item* into *sum*, or take it out: it is the same.
 * @param {Sum} sum
 * @param {ItemKind} kind
 * @param {Item | undefined} item undefined: nothing
 * @param {Sha256} sha256
 */
export function toggle(sum, kind, item, sha256) {
  if (item === undefined) return;
  const digits = sha256(`${kind}:${item.key}:${item.version}:${item.soundHash(sha256)}`);
  for (let i = 0; i < WORDS; i++) sum[i] ^= Number.parseInt(digits.slice(i * 8, i * 8 + 8), 16);
}

/**
 * Return the sum of *items*.
 * @param {import("./items.js").Items} items
 * @param {Sha256} sha256
 * @returns {Sum}
 */
export function total(items, sha256) {
  const sum = new Int32Array(WORDS);
  for (const [kind, records] of /** @type {[ItemKind, ReadonlyMap<string, Item>][]} */ (Object.entries(items))) {
    for (const item of records.values()) toggle(sum, kind, item, sha256);
  }
  return sum;
}

/**
 * Return a digest as it is written.
 * @param {Sum} sum
 * @returns {string}
 */
export function digestText(sum) {
  return Array.from(sum, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/**
 * Return a written digest as it is computed with; null if *text* is none.
 * @param {string} text
 * @returns {Sum | null}
 */
export function digestSum(text) {
  if (!/^[0-9a-f]{64}$/.test(text)) return null;
  return Int32Array.from({ length: WORDS }, (_, i) => Number.parseInt(text.slice(i * 8, i * 8 + 8), 16));
}
