/**
 * flagd's `sem_ver`: Semantic Versioning to the letter, an optional v in front, and since its second generation parts that
 * are left out.
 * @module
 */

import { Float, pythonText } from "../python.js";
import { compareRanks, digitsRank, ORDERS } from "../values.js";

/** Major, minor, patch and what comes before the release: these compare as versions do. @typedef {import("../values.js").Rank} Rank */

const PART = "(0|[1-9][0-9]*)";
const NAME = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)";
const VERSION = new RegExp(`^${PART}\\.${PART}\\.${PART}(?:-(${NAME}(?:\\.${NAME})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`);
const DIGITS = /^[0-9]+$/;
/** Python reads no integer of more digits, and the SDK takes that for no version. */
const MOST_DIGITS = 4300;

/**
 * Return the rank of a version, null of what is none. *whole*: all three parts must be there. A number is a version too
 * where parts may be left out: 1.2 is 1.2.0.
 * @param {unknown} value
 * @param {boolean} whole
 * @returns {Rank | null}
 */
export function rankOf(value, whole) {
  if (typeof value !== "string" && typeof value !== "number" && !(value instanceof Float)) return null;
  const written = pythonText(value).replace(/^[vV]/, "");
  if (whole) return exactRank(written);
  const core = written.split("-")[0].split("+")[0];
  return exactRank(core + ".0".repeat(Math.max(0, 3 - core.split(".").length)) + written.slice(core.length));
}

/** @param {string} written @returns {Rank | null} */
function exactRank(written) {
  const match = VERSION.exec(written);
  if (match === null || match.slice(1, 4).some((digits) => digits.length > MOST_DIGITS)) return null;
  const core = match.slice(1, 4).map(digitsRank);
  if (match[4] === undefined) return [...core, [1]];
  return [...core, [0, match[4].split(".").map((name) => (DIGITS.test(name) ? [0, ...digitsRank(name)] : [1, 0, name]))]];
}

/** @param {(order: number) => boolean} holds @param {number} [parts] so many count */
const comparing =
  (holds, parts = 4) =>
  (/** @type {Rank} */ one, /** @type {Rank} */ other) =>
    holds(compareRanks(one.slice(0, parts), other.slice(0, parts)));

/**
 * The operators of `sem_ver`; `^`: the same major, `~`: the same major and minor.
 * @type {ReadonlyMap<unknown, (one: Rank, other: Rank) => boolean>}
 */
export const COMPARISONS = new Map([
  ["=", comparing(ORDERS.EQ)],
  ["!=", comparing((order) => order !== 0)],
  ["<", comparing(ORDERS.LT)],
  ["<=", comparing(ORDERS.LTE)],
  [">", comparing(ORDERS.GT)],
  [">=", comparing(ORDERS.GTE)],
  ["^", comparing(ORDERS.EQ, 1)],
  ["~", comparing(ORDERS.EQ, 2)],
]);

/**
 * Compare versions: [value, operator, version]. Null (not false) where any of them is none.
 * @param {readonly unknown[]} args
 * @param {boolean} whole
 * @returns {boolean | null}
 */
export function semVer(args, whole) {
  if (args.length !== 3) return null;
  const [left, right] = [rankOf(args[0], whole), rankOf(args[2], whole)];
  const compare = COMPARISONS.get(args[1]);
  return left === null || right === null || compare === undefined ? null : compare(left, right);
}
