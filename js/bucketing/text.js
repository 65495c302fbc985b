/**
 * Text as every language sees it: well-formed Unicode, whatever a program put into its strings.
 * @module
 */

/**
 * Return *text* with each lone surrogate as U+FFFD.
 * @param {string} text
 * @returns {string}
 */
export function wellFormed(text) {
  return text.toWellFormed();
}
