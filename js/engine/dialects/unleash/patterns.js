/**
 * Patterns, searched for in linear time: as RE2JS, RE2's port, finds them, and as Rust's regex does where the two agree.
 * Neither of the two takes back-references or look-around; such a pattern is never found there, and so it is here.
 *
 * What is within spec/regex.md is searched for. What is valid RE2 beyond that is refused here, where Python has RE2 itself.
 * @module
 */

import { wellFormed } from "../../../bucketing/index.js";
import { Refused } from "../../refused.js";
import { PatternRefused, readPattern, SHORTHANDS } from "../../pattern.js";
import { searchForTree } from "../../regex.js";

/** @typedef {import("../../pattern.js").Part} Part */
/** @typedef {[number, number][]} Ranges */
/** @typedef {(text: string) => boolean} Search */
/**
 * What is wrong with a pattern, as RE2 sees it.
 * @typedef {"look-around" | "missing" | "unexpected" | "no argument" | "back-reference" | "other"} Fault
 */

const SET_OPERATIONS = /&&|--|~~/;
const COUNT = /^\{([0-9]+)(?:,([0-9]*))?\}/;
const MOST_REPEATS = 1000;
const TOKENS = /\\.|\[:\^?[a-z]+:\]|\[\^?\]?|\]/gs;
const MEANT = {
  d: /\p{Nd}/u,
  s: /[\t-\r \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]/u,
  w: /[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u{200c}\u{200d}\u{24b6}-\u{24e9}\u{1f130}-\u{1f149}\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}]/u,
};
const LAST = 0x10ffff;
const [FIRST_HALF, LAST_HALF] = [0xd800, 0xdfff];

/**
 * Return the search for *pattern*, null where RE2JS does not take it either. Throws `Refused`.
 * @param {string} pattern
 * @param {boolean} ignoreCase
 * @returns {Search | null}
 */
export function nodeSearch(pattern, ignoreCase) {
  const read = readWithin(pattern);
  if (read !== null) return searching(read.tree, ignoreCase || read.ignoreCase);
  if (faultOf(pattern) !== null) return null;
  throw notTaken(pattern);
}

/**
 * Return the search for *pattern*, null where Rust's regex does not take it either. Throws `Refused` where it is not known
 * to mean the same to both.
 * @param {string} pattern
 * @param {boolean} ignoreCase
 * @returns {Search | null}
 */
export function rustSearch(pattern, ignoreCase) {
  const read = readWithin(pattern);
  if (read !== null) {
    if (SET_OPERATIONS.test(pattern) && pattern.includes("["))
      throw new Refused(`the pattern '${pattern.slice(0, 100)}' has set operations, perhaps`);
    refuseWithin(pattern);
    return searching(unicode(read.tree), ignoreCase || read.ignoreCase);
  }
  const fault = faultOf(pattern);
  if (fault === null || fault === "other") throw notTaken(pattern);
  return null;
}

/** @param {string} pattern */
function readWithin(pattern) {
  try {
    return readPattern(pattern);
  } catch (error) {
    if (error instanceof PatternRefused) return null;
    throw error;
  }
}

/** @param {string} pattern */
function notTaken(pattern) {
  return new Refused(`the pattern '${pattern.slice(0, 100)}' is not taken here`);
}

/** @param {Part} tree @param {boolean} ignoreCase @returns {Search} */
function searching(tree, ignoreCase) {
  const search = searchForTree(tree, ignoreCase);
  return (text) => search(wellFormed(text));
}

/** Return the first thing in *pattern* that RE2 refuses, null where there is none. @param {string} pattern @returns {Fault | null} */
function faultOf(pattern) {
  let depth = 0;
  let isRepeatable = false;
  for (let at = 0; at < pattern.length;) {
    const character = pattern[at];
    const rest = pattern.slice(at);
    if (character === "\\") {
      if (rest.length === 1) return "other";
      if (/^\\[1-9]/.test(rest)) return "back-reference";
      at += 2;
    } else if (character === "[") {
      const group = /^\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]/s.exec(rest);
      if (group === null) return "missing";
      at += group[0].length;
    } else if (character === "(") {
      if (/^\(\?[=!<]/.test(rest)) return "look-around";
      const opening = /^\(\?P<\w+>|^\(\?[imsU-]*(?:\)|:)|^\(/.exec(rest)?.[0] ?? "(";
      if (!opening.endsWith(")")) depth++;
      at += opening.length;
    } else if (character === ")") {
      if (depth-- === 0) return "unexpected";
      at++;
    } else {
      const repetition = /^[*+?]\??/.exec(rest)?.[0] ?? COUNT.exec(rest)?.[0];
      if (repetition !== undefined) {
        const fault = repetitionFault(rest, repetition, isRepeatable);
        if (fault !== null) return fault;
      }
      at += repetition?.length ?? 1;
    }
    isRepeatable = character !== "(" && character !== "|";
  }
  return depth > 0 ? "missing" : null;
}

/** @param {string} rest @param {string} repetition @param {boolean} isRepeatable @returns {Fault | null} */
function repetitionFault(rest, repetition, isRepeatable) {
  if (!isRepeatable) return repetition.startsWith("{") ? null : "no argument";
  const [, least = "0", most = ""] = COUNT.exec(repetition) ?? [];
  if (Math.max(Number(least), Number(most)) > MOST_REPEATS || (most !== "" && Number(most) < Number(least))) return "other";
  return /^[*+?]/.test(rest.slice(repetition.length)) ? "other" : null;
}

/** Refuse a negated shorthand within a class. @param {string} pattern */
function refuseWithin(pattern) {
  let isClass = false;
  for (const [token] of pattern.matchAll(TOKENS)) {
    if (token[0] === "[") isClass = true;
    else if (token === "]") isClass = false;
    else if (isClass && /^\\[DSW]$/.test(token)) throw new Refused(`${token} within a class is not taken here`);
  }
}

/**
 * Return a tree with its shorthands as Rust means them: by Unicode, where spec/regex.md stays within ASCII.
 * @param {Part} part
 * @returns {Part}
 */
function unicode(part) {
  switch (part.kind) {
    case "set":
      return { ...part, ranges: part.ranges.flatMap((range) => meantBy(range)) };
    case "sequence":
    case "choice":
      return { ...part, of: part.of.map(unicode) };
    case "repeat":
      return { ...part, of: unicode(part.of) };
    default:
      return part;
  }
}

/** @param {[number, number]} range @returns {Ranges} */
function meantBy(range) {
  for (const name of /** @type {("d" | "s" | "w")[]} */ (Object.keys(MEANT))) {
    const at = SHORTHANDS[name].indexOf(range);
    if (at >= 0) return at === 0 ? rangesOf(name) : [];
  }
  return [range];
}

/** @type {Map<string, Ranges>} */
const known = new Map();

/** Return the ranges of a shorthand, found once by the platform's own tables. @param {"d" | "s" | "w"} name @returns {Ranges} */
function rangesOf(name) {
  let ranges = known.get(name);
  if (ranges === undefined) {
    known.set(name, (ranges = []));
    for (let point = 0, from = -1; point <= LAST + 1; point++) {
      const isHalf = point >= FIRST_HALF && point <= LAST_HALF;
      const isIn = point <= LAST && !isHalf && MEANT[name].test(String.fromCodePoint(point));
      if (isIn && from < 0) from = point;
      if (!isIn && from >= 0) {
        ranges.push([from, point - 1]);
        from = -1;
      }
    }
  }
  return ranges;
}
