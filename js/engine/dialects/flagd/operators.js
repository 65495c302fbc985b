/**
 * JSONLogic's operators as flagd's Python SDK has them, each a function of the evaluation and of its arguments.
 *
 * What looks at arguments before they are evaluated (`if`, `and`, `map`, …) is in `logic`; `fractional` is in `fractions`.
 * @module
 */

import { isObject, member, ORDERS, TEXTS } from "../values.js";
import { among, asNumber, computed, equal, identical, isFloat, isNumber, isTree, number, ordered, text, truth } from "./values.js";

/** @typedef {import("./values.js").Run} Run */
/**
 * Takes the evaluation and the arguments; ones too many are ignored, missing ones are null.
 * @typedef {(run: Run, ...args: any[]) => any} Operation
 */

/** @param {(run: Run, one: unknown, other: unknown) => boolean} compare @returns {Operation} */
function between(compare) {
  return (run, one = null, other = null, last = null) => compare(run, one, other) && (last === null || compare(run, other, last));
}

/** @param {number} one @param {number} other */
function quotient(one, other) {
  if (other === 0) throw new RangeError("division by zero");
  return one / other;
}

/** Return what is left of a division, with the divisor's sign. @param {number} one @param {number} other */
function remainder(one, other) {
  if (other === 0) throw new RangeError("division by zero");
  const rest = one % other;
  return rest !== 0 && rest < 0 !== other < 0 ? rest + other : rest;
}

/** @type {Operation} */
function difference(_, one = null, other = null) {
  if (other !== null) return computed(number(one) - number(other), [one, other]);
  return isFloat(one) ? computed(-number(one), [one]) : 0 - number(one);
}

/**
 * The first is kept unless a later one *isBetter*: so NaN goes as in Python.
 * @param {(one: number, best: number) => boolean} isBetter
 * @returns {Operation}
 */
function outermost(isBetter) {
  return (_, ...args) => {
    if (args.length === 0) return NaN;
    const found = args.reduce((best, one) => (isBetter(number(one), number(best)) ? one : best));
    return asNumber(found);
  };
}

/** Tell whether *needle* is in an array, or its text within a text; in nothing else. @type {Operation} */
export function within(run, needle = null, haystack = null) {
  if (Array.isArray(haystack)) return among(run, needle, haystack);
  return typeof haystack === "string" && TEXTS.includes(run.spent(haystack), text(run, needle));
}

/** @type {Operation} */
function part(run, whole = null, start = null, length = null) {
  const written = Array.from(run.spent(text(run, whole)));
  const first = startOf(number(start), written.length);
  if (length === null) return written.slice(first).join("");
  const count = integer(number(length));
  if (Number.isNaN(count)) return "";
  const end = count >= 0 ? first + count : Math.max(written.length + count, first);
  return written.slice(first, end).join("");
}

/** @param {number} index @param {number} length */
function startOf(index, length) {
  if (Number.isNaN(index)) return 0;
  if (index < 0) return -index >= length ? 0 : length - integer(-index);
  return Math.min(integer(index), length);
}

/** Return a number without its fraction, as Python's `int`, which takes no infinity. @param {number} value */
function integer(value) {
  if (value === Infinity || value === -Infinity) throw new RangeError("no integer is infinite");
  return Math.trunc(value);
}

/** @type {Operation} */
function merged(run, ...args) {
  return args.flatMap((arg) => {
    if (Array.isArray(arg)) run.charge(arg.length);
    return arg;
  });
}

/**
 * Return `starts_with` and `ends_with`, which answer *mistyped* for arguments that are no text.
 * @param {false | null} mistyped
 * @returns {Record<string, Operation>}
 */
export function affixes(mistyped) {
  /** @param {(text: string, part: string) => boolean} test @returns {Operation} */
  const affix =
    (test) =>
    (_, ...args) => {
      if (args.length !== 2) return null;
      const [whole, end] = args;
      return typeof whole === "string" && typeof end === "string" ? test(whole, end) : mistyped;
    };
  return { starts_with: affix(TEXTS.startsWith), ends_with: affix(TEXTS.endsWith) };
}

/** What needs no more than its arguments, and is the same in all generations. @type {Readonly<Record<string, Operation>>} */
export const OPERATIONS = Object.freeze({
  "==": (run, one = null, other = null) => equal(run, one, other),
  "!=": (run, one = null, other = null) => !equal(run, one, other),
  "===": (run, one = null, other = null) => identical(run, one, other),
  "!==": (run, one = null, other = null) => !identical(run, one, other),
  "<": between(ordered(ORDERS.LT)),
  "<=": between(ordered(ORDERS.LTE)),
  ">": between(ordered(ORDERS.GT)),
  ">=": between(ordered(ORDERS.GTE)),
  "!": (_, value = null) => !truth(value),
  "!!": (_, value = null) => truth(value),
  "+": (_, ...args) =>
    computed(
      args.reduce((total, arg) => total + number(arg), 0),
      args,
    ),
  "*": (_, ...args) =>
    computed(
      args.reduce((total, arg) => total * number(arg), 1),
      args,
    ),
  "-": difference,
  "/": (_, one = null, other = null) => computed(quotient(number(one), number(other)), [NaN]), // a float, always
  "%": (_, one = null, other = null) => computed(remainder(number(one), number(other)), [one, other]),
  min: outermost((one, best) => one < best),
  max: outermost((one, best) => one > best),
  in: within,
  cat: (run, ...args) => run.spent(args.map((arg) => text(run, arg)).join("")),
  substr: part,
  merge: merged,
  log: (_, value = null) => value, // an SDK prints it, too
});

/**
 * Return what `var` finds in *scope*, the context or an element of an array: by a path with dots, an index, or the whole
 * for none.
 * @param {any} scope
 * @param {Run} run
 * @param {any} [key]
 * @param {any} [otherwise]
 * @returns {any}
 */
export function found(scope, run, key = null, otherwise = null) {
  if (key === null || key === "") return scope;
  if (!isNumber(key)) return walked(scope, text(run, key).split("."), otherwise);
  // An object's keys are texts: none is a number.
  const items = typeof scope === "string" ? Array.from(scope) : scope;
  if (!Array.isArray(items)) return otherwise;
  const index = Number.isNaN(Number(key)) ? -1 : integer(Number(key));
  return index === Number(key) && index >= 0 && index < items.length ? items[index] : otherwise;
}

const INDEX = /^(?:0|[1-9][0-9]*)$/;

/**
 * Return what lies at the end of *steps*; `length` is that of an array or a text. Null counts as nothing.
 * @param {any} scope
 * @param {readonly string[]} steps
 * @param {any} [otherwise]
 * @returns {any}
 */
export function walked(scope, steps, otherwise = null) {
  let current = scope;
  for (const step of steps) {
    const items = typeof current === "string" ? Array.from(current) : current;
    if (isTree(items) && isObject(items)) {
      current = member(items, step);
    } else if (Array.isArray(items)) {
      if (step === "length") return items.length;
      if (!INDEX.test(step) || Number(step) >= items.length) return otherwise;
      current = items[Number(step)];
    } else {
      return otherwise;
    }
  }
  return current ?? otherwise;
}

/** What reads the scope. @typedef {(scope: any, run: Run, ...args: any[]) => any} ScopedOperation */

/** Return the paths, given one by one or as one array, at which there is nothing or an empty text. @type {ScopedOperation} */
export function missing(scope, run, ...args) {
  const keys = Array.isArray(args[0]) ? args[0] : args;
  run.charge(keys.length);
  return keys.filter((key) => {
    const value = found(scope, run, key);
    return value === null || value === "";
  });
}

/** Return what of *keys* is missing, or nothing where enough are there. @type {ScopedOperation} */
export function missingSome(scope, run, needed = 0, keys = null) {
  if (!Array.isArray(keys)) return [];
  const gone = missing(scope, run, keys);
  return keys.length - gone.length >= number(needed) ? [] : gone;
}
