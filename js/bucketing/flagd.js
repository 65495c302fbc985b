/**
 * Where a unit lands in flagd's `fractional`, by its three generations: all of them MurmurHash3 of bytes.
 *
 * The first hashes text and compares percentages as floats; the second, since flagd 0.15, text and integers; the third
 * hashes CBOR, see `cbor`, and goes on as the second.
 * @module
 */

import { murmur3 } from "./murmur3.js";

/** The most that weights may sum to since the second generation. */
export const HEAVIEST = 2 ** 31 - 1;

/**
 * Return where *data* lands in the first generation, 0 to 100: the hash is signed there, and its sign is dropped. Of one
 * hash in 2^32, and of that alone, it is a little above 100.
 * @param {Uint8Array} data
 * @returns {number}
 */
export function percentage(data) {
  return (Math.abs(murmur3(data) | 0) / HEAVIEST) * 100;
}

/**
 * Return where *data* lands since the second generation, 0 to *total* - 1: the whole part of hash × total / 2^32.
 * @param {Uint8Array} data
 * @param {number} total
 * @returns {number}
 */
export function share(data, total) {
  const hash = murmur3(data);
  // In two steps of 16 bits, so that no product leaves the integers that doubles hold.
  const high = hash * Math.floor(total / 0x10000);
  const low = hash * (total % 0x10000);
  return Math.floor((high + Math.floor(low / 0x10000)) / 0x10000);
}
