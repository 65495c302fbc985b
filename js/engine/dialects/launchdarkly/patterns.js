/**
 * Patterns of each SDK's language, searched for in linear time: those within the subset of spec/regex.md. A pattern means
 * here what it means to that language.
 * @module
 */

import { wellFormed } from "../../../bucketing/index.js";
import { Refused } from "../../refused.js";
import { PatternRefused } from "../../pattern.js";
import { searchFor } from "../../regex.js";

/** @typedef {(text: string) => boolean} Finder */
/** A part of a pattern: an escape, the start of a class, or a character. @typedef {{ part: string, inClass: boolean }} Part */

const PARTS = /\\x\{[0-9A-Fa-f]+\}|\\x[0-9A-Fa-f]{2}|\\.|\[\^?|./gsu;
const PYTHON_SPACE = "\\t\\n\\v\\f\\r\\x1c-\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
const PYTHON_NO_SPACE =
  "\\x00-\\x08\\x0e-\\x1b\\x21-\\x{84}\\x{86}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}" +
  "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{d7ff}\\x{e000}-\\x{10ffff}";
const NODE_ANY = "[^\\n\\r\\x{2028}\\x{2029}]";
const NODE_SPACE = "\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}";
const NODE_NO_SPACE =
  "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}" +
  "\\x{2060}-\\x{2fff}\\x{3001}-\\x{d7ff}\\x{e000}-\\x{fefe}\\x{ff00}-\\x{10ffff}";
const HALVES = /[\ud800-\udfff]/g;
const FIRST_HALF = 0xd800;
const AWAY = 0x100000;
const AWAY_HALVES = "\\x{100000}-\\x{1007ff}";

/**
 * Return the search for any of *patterns* as Python's `re.search` finds them. Throws `Refused`.
 * @param {string[]} patterns
 * @returns {Finder}
 */
export function pythonFinder(patterns) {
  const anywhere = search(patterns.map(pythonText));
  const ended = patterns.filter((pattern) => partsOf(pattern).some(({ part, inClass }) => part === "$" && !inClass));
  const beforeNewline = search(ended.map(pythonText));
  // Python's $ also lies before a newline that is the last character.
  return (text) => anywhere(text) || (text.endsWith("\n") && beforeNewline(text.slice(0, -1)));
}

/** @param {string} pattern */
function pythonText(pattern) {
  if (hasLongEscape(pattern)) throw new Refused(`Python's re takes no \\x{…}, as in '${pattern}'`);
  return partsOf(pattern)
    .map((part) => respaced(part, PYTHON_SPACE, PYTHON_NO_SPACE))
    .join("");
}

/**
 * Return the search for any of *patterns* as JavaScript's `RegExp` finds them, without its flag `u`: half of a pair is a
 * character. Throws `Refused`.
 * @param {string[]} patterns
 * @returns {Finder}
 */
export function nodeFinder(patterns) {
  // A flag at the start is no syntax of JavaScript: the SDK takes such a pattern for one that is never found.
  const find = search(patterns.filter((pattern) => !pattern.startsWith("(?i)")).map(nodeText));
  return (text) => find(unitsOf(text));
}

/** Return *text* with each half of a pair as a character of its own, far from all that UTF-16 units can be. @param {string} text */
function unitsOf(text) {
  return text.replace(HALVES, (half) => String.fromCodePoint(half.charCodeAt(0) - FIRST_HALF + AWAY));
}

/** @param {string} pattern */
function nodeText(pattern) {
  if (hasLongEscape(pattern)) throw new Refused(`JavaScript reads \\x{…} as a repetition, as in '${pattern}'`);
  const parts = partsOf(unitsOf(pattern));
  const written = parts.map((each, index) => {
    if (each.part === "." && !each.inClass) return NODE_ANY;
    const isRange = each.inClass && index >= 2 && parts[index - 1].part === "-" && parts[index - 1].inClass;
    return respaced(each, NODE_SPACE, NODE_NO_SPACE) + (isRange && spansHalves(parts[index - 2].part, each.part) ? AWAY_HALVES : "");
  });
  return written.join("");
}

/** @param {string} low @param {string} high */
function spansHalves(low, high) {
  const [first, last] = [Array.from(low), Array.from(high)];
  if (first.length !== 1 || last.length !== 1) return false;
  const [from, to] = [low, high].map((each) => /** @type {number} */ (each.codePointAt(0)));
  return from < FIRST_HALF && to >= FIRST_HALF && to < AWAY;
}

/**
 * Return the search for any of *patterns* as Go's `regexp` finds them, which is RE2. Throws `Refused`.
 * @param {string[]} patterns
 * @returns {Finder}
 */
export function goFinder(patterns) {
  return search(patterns);
}

/** @param {string} pattern */
function hasLongEscape(pattern) {
  return partsOf(pattern).some(({ part }) => part.startsWith("\\x{"));
}

/** @param {Part} part @param {string} space @param {string} noSpace */
function respaced({ part, inClass }, space, noSpace) {
  if (part === "\\s") return inClass ? space : `[${space}]`;
  if (part === "\\S") return inClass ? noSpace : `[^${space}]`;
  return part;
}

/** Return the parts of a pattern in the subset, and whether each lies within a class. @param {string} pattern @returns {Part[]} */
function partsOf(pattern) {
  /** @type {Part[]} */
  const found = [];
  let inClass = false;
  for (const part of pattern.match(PARTS) ?? []) {
    if (inClass && part[0] === "[") {
      found.push(...Array.from(part, (each) => ({ part: each, inClass })));
    } else if (inClass && part === "]") {
      found.push({ part, inClass: (inClass = false) });
    } else {
      found.push({ part, inClass });
      inClass ||= part[0] === "[";
    }
  }
  return found;
}

/** @param {string[]} patterns @returns {Finder} */
function search(patterns) {
  try {
    const found = patterns.map((pattern) => searchFor(pattern));
    return (text) => found.some((each) => each(wellFormed(text)));
  } catch (error) {
    if (error instanceof PatternRefused) throw new Refused(error.message);
    throw error;
  }
}
