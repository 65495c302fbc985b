/**
 * GrowthBook's conditions as its Python SDK reads them: strictly, values of different types being different.
 * @module
 */

import { ordered, pointsOrder } from "./coercion.js";
import { Conditions, never } from "./conditions.js";
import { isSame, padded, withoutBuild } from "./membership.js";
import { pythonSearch } from "./patterns.js";

/** @typedef {import("./conditions.js").Prepare} Prepare */
/** @typedef {import("./membership.js").Holds} Holds */

/** What `str.isdigit` takes: decimals, and what else stands for a digit. */
const DIGITS = new RegExp(
  "^[\\p{Nd}\\u{b2}-\\u{b3}\\u{b9}\\u{1369}-\\u{1371}\\u{19da}\\u{2070}\\u{2074}-\\u{2079}\\u{2080}-\\u{2089}\\u{2460}-\\u{2468}" +
    "\\u{2474}-\\u{247c}\\u{2488}-\\u{2490}\\u{24ea}\\u{24f5}-\\u{24fd}\\u{24ff}\\u{2776}-\\u{277e}\\u{2780}-\\u{2788}\\u{278a}-\\u{2792}" +
    "\\u{10a40}-\\u{10a43}\\u{10e60}-\\u{10e68}\\u{11052}-\\u{1105a}\\u{1f100}-\\u{1f10a}]+$",
  "u",
);

/** Return the text that is hashed for an attribute's value, null where it identifies nobody. @param {unknown} value */
export function unit(value) {
  if (typeof value === "string") return value || null;
  return typeof value === "number" && value !== 0 && Number.isFinite(value) ? String(value) : null;
}

/** Return the text that versions compare by, of a string or a number. @param {string | number} value */
function versionText(value) {
  const found = String(value);
  // Python's `$` also stands before a newline that ends the text, which so stays.
  const [body, end] = found.endsWith("\n") ? [found.slice(0, -1), "\n"] : [found, ""];
  return padded(found === "" ? "0" : withoutBuild(body, "\n") + end, DIGITS);
}

/** @param {any} condition @param {boolean} ignoreCase @returns {Holds} */
function literal(condition, ignoreCase) {
  if (typeof condition === "string" && ignoreCase) {
    const lowered = condition.toLowerCase();
    return (value) => typeof value === "string" && value.toLowerCase() === lowered;
  }
  if (typeof condition !== "object" || condition === null) return isSame(condition);
  const written = JSON.stringify(condition);
  return (value) => typeof value === "object" && value !== null && JSON.stringify(value) === written;
}

/** Compare two numbers, or two strings; nothing else has an order. @param {(order: number) => boolean} isMet @returns {Prepare} */
function compared(isMet) {
  return (operand) => {
    if (typeof operand !== "string" && typeof operand !== "number") return never;
    return (value) => typeof value === typeof operand && isMet(ordered(value, operand));
  };
}

/**
 * Compare the texts of two versions by code points.
 * @param {(order: number) => boolean} isMet
 * @param {boolean} [otherwise] what holds of a value of another type
 * @returns {Prepare}
 */
function version(isMet, otherwise = false) {
  return (operand) => {
    if (typeof operand !== "string" && typeof operand !== "number") return () => otherwise;
    const expected = versionText(operand);
    return (value) => (typeof value === typeof operand ? isMet(pointsOrder(versionText(value), expected)) : otherwise);
  };
}

/** @param {{ ignoreCase?: boolean, negate?: boolean }} how @returns {Prepare} */
function pattern({ ignoreCase = false, negate = false }) {
  return (operand) => {
    if (typeof operand !== "string") return () => negate;
    const search = pythonSearch(operand, ignoreCase);
    return (value) => (typeof value === "string" && search(value)) !== negate;
  };
}

/** What is empty, or nothing, is false. @param {unknown} value */
function isTrue(value) {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

/** The conditions of the dialect `python`. */
export const CONDITIONS = new Conditions({
  literal,
  isTrue,
  operators: {
    $lt: compared((found) => found < 0),
    $lte: compared((found) => found <= 0),
    $gt: compared((found) => found > 0),
    $gte: compared((found) => found >= 0),
    $veq: version((found) => found === 0),
    $vne: version((found) => found !== 0, true),
    $vlt: version((found) => found < 0),
    $vlte: version((found) => found <= 0),
    $vgt: version((found) => found > 0),
    $vgte: version((found) => found >= 0),
    $regex: pattern({}),
    $regexi: pattern({ ignoreCase: true }),
    $notRegex: pattern({ negate: true }),
    $notRegexi: pattern({ ignoreCase: true, negate: true }),
  },
  literalEmpty: false,
  elementConditions: ["$or", "$nor", "$and", "$savedGroup"],
});
