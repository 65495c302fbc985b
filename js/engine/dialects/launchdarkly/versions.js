/**
 * How each of LaunchDarkly's SDKs reads versions: what it takes, to the letter.
 * @module
 */

import { digitsRank } from "../values.js";

/** @typedef {import("../values.js").Rank} Rank */

const NUMBER = "(?:0|[1-9][0-9]*)";
const NAME = `(?:${NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const TAIL = `(?:-(${NAME}(?:\\.${NAME})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?`;
const FULL = new RegExp(`^(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})${TAIL}$`);
const SHORT = new RegExp(`^(${NUMBER})(?:\\.(${NUMBER})(?:\\.(${NUMBER}))?)?${TAIL}$`);
const LEADING = /^([0-9.]*)([^\n]*)/;
const COMPONENTS = /^[0-9]+(\.[0-9]+)?(\.[0-9]+)?/;
const DIGITS = /^[0-9]+$/;
const LONGEST = 256;

/**
 * Read a version as the Python SDK does: strictly, then with one and with two components of zero put in.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function pythonVersion(value) {
  if (typeof value !== "string") return null;
  for (let i = 0, text = value; i < 3; i++) {
    const match = FULL.exec(text);
    if (match !== null) return rank(match);
    const [, digits, rest] = /** @type {RegExpExecArray} */ (LEADING.exec(text));
    text = `${digits}.0${rest}`; // what comes after a newline is lost
  }
  return null;
}

/**
 * Read a version as the Node SDK does: blanks around it are dropped, missing components are zero.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function nodeVersion(value) {
  if (typeof value !== "string" || value.startsWith("v")) return null;
  const found = trimmedVersion(value);
  const components = COMPONENTS.exec(value);
  if (found !== null || components === null) return found;
  const missing = components.slice(1).filter((group) => group === undefined).length;
  return trimmedVersion(components[0] + ".0".repeat(missing) + value.slice(components[0].length));
}

/** @param {string} text @returns {Rank | null} */
function trimmedVersion(text) {
  if (text.length > LONGEST) return null;
  const match = FULL.exec(text.trim().replace(/^v/, ""));
  return match === null || match.slice(1, 4).some((digits) => !Number.isSafeInteger(Number(digits))) ? null : rank(match);
}

/**
 * Read a version as the Go SDK does: the second and third component may be missing.
 * @param {unknown} value
 * @returns {Rank | null}
 */
export function goVersion(value) {
  const match = typeof value === "string" ? SHORT.exec(value) : null;
  return match === null ? null : rank(match);
}

/** @param {RegExpExecArray} match @returns {Rank} */
function rank(match) {
  const core = [match[1], match[2], match[3]].map((digits) => digitsRank(digits ?? "0"));
  if (match[4] === undefined) return [core, 1];
  return [core, 0, match[4].split(".").map((name) => (DIGITS.test(name) ? [0, ...digitsRank(name)] : [1, 0, name]))];
}
