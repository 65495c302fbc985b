/**
 * flagd's `fractional` in its three generations: which variant the bucket of a value falls to.
 * @module
 */

import { cbor } from "../../../bucketing/cbor.js";
import { HEAVIEST, percentage, share } from "../../../bucketing/flagd.js";
import { isObject, strictUtf8 } from "../values.js";
import { isTree, plain } from "./values.js";

/** @typedef {import("./values.js").Run} Run */
/** A variant, and its weight. @typedef {[any, number]} Fraction */
/** @typedef {(data: Uint8Array) => number | null} Pick */
/**
 * What one generation does. `takesExplicit` tells whether the first argument is a bucketing value, or a fraction already;
 * `explicit` and `implied` return what is hashed of such a value, and of a salt and a targeting key, null for one that is
 * not taken; `fraction` reads one; `picker` tells for weights which of them a hashed text falls to, null for none.
 * @typedef {{ takesExplicit: (value: unknown) => boolean, explicit: (run: Run, value: any) => Uint8Array | null,
 *   implied: (salt: any, key: any) => Uint8Array | null, fraction: (fraction: unknown) => Fraction,
 *   picker: (weights: readonly number[]) => Pick }} Generation
 */

/** The SDK refuses the fractions, and logs that: nobody gets any of them. */
class NoFraction extends Error {}

/**
 * Return the variant that the operator picks, null where it picks none.
 * @param {Generation} generation
 * @param {any} scope what `$flagd` and the targeting key are read from: within `map` and the like it is the element
 * @param {Run} run
 * @param {readonly any[]} args
 * @returns {any}
 */
export function fractional(generation, scope, run, args) {
  if (args.length === 0) return null;
  const isExplicit = generation.takesExplicit(args[0]);
  const data = isExplicit ? generation.explicit(run, args[0]) : generation.implied(...impliedBy(scope));
  if (data === null) return null;
  try {
    const fractions = args.slice(isExplicit ? 1 : 0).map(generation.fraction);
    const index = generation.picker(fractions.map(([, weight]) => weight))(data);
    return index === null ? null : fractions[index][0];
  } catch (error) {
    if (error instanceof NoFraction) return null;
    throw error;
  }
}

/** @param {any} scope @returns {[any, any]} */
function impliedBy(scope) {
  if (!isObject(scope) || !isTree(scope)) throw new TypeError("the element is no object, where the SDK reads $flagd");
  const flagd = scope.$flagd === undefined ? {} : scope.$flagd;
  if (!isObject(flagd) || !isTree(flagd)) throw new TypeError("$flagd is no object");
  return [flagd.flagKey === undefined ? "" : flagd.flagKey, scope.targetingKey ?? null];
}

/** @param {unknown} value */
const isText = (value) => typeof value === "string";

/** @param {Run} _ @param {string} value */
const hashedText = (_, value) => (value === "" ? null : strictUtf8(value));

/** @param {Run} run @param {unknown} value */
function hashedValue(run, value) {
  if (value === null) return null;
  run.weigh(value);
  return cborOrNull(withoutFloats(value));
}

/** CBOR has one form for 2 and 2.0. @param {any} value @returns {any} */
function withoutFloats(value) {
  if (Array.isArray(value)) return value.map(withoutFloats);
  if (isTree(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutFloats(each)]));
  return typeof value === "object" && value !== null ? plain(value) : value;
}

/** @param {unknown} value */
function cborOrNull(value) {
  try {
    return cbor(value);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return null; // half a surrogate pair, what is no JSON, a ring
    throw error;
  }
}

/** @param {any} salt @param {any} key */
function impliedText(salt, key) {
  if (key === null || key === "" || key === 0 || key === false) return null;
  if (!isText(salt) || !isText(key)) throw new TypeError("the SDK adds the salt and the key, which is no text");
  return strictUtf8(salt + key);
}

/** @param {any} salt @param {any} key */
const impliedValue = (salt, key) => (isText(key) && key !== "" ? cborOrNull([salt, key]) : null);

/** @param {unknown} fraction @returns {[unknown, unknown]} */
function parts(fraction) {
  if (!Array.isArray(fraction) || fraction.length < 1 || fraction.length > 2) throw new NoFraction();
  return [fraction[0], fraction.length === 2 ? fraction[1] : 1];
}

/** @param {unknown} fraction @returns {Fraction} */
function firstFraction(fraction) {
  const [variant, weight] = parts(fraction);
  if (!isText(variant) || !(Number.isSafeInteger(weight) || typeof weight === "boolean")) throw new NoFraction();
  return [variant, Number(weight)];
}

/** @param {unknown} fraction @returns {Fraction} */
function laterFraction(fraction) {
  const [variant, weight] = parts(fraction);
  if (!Number.isSafeInteger(weight)) throw new NoFraction();
  return [variant, Math.max(0, /** @type {number} */ (weight))];
}

/**
 * Compare percentages, which are added up as floats; weights below 0 take from those before.
 * @param {readonly number[]} weights
 * @returns {Pick}
 */
function firstPicker(weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0 && weights.length > 0) return byNothing;
  let sum = 0;
  const bounds = weights.map((weight) => (sum += (weight * 100) / total));
  return (data) => {
    const bucket = percentage(data);
    return placeOf(bounds, (bound) => bucket < bound);
  };
}

/** @type {Pick} */
function byNothing() {
  throw new RangeError("the weights of a fractional sum to 0, where flagd's SDK divides by them");
}

/** @param {readonly number[]} weights @returns {Pick} */
function laterPicker(weights) {
  let total = 0;
  const bounds = weights.map((weight) => (total += weight));
  if (!(total > 0 && total <= HEAVIEST)) return () => null;
  return (data) => {
    const place = share(data, total);
    return placeOf(bounds, (bound) => place < bound);
  };
}

/** @param {readonly number[]} bounds @param {(bound: number) => boolean} holds */
function placeOf(bounds, holds) {
  const found = bounds.findIndex(holds);
  return found < 0 ? null : found;
}

/** @type {Readonly<Record<string, Generation>>} */
export const GENERATIONS = Object.freeze({
  v1: { takesExplicit: isText, explicit: hashedText, implied: impliedText, fraction: firstFraction, picker: firstPicker },
  v2: { takesExplicit: isText, explicit: hashedText, implied: impliedText, fraction: laterFraction, picker: laterPicker },
  v3: {
    takesExplicit: (value) => !Array.isArray(value),
    explicit: hashedValue,
    implied: impliedValue,
    fraction: laterFraction,
    picker: laterPicker,
  },
});
