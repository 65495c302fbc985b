/**
 * Regular expressions of JavaScript and of Python as spec/regex.md's subset finds them, in linear time.
 *
 * A pattern is taken where the subset has its syntax; what means something else there is written anew: classes, `.`, `$`,
 * letters without regard to case. All else is refused.
 * @module
 */

import { wellFormed } from "../../../bucketing/index.js";
import { Refused } from "../../refused.js";
import { PatternRefused, readPattern } from "../../pattern.js";
import { searchFor } from "../../regex.js";

/** @typedef {(text: string) => boolean} Search */
/** @typedef {[number, number]} Range */
/** @typedef {"javascript" | "python"} Language */

const LAST = 0x10ffff;
const [FIRST_HALF, LAST_HALF] = [0xd800, 0xdfff];
/** Half of a pair of UTF-16 units is searched for as a private character, which a text of units has not otherwise. */
const SHIFT = 0x100000;
const HALVES = /[\ud800-\udfff]/g;
/** @type {Range[]} */
const DIGITS = [[0x30, 0x39]];
/** @type {Range[]} */
const WORDS = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** @type {Range[]} */
const SPACES = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];
/** @type {Record<Language, Range[]>} */
const SPACES_OF = { javascript: [...SPACES, [0xfeff, 0xfeff]], python: [...SPACES, [0x1c, 0x1f], [0x85, 0x85]] };
/** @type {Record<Language, Range[]>} */
const LINE_ENDS_OF = {
  javascript: [
    [0x0a, 0x0a],
    [0x0d, 0x0d],
    [0x2028, 0x2029],
  ],
  python: [[0x0a, 0x0a]],
};
/**
 * The letters whose other forms, as Python's re has them, are more than the small and the capital one.
 * @type {Readonly<Record<string, string>>}
 */
const PYTHON_CASES = { i: "iI\u0130\u0131", k: "kK\u212a", s: "sS\u017f" };
/** @type {Readonly<Record<string, number>>} */
const CONTROLS = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d };
const HEX = /^x([0-9A-Fa-f]{2})/;
const COUNT = /^(?:[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??)/;

/**
 * Return the search that `new RegExp(pattern).test` makes. Throws `Refused`.
 * @param {string} pattern
 * @param {boolean} ignoreCase
 * @returns {Search}
 */
export function javascriptSearch(pattern, ignoreCase) {
  const search = searching(new Translation(pattern, "javascript", ignoreCase).text());
  return (text) => search(unitsOf(text));
}

/**
 * Return the search that `re.search` makes; `\d`, `\w` and `\b` know ASCII only. Throws `Refused`.
 * @param {string} pattern
 * @param {boolean} ignoreCase
 * @returns {Search}
 */
export function pythonSearch(pattern, ignoreCase) {
  const search = searching(new Translation(pattern, "python", ignoreCase).text());
  return (text) => search(wellFormed(text));
}

/** @param {string} translated */
function searching(translated) {
  return refusing("the pattern is too long once it is written anew", () => searchFor(translated));
}

/** @template T @param {string} what @param {() => T} read @returns {T} */
function refusing(what, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof PatternRefused) throw new Refused(`${what}: ${error.message}`);
    throw error;
  }
}

/** Return *text* with a character for each of its UTF-16 units. @param {string} text */
function unitsOf(text) {
  return text.replace(HALVES, (half) => String.fromCodePoint(half.charCodeAt(0) + SHIFT));
}

/** @param {string} character */
function pointOf(character) {
  return /** @type {number} */ (character.codePointAt(0));
}

/** Writes a pattern, which is in the subset, anew. Goes through it from left to right. */
class Translation {
  #pattern;
  #language;
  #ignoreCase;
  #at = 0;
  #deep = 0;

  /** @param {string} written @param {Language} language @param {boolean} ignoreCase */
  constructor(written, language, ignoreCase) {
    const isFlagged = language === "python" && written.startsWith("(?i)");
    const pattern = isFlagged ? written.slice("(?i)".length) : written;
    if (pattern.startsWith("(?i)") || pattern.includes("\\x{"))
      throw new Refused(`the pattern '${pattern.slice(0, 80)}' means something else here`);
    refusing(`the pattern '${pattern.slice(0, 80)}' is not one that is searched for here`, () => readPattern(pattern));
    this.#pattern = Array.from(pattern);
    this.#language = language;
    this.#ignoreCase = ignoreCase || isFlagged;
  }

  text() {
    let written = "";
    while (this.#at < this.#pattern.length) written += this.#piece();
    return written;
  }

  #rest() {
    return this.#pattern.slice(this.#at).join("");
  }

  #piece() {
    const character = this.#pattern[this.#at];
    const next = this.#pattern[this.#at + 1];
    if (character === "[") return this.#class();
    if (character === "$") return this.#end();
    if (character === "\\" && next === "b") return this.#taken(2);
    if ("(|)^".includes(character)) {
      this.#deep += character === "(" ? 1 : character === ")" ? -1 : 0;
      return this.#taken(character === "(" && next === "?" ? 3 : 1);
    }
    const count = "*+?{".includes(character) ? COUNT.exec(this.#rest()) : null;
    return count === null ? this.#single() : this.#taken(count[0].length);
  }

  /** @param {number} length */
  #taken(length) {
    this.#at += length;
    return this.#pattern.slice(this.#at - length, this.#at).join("");
  }

  #end() {
    this.#at++;
    if (this.#language === "javascript") return "$";
    // Python's also stands before a newline that ends the text. What could follow it is not foreseen here.
    const rest = this.#rest();
    if (/^\)*$/.test(rest) || (rest.startsWith("|") && this.#deep === 0)) return "\\n?$";
    throw new Refused(`the pattern '${this.#short()}' has a $ that more comes after: move it to the end`);
  }

  #short() {
    return this.#pattern.slice(0, 80).join("");
  }

  /** Write one character, `.` or shorthand outside of a class. */
  #single() {
    const character = this.#pattern[this.#at];
    if (character === ".") {
      this.#at++;
      return classOf(complement(LINE_ENDS_OF[this.#language]));
    }
    // Only its second half is what a repetition would repeat.
    if (this.#language === "javascript" && pointOf(character) > 0xffff)
      return Array.from(unitsOf(this.#taken(1)), (half) => escaped(pointOf(half))).join("");
    const ranges = this.#item(false);
    return ranges.length === 1 && ranges[0][0] === ranges[0][1] ? escaped(ranges[0][0]) : classOf(ranges);
  }

  #class() {
    const isNegated = this.#pattern[this.#at + 1] === "^";
    this.#at += isNegated ? 2 : 1;
    /** @type {Range[]} */
    const ranges = [];
    while (this.#pattern[this.#at] !== "]") ranges.push(...this.#item(true));
    this.#at++;
    return classOf(isNegated ? complement(ranges) : ranges);
  }

  /**
   * Read a character, a shorthand or, in a class, a range. Return what it stands for, both cases included.
   * @param {boolean} inClass
   * @returns {Range[]}
   */
  #item(inClass) {
    const low = this.#point();
    if (typeof low !== "number") return low;
    let high = low;
    if (inClass && this.#pattern[this.#at] === "-" && this.#pattern[this.#at + 1] !== "]") {
      this.#at++;
      high = /** @type {number} */ (this.#point()); // in the subset a range ends with a character
    }
    return this.#cases(this.#halves(low, high));
  }

  /** @returns {number | Range[]} */
  #point() {
    const character = this.#taken(1);
    if (character !== "\\") return pointOf(character);
    const letter = this.#taken(1);
    if ("dDwWsS".includes(letter)) {
      const known = { d: DIGITS, w: WORDS, s: SPACES_OF[this.#language] }[/** @type {"d" | "w" | "s"} */ (letter.toLowerCase())];
      return letter === letter.toLowerCase() ? known : complement(known);
    }
    const hex = HEX.exec(this.#pattern.slice(this.#at - 1, this.#at + 2).join(""));
    if (hex !== null) {
      this.#at += 2;
      return Number.parseInt(hex[1], 16);
    }
    return Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : pointOf(letter);
  }

  /**
   * Return a range of a class as JavaScript, which reads UTF-16 units, takes it.
   * @param {number} low
   * @param {number} high
   * @returns {Range[]}
   */
  #halves(low, high) {
    if (this.#language !== "javascript" || high <= 0xffff) return [[low, high]];
    const halves = Array.from(unitsOf(String.fromCodePoint(high)), pointOf);
    if (low === high) return halves.map((half) => [half, half]);
    if (low <= FIRST_HALF)
      return [
        [low, FIRST_HALF - 1],
        [SHIFT + FIRST_HALF, halves[0]],
        [halves[1], halves[1]],
      ];
    throw new Refused(`the pattern '${this.#short()}' has a range of half characters`);
  }

  /** @param {Range[]} ranges @returns {Range[]} */
  #cases(ranges) {
    if (!this.#ignoreCase) return ranges;
    /** @type {Range[]} */
    const found = [...ranges];
    for (const [low, high] of ranges) {
      for (let point = low; point <= high; point++) {
        if (point <= 0x7f) found.push(...this.#otherCases(String.fromCodePoint(point)));
        else if (high > 0x7f && hasCases(String.fromCodePoint(point)))
          throw new Refused(`the pattern '${this.#short()}' has letters beyond ASCII, of either case`);
      }
    }
    return found;
  }

  /** @param {string} character @returns {Range[]} */
  #otherCases(character) {
    if (!hasCases(character)) return [];
    const low = character.toLowerCase();
    const all = (this.#language === "python" ? PYTHON_CASES[low] : undefined) ?? low + character.toUpperCase();
    return Array.from(all, (other) => [pointOf(other), pointOf(other)]);
  }
}

/** @param {string} character */
function hasCases(character) {
  return character.toLowerCase() !== character.toUpperCase();
}

/** @param {Range[]} ranges */
function inOrder(ranges) {
  return [...ranges].sort((one, other) => one[0] - other[0] || one[1] - other[1]);
}

/** @param {Range[]} ranges @returns {Range[]} */
function complement(ranges) {
  /** @type {Range[]} */
  const found = [];
  let start = 0;
  for (const [low, high] of inOrder(ranges)) {
    if (low > start) found.push([start, low - 1]);
    start = Math.max(start, high + 1);
  }
  if (start <= LAST) found.push([start, LAST]);
  return found;
}

/** Write ranges as a class. Halves of pairs, which no text has by themselves, are left out. @param {Range[]} ranges */
function classOf(ranges) {
  /** @type {Range[]} */
  const parts = inOrder(ranges).flatMap(([low, high]) => [
    [low, Math.min(high, FIRST_HALF - 1)],
    [Math.max(low, LAST_HALF + 1), high],
  ]);
  const kept = parts.filter(([low, high]) => low <= high);
  if (kept.length === 0) return "[^\\x{0}-\\x{10FFFF}]";
  return `[${kept.map(([low, high]) => (low === high ? escaped(low) : `${escaped(low)}-${escaped(high)}`)).join("")}]`;
}

/** @param {number} point */
function escaped(point) {
  const character = String.fromCodePoint(point);
  return /^[0-9A-Za-z]$/.test(character) ? character : `\\x{${point.toString(16)}}`;
}
