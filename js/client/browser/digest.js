/**
 * SHA-256 (FIPS 180-4) in few bytes, for the names of what is stored: the platform's is asynchronous, and bucketing's, which is made for
 * speed, three times as long.
 * @module
 */

/**
 * Return the SHA-256 of a text's UTF-8 as 64 hex digits. Lone surrogates count as U+FFFD.
 * @param {string} text
 * @returns {string}
 */
export function digest(text) {
  /** @type {number[]} */
  const constants = [];
  /** @type {number[]} */
  const state = [];
  for (let n = 2; constants.length < 64; n++) {
    let divisor = 2;
    while (n % divisor) divisor++;
    if (divisor === n) {
      if (state.length < 8) state.push(fraction(n ** 0.5));
      constants.push(fraction(Math.cbrt(n)));
    }
  }
  const bytes = new TextEncoder().encode(text);
  const words = new Int32Array(((bytes.length + 72) >> 6) << 4);
  [...bytes, 0x80].forEach((byte, at) => (words[at >> 2] |= byte << (24 - 8 * (at & 3))));
  words[words.length - 1] = bytes.length * 8;
  for (let at = 0; at < words.length; at += 16) {
    const w = [...words.subarray(at, at + 16)];
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      if (i > 15) {
        const x = w[i - 15];
        const y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)) + (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
      }
      w[i] |= 0;
      const t = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
      const u = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      [a, b, c, d, e, f, g, h] = [(t + u) | 0, a, b, c, (d + t) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] = (state[i] + word) | 0));
  }
  return state.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The first 32 bits of what is behind the point. @param {number} x */
const fraction = (x) => ((x % 1) * 2 ** 32) | 0;

/** @param {number} word @param {number} by */
const turned = (word, by) => (word >>> by) | (word << (32 - by));
