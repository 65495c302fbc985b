/**
 * What both of GrowthBook's SDKs agree on: strict equality, membership in a list, versions as padded text.
 * @module
 */

/** A test of a value that was found, null where there is none. @typedef {(value: any) => boolean} Holds */

const SEPARATOR = /[-.]/;
const WIDTH = 5;

/**
 * Return the test of `$in`: the value, or any element of an array, is one of *values*, of the same type.
 * @param {readonly unknown[]} values
 * @param {boolean} [ignoreCase]
 * @returns {Holds}
 */
export function isOneOf(values, ignoreCase = false) {
  /** @param {unknown} value */
  const read = (value) => (ignoreCase && typeof value === "string" ? value.toLowerCase() : value);
  const known = new Set(values.filter((value) => typeof value !== "object" || value === null).map(read));
  return (value) => (Array.isArray(value) ? value.some((each) => known.has(read(each))) : known.has(read(value)));
}

/**
 * Return the test of `$eq`: the same type and value; arrays and objects are never the same.
 * @param {unknown} expected
 * @returns {Holds}
 */
export function isSame(expected) {
  const listed = isOneOf([expected]);
  return (value) => !Array.isArray(value) && listed(value);
}

/**
 * Return *version* without a leading `v` and from the first `+` on of its last line.
 * @param {string} version
 * @param {string} endsOfLines
 * @returns {string}
 */
export function withoutBuild(version, endsOfLines) {
  const lastLine = Math.max(...Array.from(endsOfLines, (end) => version.lastIndexOf(end))) + 1;
  const build = version.indexOf("+", lastLine);
  return (build < 0 ? version : version.slice(0, build)).replace(/^v/, "");
}

/**
 * Return a version, without its `v` and build, as the text that compares as GrowthBook compares versions.
 *
 * Numbers are padded to five; three parts sort above those with a pre-release; two parts are not filled up to three.
 * @param {string} bare
 * @param {RegExp} number
 * @returns {string}
 */
export function padded(bare, number) {
  const parts = bare.split(SEPARATOR);
  if (parts.length === 3) parts.push("~");
  return parts.map((part) => (number.test(part) ? " ".repeat(Math.max(0, WIDTH - Array.from(part).length)) + part : part)).join("-");
}
