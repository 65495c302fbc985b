/**
 * JSON values as Python writes them. JavaScript has one type of numbers: one without fraction, up to 2^53, is an integer.
 * @module
 */

import { isObject } from "./values.js";

/**
 * Return what `str` gives: `True`, `None`, `1.5`, `[1, 'a']`.
 * @param {unknown} value
 * @returns {string}
 */
export function pythonText(value) {
  return typeof value === "string" ? value : repr(value);
}

/** @param {unknown} value @returns {string} */
function repr(value) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (isObject(value)) return `{${Object.entries(value).map(([key, each]) => `${quoted(key)}: ${repr(each)}`).join(", ")}}`;
  return value === null || value === undefined ? "None" : String(value);
}

/**
 * Return a number's decimals: shortest, with an exponent below 1e-4 and from 1e16 on.
 * @param {number} value
 * @returns {string}
 */
export function numberText(value) {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [digits, exponent] = Math.abs(value).toExponential().split("e");
  const sign = value < 0 ? "-" : "";
  const power = Number(exponent);
  if (power >= -4 && power < 16) return sign + plain(digits.replace(".", ""), power);
  return `${sign}${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** @param {string} digits @param {number} power of the first digit */
function plain(digits, power) {
  if (power < 0) return `0.${"0".repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  return `${whole}.${digits.slice(power + 1) || "0"}`;
}

const UNPRINTABLE = /[\\\p{C}\p{Z}]/gu;
/** @type {Readonly<Record<string, string>>} */
const ESCAPES = { " ": " ", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** @param {string} text */
function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(UNPRINTABLE, (character) => ESCAPES[character] ?? escapedPoint(/** @type {number} */ (character.codePointAt(0))));
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

/** @param {number} point */
function escapedPoint(point) {
  const hex = point.toString(16);
  if (point < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return point < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
