/**
 * What dialects share: reading objects that a stranger may have sent, ranks that compare as tuples do, texts by code points.
 * @module
 */

/**
 * Tell whether *value* is an object with members: no array, and not null.
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Return an object's own member, null where there is none: what every object inherits is not there.
 * @param {Readonly<Record<string, any>>} object
 * @param {string} name
 * @returns {any}
 */
export function member(object, name) {
  return Object.hasOwn(object, name) ? (object[name] ?? null) : null;
}

/**
 * What compares as the thing that it ranks does: part by part; the beginning of a longer one comes first.
 * @typedef {readonly (number | string | Rank)[]} Rank
 */

/**
 * Compare two ranks: below zero where the first comes first.
 * @param {Rank} one
 * @param {Rank} other
 * @returns {number}
 */
export function compareRanks(one, other) {
  for (let i = 0; i < Math.min(one.length, other.length); i++) {
    const [left, right] = [one[i], other[i]];
    const order = Array.isArray(left) && Array.isArray(right) ? compareRanks(left, right) : left < right ? -1 : left > right ? 1 : 0;
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

/**
 * Digits as a rank, however many: by their number, then as text. They have no leading zeros.
 * @param {string} digits
 * @returns {Rank}
 */
export function digitsRank(digits) {
  return [digits.length, digits];
}

/** Orders by name: what must hold of below zero, zero, above zero. @type {Readonly<Record<string, (order: number) => boolean>>} */
export const ORDERS = Object.freeze({
  EQ: (order) => order === 0,
  GT: (order) => order > 0,
  GTE: (order) => order >= 0,
  LT: (order) => order < 0,
  LTE: (order) => order <= 0,
});

/**
 * How texts lie in one another.
 * @type {Readonly<Record<"startsWith" | "endsWith" | "includes", (text: string, part: string) => boolean>>}
 */
export const TEXTS = Object.freeze({
  startsWith: byCodePoints((text, part) => text.startsWith(part)),
  endsWith: byCodePoints((text, part) => text.endsWith(part)),
  includes: byCodePoints((text, part) => text.includes(part)),
});

/**
 * Half of a surrogate pair lies in no whole one: only there do code units and code points differ.
 * @param {(text: string, part: string) => boolean} compare
 * @returns {(text: string, part: string) => boolean}
 */
function byCodePoints(compare) {
  return (text, part) => compare(text, part) && (!HALF.test(part) || compare(spaced(text), spaced(part)));
}

const HALF = /\p{Surrogate}/u;

/** @param {string} text */
function spaced(text) {
  return Array.from(text, (character) => `<${character}>`).join("");
}

const ENCODER = new TextEncoder();

/**
 * Return the UTF-8 of *text*, half of a surrogate pair as U+FFFD.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function utf8(text) {
  return ENCODER.encode(text);
}

/**
 * Return the UTF-8 of *text*. Throws where it holds half of a surrogate pair, as Python does.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function strictUtf8(text) {
  if (HALF.test(text)) throw new TypeError("half of a surrogate pair has no UTF-8");
  return ENCODER.encode(text);
}
