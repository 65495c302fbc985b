/**
 * Versions: dotted numbers, and pre-releases as SemVer has them. spec/evaluation.md has the words.
 * @module
 */

/**
 * A version: its dotted numbers without leading zeros, none of them trailing zeros; and its pre-release, if it has one.
 * @typedef {{ numbers: string[], names: string[] | null }} Version
 */

const NAMES = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const VERSION = new RegExp(`^v?([0-9]+(?:\\.[0-9]+)*)(?:-(${NAMES}))?(?:\\+${NAMES})?$`);
const DECIMAL = /^[0-9]+$/;

/** The versions that were read last: there are few, and reading one takes longer than all else. @type {Map<string, Version | undefined>} */
const known = new Map();
const KNOWN = 1000;
const LONGEST = 64;

/**
 * Read a version: dotted integers of any length, SemVer's pre-releases, build metadata left out.
 * @param {unknown} value
 * @returns {Version | undefined}
 */
export function version(value) {
  if (typeof value !== "string") return undefined;
  let found = known.get(value);
  if (found === undefined && !known.has(value)) {
    found = readVersion(value);
    if (known.size >= KNOWN) known.clear();
    if (value.length <= LONGEST) known.set(value, found);
  }
  return found;
}

/** @param {string} value @returns {Version | undefined} */
function readVersion(value) {
  const match = VERSION.exec(value);
  if (match === null) return undefined;
  const numbers = match[1].split(".").map(withoutZeros);
  while (numbers.length > 0 && numbers[numbers.length - 1] === "") numbers.pop();
  return { numbers, names: match[2] === undefined ? null : match[2].split(".") };
}

/**
 * Compare two versions: below zero where the first comes first. No part is read as a number, at any length.
 * @param {Version} one
 * @param {Version} other
 * @returns {number}
 */
export function compareVersions(one, other) {
  const longest = Math.max(one.numbers.length, other.numbers.length);
  for (let i = 0; i < longest; i++) {
    const order = compareDigits(one.numbers[i] ?? "", other.numbers[i] ?? "");
    if (order !== 0) return order;
  }
  if (one.names === null || other.names === null) return Number(one.names === null) - Number(other.names === null);
  for (let i = 0; i < Math.min(one.names.length, other.names.length); i++) {
    const order = compareNames(one.names[i], other.names[i]);
    if (order !== 0) return order;
  }
  return one.names.length - other.names.length;
}

/** @param {string} digits */
function withoutZeros(digits) {
  let start = 0;
  while (digits.charCodeAt(start) === 48) start++;
  return digits.slice(start);
}

/** @param {string} one @param {string} other */
function compareDigits(one, other) {
  return one.length - other.length || compareText(one, other);
}

/** @param {string} one @param {string} other */
function compareNames(one, other) {
  const [isNumber, isOther] = [DECIMAL.test(one), DECIMAL.test(other)];
  if (isNumber && isOther) return compareDigits(withoutZeros(one), withoutZeros(other));
  return isNumber === isOther ? compareText(one, other) : isNumber ? -1 : 1;
}

/** @param {string} one @param {string} other */
function compareText(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
