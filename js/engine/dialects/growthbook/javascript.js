/**
 * GrowthBook's conditions as its JavaScript SDK reads them: loosely, as `==`, `<` and `String` of the language do.
 * @module
 */

import { number, order, ordered, text } from "./coercion.js";
import { Conditions, never } from "./conditions.js";
import { padded, withoutBuild } from "./membership.js";
import { javascriptSearch } from "./patterns.js";

/** @typedef {import("./conditions.js").Prepare} Prepare */
/** @typedef {import("./membership.js").Holds} Holds */

const DIGITS = /^[0-9]+$/;

/** Return the text that is hashed for an attribute's value, null where it identifies nobody. @param {unknown} value */
export function unit(value) {
  return value ? text(value) : null;
}

/**
 * Return the text by which a unit's sticky bucket is stored, null for what identifies nobody.
 * @param {unknown} value
 * @returns {string | null}
 */
export function storedName(value) {
  if (!value) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Return the text that versions compare by. What is no version is version 0. @param {unknown} value */
function versionText(value) {
  const written = typeof value === "number" ? String(value) : value;
  return padded(withoutBuild(typeof written === "string" && written !== "" ? written : "0", "\n\r\u2028\u2029"), DIGITS);
}

/** @param {any} condition @param {boolean} ignoreCase @returns {Holds} */
function literal(condition, ignoreCase) {
  if (typeof condition === "string") {
    const lowered = condition.toLowerCase();
    return ignoreCase ? (value) => text(value).toLowerCase() === lowered : (value) => text(value) === condition;
  }
  if (typeof condition === "boolean") return (value) => value !== null && Boolean(value) === condition;
  if (typeof condition === "number") return (value) => number(value) === condition;
  if (condition === null) return (value) => value === null;
  const written = JSON.stringify(condition);
  return (value) => typeof value === "object" && value !== null && JSON.stringify(value) === written;
}

/** @param {(order: number) => boolean} isMet @returns {Prepare} */
function compared(isMet) {
  return (operand) => (value) => isMet(order(value, operand));
}

/** @param {(order: number) => boolean} isMet @returns {Prepare} */
function version(isMet) {
  return (operand) => {
    const expected = versionText(operand);
    return (value) => isMet(ordered(versionText(value), expected));
  };
}

/** @param {boolean} ignoreCase @returns {Prepare} */
function pattern(ignoreCase) {
  return (operand) => {
    if (typeof operand !== "string") return never;
    const search = javascriptSearch(operand, ignoreCase);
    return (value) => {
      try {
        return search(text(value));
      } catch (error) {
        if (error instanceof TypeError) return false; // an object whose own toString is none
        throw error;
      }
    };
  };
}

/** The conditions of the dialect `javascript`. */
export const CONDITIONS = new Conditions({
  literal,
  isTrue: Boolean,
  operators: {
    $lt: compared((found) => found < 0),
    $lte: compared((found) => found <= 0),
    $gt: compared((found) => found > 0),
    $gte: compared((found) => found >= 0),
    $veq: version((found) => found === 0),
    $vne: version((found) => found !== 0),
    $vlt: version((found) => found < 0),
    $vlte: version((found) => found <= 0),
    $vgt: version((found) => found > 0),
    $vgte: version((found) => found >= 0),
    $regex: pattern(false),
    $regexi: pattern(true),
    // Only Python's SDK has these two; here they hold for nobody.
    $notRegex: () => never,
    $notRegexi: () => never,
  },
  literalEmpty: true,
  elementConditions: [],
});
