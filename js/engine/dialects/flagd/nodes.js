/**
 * Parts of an expression, compiled: what all of `logic` is put together from.
 * @module
 */

import { truth } from "./values.js";

/** @typedef {import("./values.js").Run} Run */
/** Takes the scope and the evaluation; returns what the expression gives. @typedef {(scope: any, run: Run) => any} Logic */
/**
 * An expression: how to evaluate it, and the steps that one evaluation of it takes. `constant` holds the value of one that
 * always gives the same; `items` those of an array of constants, which is a new one each time.
 * @typedef {{ call: Logic, size: number, constant?: { value: any }, items?: readonly any[] }} Node
 */

/** So many characters of a literal may be read in a step: for each element of an array it is read anew. */
const READ_A_STEP = 64;

/** Return the expression that always gives *value*, the very same one. @param {any} value @returns {Node} */
export function constant(value) {
  const length = typeof value === "string" ? Array.from(value).length : 0;
  return { call: () => value, size: 1 + Math.floor(length / READ_A_STEP), constant: { value } };
}

/** @param {readonly Node[]} parts */
export function sizeOf(parts) {
  return 1 + parts.reduce((sum, part) => sum + part.size, 0);
}

/** Return the expression that gives an array of what *parts* give. @param {readonly Node[]} parts @returns {Node} */
export function array(parts) {
  const size = sizeOf(parts);
  const items = parts.flatMap((part) => (part.constant === undefined ? [] : [part.constant.value]));
  if (items.length === parts.length) return { call: () => [...items], size, items };
  const calls = parts.map((part) => part.call);
  return { call: (scope, run) => calls.map((call) => call(scope, run)), size };
}

/**
 * Return `if`: conditions and results in turn, then what is given where none holds (null).
 * @param {readonly Node[]} parts
 * @returns {Node}
 */
export function choice(parts) {
  const last = parts.length % 2 === 1 ? parts[parts.length - 1].call : () => null;
  const call = (/** @type {any} */ scope, /** @type {Run} */ run) => {
    for (let at = 0; at + 1 < parts.length; at += 2) if (truth(parts[at].call(scope, run))) return parts[at + 1].call(scope, run);
    return last(scope, run);
  };
  return { call, size: sizeOf(parts) };
}

/**
 * Return `and` (*endsWith* false): the first part that counts as false, or the last; or `or`.
 * @param {readonly Node[]} parts
 * @param {boolean} endsWith
 * @returns {Node}
 */
export function first(parts, endsWith) {
  const call = (/** @type {any} */ scope, /** @type {Run} */ run) => {
    let found = null;
    for (const part of parts) {
      found = part.call(scope, run);
      if (truth(found) === endsWith) return found;
    }
    return found;
  };
  return { call, size: sizeOf(parts) };
}

/**
 * Makes an operator over an array, of each element of which *inner* is the scope.
 * @typedef {(items: Node, inner: Node) => Node} OverArray
 */

/**
 * @param {(found: any[] | null, each: Logic, run: Run) => any} made what the elements give, null for what is no array
 * @returns {OverArray}
 */
function overArray(made) {
  return (items, inner) => ({
    size: 1 + items.size,
    call: (scope, run) => {
      const found = items.call(scope, run);
      if (!Array.isArray(found)) return made(null, inner.call, run);
      run.charge(found.length * inner.size);
      return made(found, inner.call, run);
    },
  });
}

/** Return `map`: what *inner* gives for each element; nothing of what is no array. */
export const mapped = overArray((found, each, run) => (found ?? []).map((element) => each(element, run)));

/** Return `filter`: the elements for which *inner* counts as true. */
export const filtered = overArray((found, each, run) => (found ?? []).filter((element) => truth(each(element, run))));

/** Return `some`: whether *inner* counts as true for any element. */
export const anyOf = overArray((found, each, run) => (found ?? []).some((element) => truth(each(element, run))));

/** Return `none`. */
export const noneOf = overArray((found, each, run) => !(found ?? []).some((element) => truth(each(element, run))));

/** Return `all`: whether *inner* counts as true for all elements, of which there must be one. */
export const allOf = overArray(
  (found, each, run) => found !== null && found.length > 0 && found.every((element) => truth(each(element, run))),
);

/**
 * Return `reduce`: what *inner* gives for the last element, each seeing what it gave before. *start* is as is.
 * @param {any} start
 * @returns {OverArray}
 */
export function reducing(start) {
  return overArray((found, each, run) => {
    if (found === null) return start;
    /** @type {Record<string, any>} */
    const inside = { accumulator: start };
    for (const element of found) {
      inside.current = element;
      inside.accumulator = each(inside, run);
    }
    return inside.accumulator;
  });
}
