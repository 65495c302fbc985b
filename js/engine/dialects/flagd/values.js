/**
 * What flagd's Python SDK makes of values: as numbers, as text, as true or false; equal, ordered, the same.
 *
 * Where JavaScript would differ (`True` for true, text that Python reads as a number) Python is followed, for it is what
 * these dialects are. Each function takes anything that a context may hold, and throws where the SDK does.
 * @module
 */

import { Float, laidOut } from "../python.js";
import { isObject, member } from "../values.js";

/** @typedef {import("../seam.js").Context} Context */

/** So many steps an expression may take: nodes visited for elements of arrays, elements and characters copied. */
const STEPS = 250_000;
const CHARACTERS_A_STEP = 16;
const DIGITS = "[0-9]+(?:_[0-9]+)*";
const FLOAT = new RegExp(`^[+-]?(?:(?:${DIGITS}(?:\\.(?:${DIGITS})?)?|\\.${DIGITS})(?:e[+-]?${DIGITS})?|infinity|nan)$`);
const SPACE = /^(?!\ufeff)[\s\x1c-\x1f\x85]$/;
const DECIMAL = /\p{Nd}/u;

/** The evaluation would take more steps than any that people write: an array multiplied by itself, say. */
class TooMuch extends Error {}

/** The expression asks for the time, and whoever evaluates gave none. */
export class NoTime extends Error {}

/** One evaluation of an expression: who asks, when, and how many steps are left. */
export class Run {
  /** @type {Context | null} */
  #whole = null;
  #left = STEPS;

  /** @param {Context} context @param {number | null} now in epoch seconds @param {string} flagKey */
  constructor(context, now, flagKey) {
    this.context = context;
    this.now = now;
    this.flagKey = flagKey;
  }

  /** Take *steps* from those that are left. Throws `TooMuch`. @param {number} steps */
  charge(steps) {
    this.#left -= steps;
    if (this.#left < 0) throw new TooMuch(`more than ${STEPS} steps`);
  }

  /** Charge every part of *value*, and return it: an array may hold another one many times over. @param {any} value */
  weigh(value) {
    if (isTree(value)) {
      const items = Object.values(value);
      this.charge(items.length + 1);
      for (const item of items) this.weigh(item);
    } else if (typeof value === "string") {
      this.charge(Math.floor(value.length / CHARACTERS_A_STEP));
    }
    return value;
  }

  /** Charge text that was put together, and return it. @param {string} written */
  spent(written) {
    this.charge(Math.floor(written.length / CHARACTERS_A_STEP));
    return written;
  }

  /** Return the time as flagd gives it: whole seconds. Throws `NoTime`. */
  timestamp() {
    if (this.now === null) throw new NoTime("the expression asks for the time, and there is none");
    return Math.trunc(this.now);
  }

  /** Return all that an expression can see: the context, and what flagd adds. The same object each time. @returns {Context} */
  whole() {
    if (this.#whole === null) {
      const time = this.now === null ? {} : { timestamp: this.timestamp() };
      this.#whole = { ...this.context, $flagd: { flagKey: this.flagKey, ...time }, targetingKey: targetingKey(this.context) };
    }
    return this.#whole;
  }
}

/** Return the targeting key. An OpenFeature client hands an empty one on as none at all. @param {Context} context @returns {any} */
export function targetingKey(context) {
  const found = member(context, "targetingKey");
  const isEmpty = typeof found === "object" && found !== null ? Object.keys(found).length === 0 : !found;
  return isEmpty ? null : found;
}

/** Tell whether *value* is a number to Python, which a boolean is. @param {unknown} value @returns {value is number | boolean | Float} */
export function isNumber(value) {
  return typeof value === "number" || typeof value === "boolean" || value instanceof Float;
}

/**
 * Return what arithmetic gave of *args*: a `Float` where one of them was one to Python, and the number itself does not say so.
 * @param {number} value
 * @param {readonly unknown[]} args
 * @returns {number | Float}
 */
export function computed(value, args) {
  return Number.isSafeInteger(value) && args.some(isFloat) ? new Float(value) : value;
}

/**
 * Return what Python's `number` gives of one argument, its type included: a boolean stays one.
 * @param {unknown} value
 * @returns {unknown}
 */
export function asNumber(value) {
  if (Array.isArray(value) && value.length === 1) return asNumber(value[0]);
  return typeof value === "boolean" ? value : computed(number(value), [value]);
}

/** Tell whether `number` reads a float: text is one, whatever it says, and what is no number. @param {unknown} value @returns {boolean} */
export function isFloat(value) {
  if (typeof value === "number") return !Number.isSafeInteger(value);
  if (Array.isArray(value)) return value.length > 1 || (value.length === 1 && isFloat(value[0]));
  return value !== null && typeof value !== "boolean";
}

/**
 * Return *value* as a number, NaN where it is none. Python reads text: "1_0", "infinity" and "nan" are numbers.
 * @param {unknown} value
 * @returns {number}
 */
export function number(value) {
  if (isNumber(value)) return Number(value);
  if (value === null) return 0;
  if (Array.isArray(value)) return value.length === 0 ? 0 : value.length > 1 ? NaN : number(value[0]);
  return typeof value === "string" ? float(value) : NaN;
}

/** Read what Python's `float` takes, in any script's digits; "inf" flagd takes for no number. @param {string} text */
function float(text) {
  const written = stripped(text)
    .toLowerCase()
    .replace(/(?![0-9])\p{Nd}/gu, digitOf);
  if (!FLOAT.test(written)) return NaN;
  if (written.endsWith("infinity")) return written.startsWith("-") ? -Infinity : Infinity;
  return Number(written.replaceAll("_", ""));
}

/**
 * Return *text* without the space around it. By hand: an expression that looks for space at the end takes the square of a text's length.
 * @param {string} text
 */
function stripped(text) {
  let [start, end] = [0, text.length];
  while (start < end && SPACE.test(text[start])) start++;
  while (end > start && SPACE.test(text[end - 1])) end--;
  return text.slice(start, end);
}

/** Scripts have their digits in runs of ten. @param {string} character */
function digitOf(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  let first = point;
  while (DECIMAL.test(String.fromCodePoint(first - 1))) first--;
  return String((point - first) % 10);
}

/**
 * Return *value* as text: `True` and `False` as Python writes them, null as `null`, 15 digits of a float.
 * @param {Run} run
 * @param {unknown} value
 * @returns {string}
 */
export function text(run, value) {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : floatText(value);
  if (value instanceof Float) return floatText(value.valueOf());
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "null";
  if (!Array.isArray(value)) return isObject(value) ? "[object Object]" : String(value);
  run.charge(value.length);
  return run.spent(value.map((item) => text(run, item)).join(","));
}

/** @param {number} value */
function floatText(value) {
  if (!Number.isFinite(value)) return laidOut(value);
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [digits, exponent] = value.toExponential(14).split("e");
  return laidOut(value, { digits: digits.replace(/\.?0+$/, ""), power: Number(exponent), most: 15, hasPoint: false });
}

/** Tell whether *value* counts as true: an empty array does not, an empty object and "0" do. @param {unknown} value @returns {boolean} */
export function truth(value) {
  if (value instanceof Float) return value.valueOf() !== 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

/** Tell whether *value* is an array or an object. @param {unknown} value @returns {value is object} */
export function isTree(value) {
  return typeof value === "object" && value !== null && !(value instanceof Float);
}

/**
 * Tell whether `==` holds: numbers and text by value, arrays and objects only where they are the same one.
 * @param {Run} run
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function equal(run, one, other) {
  if (isNumber(one) || isNumber(other)) return number(one) === number(other);
  if (one === null || other === null || (isTree(one) && isTree(other))) return one === other;
  if (isTree(one)) return text(run, one) === other;
  return isTree(other) ? one === text(run, other) : one === other;
}

/**
 * Return the test of an order: as numbers where either is one, else as text where either is text.
 * @param {(order: number) => boolean} holds
 * @returns {(run: Run, one: unknown, other: unknown) => boolean}
 */
export function ordered(holds) {
  return (run, one, other) => {
    const isText = !isNumber(one) && !isNumber(other) && (typeof one === "string" || typeof other === "string");
    return holds(isText ? pointsOrder(text(run, one), text(run, other)) : numbersOrder(number(one), number(other)));
  };
}

/** @param {number} one @param {number} other */
function numbersOrder(one, other) {
  return one < other ? -1 : one > other ? 1 : one === other ? 0 : NaN;
}

/** Compare by code points. @param {string} one @param {string} other */
function pointsOrder(one, other) {
  const [left, right] = [Array.from(one), Array.from(other)];
  const at = left.findIndex((character, index) => character !== right[index]);
  if (at < 0) return left.length - right.length;
  return at >= right.length ? 1 : /** @type {number} */ (left[at].codePointAt(0)) - /** @type {number} */ (right[at].codePointAt(0));
}

/**
 * Tell whether `===` holds: as Python compares, so true is 1, and arrays and objects by what is in them.
 * @param {Run} run
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function identical(run, one, other) {
  if (!isTree(one) || !isTree(other) || Array.isArray(one) !== Array.isArray(other)) return plain(one) === plain(other);
  const [left, right] = [Object.entries(one), /** @type {Record<string, unknown>} */ (other)];
  run.charge(left.length + 2);
  return left.length === Object.keys(other).length && left.every(([key, each]) => Object.hasOwn(right, key) && same(run, each, right[key]));
}

/** @param {Run} run @param {unknown} one @param {unknown} other */
function same(run, one, other) {
  return Object.is(one, other) || identical(run, one, other);
}

/** Return what Python takes for the same: true for 1. @param {unknown} value */
export function plain(value) {
  return typeof value === "boolean" || value instanceof Float ? Number(value) : value;
}

/**
 * Tell whether *needle* is an element of *haystack*, as `===` compares (but NaN is itself).
 * @param {Run} run
 * @param {unknown} needle
 * @param {readonly unknown[]} haystack
 * @returns {boolean}
 */
export function among(run, needle, haystack) {
  run.charge(haystack.length);
  if (isTree(needle)) return haystack.some((item) => same(run, item, needle));
  const wanted = plain(needle);
  return haystack.some((item) => Object.is(item, needle) || plain(item) === wanted);
}
