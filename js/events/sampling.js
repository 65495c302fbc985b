/**
 * Samples of distinct contexts: bounded, uniform, and the same whatever order they came in. Pure.
 *
 * Each has a priority, a hash of it, and those with the lowest are kept (a bottom-k sketch: E. Cohen and H. Kaplan, "Summarizing Data
 * Using Bottom-k Sketches", PODC 2007). Clients of all languages draw alike, so that a user whom several see is not likelier to be sent.
 * @module
 */

import { sha256Words } from "../bucketing/index.js";

/** @typedef {{ time: number, context: Record<string, unknown> }} SampledContext `time`: milliseconds since 1970 */

/** Priorities are below two to this power. */
export const BITS = 63;
/** A sampled context is no larger as JSON. */
export const CONTEXT_BYTES = 4096;
/** No rule looks that deep, and not every server reads what is nested without end. */
const DEEPEST = 64;
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const ENCODER = new TextEncoder();

/**
 * Return the priority of *text* within an hour, by its number: 63 bits. Each hour draws anew.
 * @param {number} hour
 * @param {string} text well formed
 * @returns {bigint}
 */
export function priority(hour, text) {
  const [high, low] = sha256Words(`${hour}.${text}`);
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) >> 1n;
}

/**
 * Return a context as JSON, its names in order, so that equal ones have equal texts; null where it is too large. Throws a `TypeError`
 * over what is no JSON.
 * @param {Record<string, unknown>} context
 * @returns {string | null}
 */
export function contextText(context) {
  const text = written(context, 0);
  return text.length <= CONTEXT_BYTES && ENCODER.encode(text).length <= CONTEXT_BYTES ? text : null;
}

/** @param {unknown} value @param {number} depth @returns {string} */
function written(value, depth) {
  if (depth > DEEPEST) throw new TypeError("nested too deeply");
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return writtenText(value);
  if (typeof value === "number" || typeof value === "boolean") return JSON.stringify(value);
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} is no JSON`);
  if (Array.isArray(value)) return `[${value.map((each) => written(each, depth + 1)).join(",")}]`;
  // By its own members alone: what a `toJSON` returns was not looked through for what is private.
  const members = Object.entries(value).filter(([, inner]) => inner !== undefined);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, inner]) => `${writtenText(name)}:${written(inner, depth + 1)}`).join(",")}}`;
}

/** @param {string} text */
function writtenText(text) {
  if (LONE_SURROGATE.test(text)) throw new TypeError("a lone surrogate is no text");
  return JSON.stringify(text);
}

/** The lowest of the priorities that were offered, at most *most* of them: whose things are the sample. */
export class Lowest {
  #most;
  /** Ascending. @type {bigint[]} */
  #kept = [];

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /** Take *priority* if it belongs to the lowest. Return whether it is new among them; another may go for it. @param {bigint} priority */
  offer(priority) {
    const place = this.#place(priority);
    if (place >= this.#most || this.#kept[place] === priority) return false;
    this.#kept.splice(place, 0, priority);
    if (this.#kept.length > this.#most) this.#kept.pop();
    return true;
  }

  /** Whether *priority* is among them. @param {bigint} priority */
  holds(priority) {
    return this.#kept[this.#place(priority)] === priority;
  }

  /** Return where the first one stands that is not below *priority*. @param {bigint} priority */
  #place(priority) {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#kept[middle] < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
