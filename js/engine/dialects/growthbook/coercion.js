/**
 * What GrowthBook's SDKs make of JSON values: as text, as number, in order. ECMAScript's own rules, but that no function
 * in a context is ever called.
 * @module
 */

import { isObject } from "../values.js";

/**
 * Return *value* as text: what `String(value)` gives of JSON.
 * @param {unknown} value
 * @returns {string}
 */
export function text(value) {
  if (Array.isArray(value)) return value.map((item) => (item === null ? "" : text(item))).join(",");
  if (!isObject(value)) return String(value);
  if (Object.hasOwn(value, "toString")) throw new TypeError("an object with a toString of its own cannot be made text");
  return "[object Object]";
}

/** @param {unknown} value */
function primitive(value) {
  return typeof value === "object" && value !== null ? text(value) : value;
}

/**
 * Return *value* as a number, NaN where it is none.
 * @param {unknown} value
 * @returns {number}
 */
export function number(value) {
  return Number(primitive(value));
}

/**
 * Return how `<` and `>` compare two values: negative, 0 or positive; NaN where neither they nor `<=` hold.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {number}
 */
export function order(one, other) {
  const [left, right] = [primitive(one), primitive(other)];
  return typeof left === "string" && typeof right === "string" ? ordered(left, right) : ordered(number(left), number(right));
}

/**
 * @template {string | number} T
 * @param {T} one
 * @param {T} other
 */
export function ordered(one, other) {
  return one < other ? -1 : one > other ? 1 : one === other ? 0 : NaN;
}

/**
 * Return how two texts compare by code points, as in Python.
 * @param {string} one
 * @param {string} other
 * @returns {number}
 */
export function pointsOrder(one, other) {
  const [left, right] = [Array.from(one), Array.from(other)];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) return left.length - right.length;
  return at >= right.length ? 1 : /** @type {number} */ (left[at].codePointAt(0)) - /** @type {number} */ (right[at].codePointAt(0));
}

/**
 * Return the name of the type that `$type` asks for.
 * @param {unknown} value
 * @returns {string}
 */
export function typeName(value) {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
