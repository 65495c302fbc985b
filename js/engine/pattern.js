/**
 * Reads the subset of RE2 that `matches` takes (spec/regex.md) into a tree. What is outside of it is refused.
 * @module
 */

/**
 * Part of a pattern. A `set` is one code point of its ranges, or none of them where it is negated.
 * @typedef {{ kind: "set", ranges: [number, number][], negated: boolean }} CharacterSet
 * @typedef {{ kind: "anchor", what: "^" | "$" | "b" }} Anchor
 * @typedef {{ kind: "choice", of: Part[] }} Choice
 * @typedef {{ kind: "sequence", of: Part[] }} Sequence
 * @typedef {{ kind: "repeat", of: Part, least: number, most: number }} Repeat most may be Infinity
 * @typedef {CharacterSet | Anchor | Choice | Sequence | Repeat} Part
 */

const LONGEST = 10_000;
const REPEATS = 1000;
const PLACES = 2000;
const NESTED = 50;

const PUNCTUATION = new Set(" !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~");
/** @type {Record<string, number>} */
const CONTROLS = { t: 9, n: 10, r: 13, f: 12, v: 11 };
/** What `\\d`, `\\w` and `\\s` stand for; these very ranges are in the tree. @type {Record<string, [number, number][]>} */
export const SHORTHANDS = {
  d: [[48, 57]],
  w: [[48, 57], [65, 90], [95, 95], [97, 122]],
  s: [[9, 10], [12, 13], [32, 32]],
};
const LAST = 0x10ffff;
const HEX = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/;
const COUNT = /^\{([0-9]{1,6})(,?)([0-9]{0,6})\}/;

/** A pattern that is outside of the subset. */
export class PatternRefused extends Error {
  name = "PatternRefused";
}

/**
 * Read a pattern. Throws `PatternRefused`.
 * @param {string} pattern
 * @returns {{ tree: Part, ignoreCase: boolean }}
 */
export function readPattern(pattern) {
  const characters = Array.from(pattern);
  if (characters.length > LONGEST) throw new PatternRefused(`the pattern is longer than ${LONGEST} characters`);
  const ignoreCase = pattern.startsWith("(?i)");
  const reader = new Reader(characters, ignoreCase ? 4 : 0);
  const { part, places } = reader.choice(0);
  if (reader.at < characters.length) reader.refuse();
  if (places > PLACES) throw new PatternRefused(`the pattern has more than ${PLACES} places, its repetitions written out`);
  return { tree: part, ignoreCase };
}

/**
 * What was read: a part, its places, and the largest product of the counts of its repetitions.
 * @typedef {{ part: Part, places: number, product: number }} Read
 */

/** Reads from left to right. Each method leaves `at` behind what it read. */
class Reader {
  /** @param {string[]} characters @param {number} at */
  constructor(characters, at) {
    this.characters = characters;
    this.at = at;
  }

  /**
   * The control plane says what is wrong, to whom writes the flag: here it is enough to say where.
   * @param {number} [at]
   * @returns {never}
   */
  refuse(at = this.at) {
    throw new PatternRefused(`the pattern is outside of spec/regex.md at ${at}`);
  }

  /** @param {string} text */
  #sees(text) {
    for (let i = 0; i < text.length; i++) if (this.characters[this.at + i] !== text[i]) return false;
    return true;
  }

  /** @param {number} nested @returns {Read} */
  choice(nested) {
    let places = 0;
    let product = 1;
    /** @type {Part[]} */
    let sequence = [];
    /** @type {Part[]} */
    const choices = [{ kind: "sequence", of: sequence }];
    for (let character; (character = this.characters[this.at]) !== undefined && character !== ")"; ) {
      if (character === "|") {
        this.at++;
        choices.push({ kind: "sequence", of: (sequence = []) });
        continue;
      }
      const piece = this.#piece(character, nested);
      sequence.push(piece.part);
      places += piece.places;
      product = Math.max(product, piece.product);
    }
    return { part: choices.length === 1 ? choices[0] : { kind: "choice", of: choices }, places, product };
  }

  /** @param {string} character @param {number} nested @returns {Read} */
  #piece(character, nested) {
    if (character === "^" || character === "$" || this.#sees("\\b")) {
      this.at += character === "\\" ? 2 : 1;
      if (this.#repeats()) this.refuse();
      const what = character === "\\" ? "b" : /** @type {"^" | "$"} */ (character);
      return { part: { kind: "anchor", what }, places: 0, product: 1 };
    }
    const start = this.at;
    const { part, places, product } = this.#atom(character, nested);
    const { least, most, placed, counted } = this.#repetition();
    if (product * counted > REPEATS) {
      this.refuse(start);
    }
    return {
      part: least === 1 && most === 1 ? part : { kind: "repeat", of: part, least, most },
      places: places * Math.max(placed, 1),
      product: product * Math.max(counted, 1),
    };
  }

  #repeats() {
    const character = this.characters[this.at];
    return character !== undefined && "*+?{".includes(character);
  }

  /** @param {string} character @param {number} nested @returns {Read} */
  #atom(character, nested) {
    if (character === "(") return this.#group(nested);
    if (character === "[") return this.#class();
    if ("*+?".includes(character)) this.refuse();
    if (character === "{") this.refuse();
    if (character === "\\") return { part: this.#escaped(), places: 1, product: 1 };
    this.at++;
    if (character === ".") return { part: { kind: "set", ranges: [[10, 10]], negated: true }, places: 1, product: 1 };
    return { part: literal(/** @type {number} */ (character.codePointAt(0))), places: 1, product: 1 };
  }

  /** @returns {{ least: number, most: number, placed: number, counted: number }} */
  #repetition() {
    const character = this.characters[this.at];
    if (!this.#repeats()) return { least: 1, most: 1, placed: 1, counted: 1 };
    const counts = character === "{" ? this.#counts() : this.#sign(character);
    if (this.characters[this.at] === "?") this.at++;
    if (this.#repeats()) this.refuse();
    return counts;
  }

  /** @param {string} character */
  #sign(character) {
    this.at++;
    return { least: character === "+" ? 1 : 0, most: character === "?" ? 1 : Infinity, placed: 1, counted: 1 };
  }

  #counts() {
    const match = COUNT.exec(this.characters.slice(this.at, this.at + 16).join(""));
    if (match === null) this.refuse();
    const least = Number(match[1]);
    const most = match[3] === "" ? least : Number(match[3]);
    if (Math.max(least, most) > REPEATS || most < least) {
      this.refuse();
    }
    this.at += match[0].length;
    const isOpen = match[2] === "," && match[3] === "";
    return { least, most: isOpen ? Infinity : most, placed: isOpen ? least + 1 : most, counted: most };
  }

  /** @param {number} nested @returns {Read} */
  #group(nested) {
    const start = this.at;
    if (nested >= NESTED) this.refuse();
    this.at += this.#sees("(?:") ? 3 : 1;
    if (this.characters[this.at] === "?") this.refuse(start);
    const found = this.choice(nested + 1);
    if (this.characters[this.at] !== ")") this.refuse(start);
    this.at++;
    return found;
  }

  /** Read an escape as what matches. @returns {CharacterSet} */
  #escaped() {
    const found = this.#escape();
    return typeof found === "number" ? literal(found) : found;
  }

  /** Read an escape: a code point, or a shorthand's set. @returns {number | CharacterSet} */
  #escape() {
    const start = this.at;
    const character = this.characters[start + 1];
    this.at += 2;
    if (character === undefined) this.refuse(start);
    const ranges = SHORTHANDS[character.toLowerCase()];
    if (ranges !== undefined && character.length === 1) {
      return { kind: "set", ranges, negated: character !== character.toLowerCase() };
    }
    if (PUNCTUATION.has(character)) return character.charCodeAt(0);
    if (Object.hasOwn(CONTROLS, character)) return CONTROLS[character];
    const match = HEX.exec(this.characters.slice(start + 1, start + 12).join(""));
    if (match === null) this.refuse(start);
    this.at = start + 1 + match[0].length;
    const point = Number.parseInt(match[1] ?? match[2], 16);
    if (point > LAST || (point >= 0xd800 && point <= 0xdfff)) this.refuse(start);
    return point;
  }

  /** @returns {Read} */
  #class() {
    const start = this.at;
    const negated = this.#sees("[^");
    this.at += negated ? 2 : 1;
    if (this.characters[this.at] === "]") this.refuse();
    /** @type {[number, number][]} */
    const ranges = [];
    let places = 0;
    while (this.characters[this.at] !== "]") {
      if (this.characters[this.at] === undefined) this.refuse(start);
      ranges.push(...this.#item(places === 0));
      places++;
    }
    this.at++;
    return { part: { kind: "set", ranges, negated }, places, product: 1 };
  }

  /** @param {boolean} isFirst @returns {[number, number][]} */
  #item(isFirst) {
    const start = this.at;
    if (this.characters[start] === "-") {
      this.at++;
      if (!isFirst && this.characters[this.at] !== "]") {
        this.refuse(start);
      }
      return [[45, 45]];
    }
    const low = this.#single();
    if (this.characters[this.at] !== "-" || this.#sees("-]")) {
      return typeof low === "number" ? [[low, low]] : low.negated ? outside(low.ranges) : low.ranges;
    }
    this.at++;
    const next = this.characters[this.at];
    const high = next === undefined || next === "]" || next === "-" ? undefined : this.#single();
    if (typeof low !== "number" || typeof high !== "number") {
      this.refuse(start);
    }
    if (low > high) this.refuse(start);
    return [[low, high]];
  }

  /** @returns {number | CharacterSet} */
  #single() {
    if (this.characters[this.at] === "\\") return this.#escape();
    if (this.#sees("[:")) this.refuse();
    return /** @type {number} */ (this.characters[this.at++].codePointAt(0));
  }
}

/** @param {number} point @returns {CharacterSet} */
function literal(point) {
  return { kind: "set", ranges: [[point, point]], negated: false };
}

/**
 * Return everything that is in none of *ranges*, which are in order and apart.
 * @param {[number, number][]} ranges
 * @returns {[number, number][]}
 */
function outside(ranges) {
  /** @type {[number, number][]} */
  const found = [];
  let from = 0;
  for (const [low, high] of ranges) {
    if (low > from) found.push([from, low - 1]);
    from = high + 1;
  }
  if (from <= LAST) found.push([from, LAST]);
  return found;
}
