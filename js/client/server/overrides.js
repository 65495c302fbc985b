/**
 * Values that go before every rule, for development and tests: from the environment, and while a test runs.
 *
 * An overridden flag answers `RULE_MATCH` with the rule id `override` and no flag version: a rule of this process that comes before all
 * others and holds for everybody.
 * @module
 */

/** @typedef {import("../../engine/answers.js").Evaluation} Evaluation */

/** What answers for a rule. */
export const RULE_ID = "override";
const WORDS = new Map([
  ["on", true],
  ["true", true],
  ["off", false],
  ["false", false],
]);

/**
 * Return the values of `PENNON_OVERRIDES`, such as `new-checkout=on,theme="dark",limits={"max":3}`.
 *
 * A value is JSON, or a bare word up to the next comma: `on` and `true`, `off` and `false`, otherwise a string. Throws `TypeError`.
 * @param {string} text
 * @returns {[string, unknown][]}
 */
export function parseOverrides(text) {
  /** @type {[string, unknown][]} */
  const found = [];
  let rest = text;
  while (/[^ ,]/.test(rest)) {
    const pair = /^[ ,\t\n]*([^=,]+?)[ \t\n]*=[ \t\n]*/.exec(rest);
    if (pair === null)
      throw new TypeError(`PENNON_OVERRIDES: expected flag=value, found ${JSON.stringify(rest.replace(/^[ ,]+|[ ,]+$/g, ""))}`);
    rest = rest.slice(pair[0].length);
    const end = ends(rest).find((at) => parsed(rest.slice(0, at)) !== undefined) ?? ends(rest)[0];
    const word = rest.slice(0, end).trim();
    const value = parsed(word);
    found.push([pair[1], value === undefined ? (WORDS.get(word.toLowerCase()) ?? word) : value]);
    rest = rest.slice(end);
  }
  return found;
}

/** Return where a value may end: at a comma, or with the text. @param {string} text */
function ends(text) {
  return [...[...text.matchAll(/,/g)].map((found) => found.index), text.length];
}

/** Return what a JSON text says, undefined where it is none. @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Return what an overridden flag answers.
 * @param {any} value
 * @returns {Evaluation}
 */
export function overriding(value) {
  return Object.freeze({
    value,
    variation: null,
    reason: "RULE_MATCH",
    ruleId: RULE_ID,
    flagVersion: null,
    errorCode: null,
    errorMessage: null,
  });
}
