/**
 * Text as every language sees it: well-formed Unicode, whatever a program put into its strings.
 * @module
 */

const SURROGATE = /[\ud800-\udfff]/;

/** @type {(text: string) => string} */
const mended =
  typeof String.prototype.toWellFormed === "function"
    ? (text) => text.toWellFormed()
    : (text) => text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (found) => (found.length === 2 ? found : "\ufffd"));

/**
 * Return *text* with each lone surrogate as U+FFFD.
 * @param {string} text
 * @returns {string}
 */
export function wellFormed(text) {
  return SURROGATE.test(text) ? mended(text) : text;
}
