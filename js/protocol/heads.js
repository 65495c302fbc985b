/**
 * Signed heads: what an environment was at a position, said by the control plane and signed. Here are the bytes that are signed, and
 * which heads belong to a state; no cryptography. See spec/sync.md.
 * @module
 */

import { isObject } from "./items.js";

/** @typedef {import("./position.js").Position} Position */
/** @typedef {Readonly<{ from: string, to: string, time: number, signature: string }>} Rotation times are milliseconds since 1970 */
/**
 * One projection of an environment at one position, by the root over its items, signed by `key`. `time` is when it was known to
 * be current; `rotations` lead to `key` from those before it, the oldest first.
 * @typedef {Readonly<{ environment: string, projection: string, epoch: number, revision: number, time: number, root: string,
 *   key: string, signature: string, rotations?: readonly Rotation[] }>} Head
 */

/** A longer chain is not followed: nobody rotates so often, and each step costs a verification. */
export const MOST_ROTATIONS = 16;

const PROJECTIONS = ["client", "edge", "server"];
const STRINGS = ["environment", "projection", "root", "key", "signature"];
const INTEGERS = ["epoch", "revision", "time"];
const ENCODER = new TextEncoder();

/**
 * Return the heads that a document has; null where it has something else.
 * @param {unknown} raw
 * @returns {readonly Head[] | null}
 */
export function headsOf(raw) {
  if (!Array.isArray(raw)) return null;
  const heads = raw.map((/** @type {any} */ each) => {
    const head = members(each, STRINGS, INTEGERS);
    if (head === null || each.rotations === undefined) return head;
    const rotations = Array.isArray(each.rotations)
      ? each.rotations.map((/** @type {unknown} */ one) => members(one, ["from", "to", "signature"], ["time"]))
      : [null];
    return rotations.includes(null) ? null : { ...head, rotations };
  });
  return heads.includes(null) ? null : /** @type {Head[]} */ (heads);
}

/**
 * Return these members of *raw* and no others: what else a sender adds is not signed.
 * @param {unknown} raw
 * @param {string[]} strings
 * @param {string[]} integers
 */
function members(raw, strings, integers) {
  if (!isObject(raw)) return null;
  const isRight = strings.every((name) => typeof raw[name] === "string") && integers.every((name) => Number.isInteger(raw[name]));
  return isRight ? Object.fromEntries([...strings, ...integers].map((name) => [name, raw[name]])) : null;
}

/**
 * Return the heads that the header of an answer has; none where it makes no sense.
 * @param {string} text
 * @returns {readonly Head[]}
 */
export function headsOfHeader(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    return headsOf(JSON.parse(new TextDecoder().decode(bytes))) ?? [];
  } catch {
    return [];
  }
}

/**
 * Return those of *heads* that are of exactly this state, one a projection, in the order of their names.
 * @param {readonly Head[]} heads
 * @param {string} environment
 * @param {Position} position
 * @returns {readonly Head[]}
 */
export function fitting(heads, environment, { epoch, revision }) {
  const isOf = (/** @type {Head} */ head) =>
    PROJECTIONS.includes(head.projection) && head.environment === environment && head.epoch === epoch && head.revision === revision;
  return heads.length === 0 ? heads : merged([], heads.filter(isOf));
}

/**
 * Return one head a projection: what came *later* takes the place of what was *known*.
 * @param {readonly Head[]} known
 * @param {readonly Head[]} later
 * @returns {readonly Head[]}
 */
export function merged(known, later) {
  const found = new Map([...known, ...later].map((head) => [head.projection, head]));
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, head]) => head);
}

/**
 * Tell whether two lists say the same.
 * @param {readonly Head[]} one
 * @param {readonly Head[]} other
 * @returns {boolean}
 */
export function areSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Return the bytes of *head* that are signed; null where it says what no head may say.
 * @param {Head} head
 * @returns {Uint8Array | null}
 */
export function statement(head) {
  const numbers = [head.epoch, head.revision, head.time];
  if (!numbers.every(isCount) || !/^[0-9a-f]{64}$/.test(head.root)) return null;
  return lines(["pennon:head:1", head.environment, head.projection, ...numbers.map(String), head.root]);
}

/**
 * Return the bytes of *rotation* that are signed, by its `from`; null where it says what no rotation may say.
 * @param {Rotation} rotation
 * @returns {Uint8Array | null}
 */
export function rotationStatement({ from, to, time }) {
  return isCount(time) ? lines(["pennon:rotation:1", from, to, String(time)]) : null;
}

/** @param {number} number */
function isCount(number) {
  return Number.isSafeInteger(number) && number >= 0;
}

/** @param {string[]} fields @returns {Uint8Array | null} */
function lines(fields) {
  // What no field can hold parts them, so that two different statements are never the same bytes.
  const isRight = fields.every((field) => !/[\0-\x1f\x7f]|[\ud800-\udfff]/u.test(field));
  return isRight ? ENCODER.encode(fields.join("\n")) : null;
}
