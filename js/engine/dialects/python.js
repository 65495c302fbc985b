/**
 * JSON values as Python writes them. JavaScript has one type of numbers: one without fraction, up to 2^53, is an integer.
 * @module
 */

import { isObject } from "./values.js";

/**
 * A number that Python holds as a float although it has no fraction, as a division gives: it is written `2.0`.
 */
export class Float {
  #value;

  /** @param {number} value */
  constructor(value) {
    this.#value = value;
  }

  valueOf() {
    return this.#value;
  }

  toString() {
    return `${Object.is(this.#value, -0) ? "-0" : this.#value}.0`;
  }
}

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
  if (value instanceof Float) return value.toString();
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (isObject(value))
    return `{${Object.entries(value)
      .map(([key, each]) => `${quoted(key)}: ${repr(each)}`)
      .join(", ")}}`;
  return value === null || value === undefined ? "None" : String(value);
}

/**
 * Return a number's decimals: the shortest that tell it from its neighbours, with an exponent below 1e-4 and from 1e16 on.
 * @param {number} value
 * @returns {string}
 */
export function numberText(value) {
  return Number.isSafeInteger(value) ? String(value) : laidOut(value);
}

/**
 * Return a number as Python lays its *digits* out, the first of which has the *power* of ten; from *most* on with an
 * exponent. *hasPoint*: a whole one that is no integer ends in `.0`.
 * @param {number} value
 * @param {{ digits: string, power: number, most: number, hasPoint: boolean }} [layout]
 * @returns {string}
 */
export function laidOut(value, layout) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const { digits, power, most, hasPoint } = layout ?? shortest(value);
  const sign = value < 0 ? "-" : "";
  const bare = digits.replace(/[-.]/g, "");
  if (power >= -4 && power < most) return sign + plain(bare, power, hasPoint);
  const mantissa = bare.length > 1 ? `${bare[0]}.${bare.slice(1)}` : bare;
  return `${sign}${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** @param {number} value */
function shortest(value) {
  const [digits, power] = value.toExponential().split("e");
  return { digits, power: Number(power), most: 16, hasPoint: true };
}

/** @param {string} digits @param {number} power of the first digit @param {boolean} hasPoint */
function plain(digits, power, hasPoint) {
  if (power < 0) return `0.${"0".repeat(-power - 1)}${digits}`;
  const whole = digits.slice(0, power + 1).padEnd(power + 1, "0");
  const fraction = digits.slice(power + 1) || (hasPoint ? "0" : "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

const UNPRINTABLE = /[\\\p{C}\p{Z}]/gu;
/** @type {Readonly<Record<string, string>>} */
const ESCAPES = { " ": " ", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** @param {string} text */
function quoted(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(
    UNPRINTABLE,
    (character) => ESCAPES[character] ?? escapedPoint(/** @type {number} */ (character.codePointAt(0))),
  );
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

/** @param {number} point */
function escapedPoint(point) {
  const hex = point.toString(16);
  if (point < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return point < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
