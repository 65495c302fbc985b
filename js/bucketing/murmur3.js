/**
 * MurmurHash3, x86, 32 bit (Austin Appleby, public domain): what Unleash and flagd bucket by.
 * @module
 */

/**
 * Return the hash of *data*, 0 to 2^32 - 1.
 * @param {Uint8Array} data
 * @param {number} [seed]
 * @returns {number}
 */
export function murmur3(data, seed = 0) {
  const length = data.length;
  const whole = length & ~3;
  let hash = seed;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scrambled(data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | data[i];
  if (length > whole) hash ^= scrambled(rest);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** @param {number} word */
function scrambled(word) {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
