/**
 * LaunchDarkly's hash: the first 60 bits of SHA-1 (FIPS 180-4), divided by 2^60, in double or in single precision. See
 * spec/dialects/launchdarkly.md. Running sums of weights are kept in the same precision, in the order of the weights.
 * @module
 */

/** 60 bits: the first 32, and the 28 after them. @typedef {{ high: number, low: number }} Bits60 */

const W = new Int32Array(80);
const H = new Int32Array(5);
const START = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
const CONSTANTS = new Int32Array([0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]);
const SCALE = 2 ** 60;
/** From here on doubles do not hold all integers. */
const INEXACT = 2 ** 25;

/**
 * Return the first 60 bits of SHA-1 of *bytes*.
 * @param {Uint8Array} bytes
 * @returns {Bits60}
 */
export function sha160(bytes) {
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(padded.length - 4, bytes.length << 3);
  H.set(START);
  for (let from = 0; from < padded.length; from += 64) {
    for (let i = 0; i < 16; i++) W[i] = view.getInt32(from + i * 4);
    compress();
  }
  return { high: H[0] >>> 0, low: H[1] >>> 4 };
}

/** Mix the block in `W` into the state. */
function compress() {
  for (let i = 16; i < 80; i++) W[i] = rotated(W[i - 3] ^ W[i - 8] ^ W[i - 14] ^ W[i - 16], 1);
  let [a, b, c, d, e] = H;
  for (let i = 0; i < 80; i++) {
    const round = Math.floor(i / 20);
    const mixed = round === 0 ? (b & c) | (~b & d) : round === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const next = (rotated(a, 5) + mixed + e + CONSTANTS[round] + W[i]) | 0;
    e = d;
    d = c;
    c = rotated(b, 30);
    b = a;
    a = next;
  }
  H[0] += a;
  H[1] += b;
  H[2] += c;
  H[3] += d;
  H[4] += e;
}

/** @param {number} word @param {number} by */
function rotated(word, by) {
  return (word << by) | (word >>> (32 - by));
}

/**
 * Return the bucket of 60 bits in double precision, 0 to 1: rounded once, half to even.
 * @param {Bits60} number
 * @returns {number}
 */
export function placeF64({ high, low }) {
  // The vendors divide by 2^60 - 1, which no double holds: what they divide by is 2^60.
  return (high * 2 ** 28 + low) / SCALE;
}

/**
 * Return the bucket of 60 bits in single precision: rounded once, half to even, from the integer.
 * @param {Bits60} number
 * @returns {number}
 */
export function placeF32({ high, low }) {
  // Where a double would round, bits that are cut off leave their mark in the last one kept, so that there is one rounding.
  const kept = high < INEXACT || (low & 0xff) === 0 ? low : (low & ~0xff) | 0x100;
  return Math.fround(high * 2 ** 28 + kept) / SCALE;
}

/** Return what a weight, out of 100000, comes to. @param {number} weight */
export function shareF64(weight) {
  return weight / 100_000;
}

/** Return what a weight, out of 100000, comes to in single precision. @param {number} weight */
export function shareF32(weight) {
  return Math.fround(Math.fround(weight) / 100_000);
}

/**
 * Return the running sums of what *weights* come to, each addition rounded to double precision.
 * @param {readonly number[]} weights
 * @returns {number[]}
 */
export function boundsF64(weights) {
  let total = 0;
  return weights.map((weight) => (total += shareF64(weight)));
}

/**
 * Return the running sums of what *weights* come to, each addition rounded to single precision.
 * @param {readonly number[]} weights
 * @returns {number[]}
 */
export function boundsF32(weights) {
  let total = 0;
  return weights.map((weight) => (total = Math.fround(total + shareF32(weight))));
}
