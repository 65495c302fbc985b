/**
 * CBOR (RFC 8949) of JSON values, one text for one value: what flagd hashes since its third generation.
 *
 * Lengths and integers in the fewest bytes, floats in the shortest form that keeps them, maps in the order of their keys'
 * bytes, shorter ones first. A number without a fraction is an integer where 64 bits hold it.
 * @module
 */

import { wellFormed } from "./text.js";

const [UNSIGNED, NEGATIVE, TEXT, ARRAY, MAP] = [0x00, 0x20, 0x60, 0x80, 0xa0];
const [LOWEST, HIGHEST] = [-(2 ** 63), 2 ** 64];
const ENCODER = new TextEncoder();
const VIEW = new DataView(new ArrayBuffer(8));

/**
 * Return the one encoding of a JSON value. Throws `TypeError` for half a surrogate pair and what is no JSON, `RangeError`
 * for a ring.
 * @param {unknown} value
 * @returns {Uint8Array}
 */
export function cbor(value) {
  return Uint8Array.from(bytesOf(value));
}

/** @param {unknown} value @returns {number[]} */
function bytesOf(value) {
  if (typeof value === "string") return text(value);
  if (value === null) return [0xf6];
  if (typeof value === "boolean") return [value ? 0xf5 : 0xf4];
  if (typeof value === "number") return number(value);
  if (Array.isArray(value)) return [...head(ARRAY, value.length), ...value.flatMap(bytesOf)];
  if (typeof value !== "object") throw new TypeError(`${typeof value} is no JSON`);
  const members = Object.entries(value).map(([key, each]) => ({ key: text(key), value: each }));
  members.sort((one, other) => one.key.length - other.key.length || order(one.key, other.key));
  return [...head(MAP, members.length), ...members.flatMap((member) => [...member.key, ...bytesOf(member.value)])];
}

/** @param {number[]} one @param {number[]} other as long as the first */
function order(one, other) {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? 0 : one[at] - other[at];
}

/** @param {string} value */
function text(value) {
  if (wellFormed(value) !== value) throw new TypeError("half of a surrogate pair has no UTF-8");
  const data = ENCODER.encode(value);
  return [...head(TEXT, data.length), ...data];
}

/** @param {number} value */
function number(value) {
  if (Number.isNaN(value)) return [0xf9, 0x7e, 0x00];
  if (Number.isInteger(value) && value >= LOWEST && value < HIGHEST) return value >= 0 ? head(UNSIGNED, value) : head(NEGATIVE, value, 1n);
  if (Math.fround(value) !== value) {
    VIEW.setFloat64(0, value);
    return [0xfb, ...written(8)];
  }
  VIEW.setFloat32(0, value);
  const half = halved(VIEW.getUint32(0));
  return half === null ? [0xfa, ...written(4)] : [0xf9, half >> 8, half & 0xff];
}

/** Return the bits of single precision in half precision, null where that loses any. @param {number} bits */
function halved(bits) {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const mantissa = bits & 0x7fffff;
  if (exponent === 128) return sign | 0x7c00;
  if (exponent >= -14 && exponent <= 15) return (mantissa & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (mantissa >> 13) : null;
  const shift = -1 - exponent; // below, the leading bit is written out
  if (exponent < -24 || exponent > 15) return null;
  const whole = mantissa | 0x800000;
  return (whole & ((1 << shift) - 1)) === 0 ? sign | (whole >> shift) : null;
}

/** @param {number} kind @param {number} size @param {bigint} [less] @returns {number[]} */
function head(kind, size, less = 0n) {
  const exact = less === 0n ? BigInt(size) : -less - BigInt(size);
  if (exact < 24n) return [kind | Number(exact)];
  VIEW.setBigUint64(0, exact);
  const length = exact < 0x100n ? 1 : exact < 0x10000n ? 2 : exact < 0x100000000n ? 4 : 8;
  return [kind | (24 + Math.log2(length)), ...written(8).slice(8 - length)];
}

/** @param {number} length */
function written(length) {
  return [...new Uint8Array(VIEW.buffer, 0, length)];
}
