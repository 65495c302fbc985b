/**
 * Searches for patterns by walking their automaton (Thompson; Pike's virtual machine without captures), in time that
 * grows linearly with the text: no pattern and no text can hang a page.
 * @module
 */

import { readPattern } from "./pattern.js";

/** @typedef {import("./pattern.js").Part} Part */
/** @typedef {import("./pattern.js").CharacterSet} CharacterSet */

/**
 * One step of a program: take a code point, go on at two places, look at the place in the text, or be done.
 * @typedef {{ take: (point: number) => boolean, next: number }} Take
 * @typedef {{ ways: [number, number] }} Fork
 * @typedef {{ anchor: "^" | "$" | "b", next: number }} Look
 * @typedef {{ done: true }} Done
 * @typedef {Take | Fork | Look | Done} Step
 */

/**
 * Return a function that tells whether *pattern* is found in a well-formed text. Throws `PatternRefused`.
 * @param {string} pattern
 * @param {{ ignoreCase?: boolean }} [options]
 * @returns {(text: string) => boolean}
 */
export function searchFor(pattern, { ignoreCase = false } = {}) {
  const read = readPattern(pattern);
  return searchForTree(read.tree, ignoreCase || read.ignoreCase);
}

/**
 * Return a function that tells whether what *tree* stands for is found in a well-formed text.
 * @param {Part} tree
 * @param {boolean} ignoreCase
 * @returns {(text: string) => boolean}
 */
export function searchForTree(tree, ignoreCase) {
  const steps = new Program(ignoreCase).of(tree);
  return (text) => isFound(steps, text);
}

/** Writes a tree as steps, from its end to its start: each step knows what comes after it. */
class Program {
  /** @param {boolean} ignoreCase */
  constructor(ignoreCase) {
    this.ignoreCase = ignoreCase;
    /** @type {Step[]} */
    this.steps = [{ done: true }];
  }

  /** @param {Part} tree */
  of(tree) {
    const start = this.#write(tree, 0);
    return { steps: this.steps, start };
  }

  /** @param {Step} step */
  #add(step) {
    return this.steps.push(step) - 1;
  }

  /** Write *part* before the step *next*, and return where it starts. @param {Part} part @param {number} next @returns {number} */
  #write(part, next) {
    switch (part.kind) {
      case "set":
        return this.#add({ take: memberOf(part, this.ignoreCase), next });
      case "anchor":
        return this.#add({ anchor: part.what, next });
      case "sequence":
        return part.of.reduceRight((after, each) => this.#write(each, after), next);
      case "choice":
        return part.of.map((each) => this.#write(each, next)).reduceRight((others, way) => this.#add({ ways: [way, others] }));
      case "repeat":
        return this.#repeat(part, next);
    }
  }

  /** @param {Extract<Part, { kind: "repeat" }>} part @param {number} next */
  #repeat(part, next) {
    let start = next;
    if (part.most === Infinity) {
      /** @type {Fork} */
      const fork = { ways: [next, next] };
      start = this.#add(fork);
      fork.ways[0] = this.#write(part.of, start);
    } else {
      for (let i = part.least; i < part.most; i++) start = this.#add({ ways: [this.#write(part.of, start), next] });
    }
    for (let i = 0; i < part.least; i++) start = this.#write(part.of, start);
    return start;
  }
}

/**
 * @param {{ steps: Step[], start: number }} program
 * @param {string} text
 */
function isFound({ steps, start }, text) {
  const length = text.length;
  const seen = new Int32Array(steps.length).fill(-1);
  /** @type {Take[]} */
  let now = [];
  /** @type {Take[]} */
  let then = [];
  /** @type {number[]} */
  const open = [];
  let before = -1;
  let turn = 0;

  /** Reach the step *from* at a place in the text; true if that is the end. @param {number} from @param {number} point */
  function reach(from, point) {
    open.push(from);
    for (let at; (at = open.pop()) !== undefined; ) {
      if (seen[at] === turn) continue;
      seen[at] = turn;
      const step = steps[at];
      if ("take" in step) then.push(step);
      else if ("ways" in step) open.push(step.ways[1], step.ways[0]);
      else if ("done" in step) return true;
      else if (holds(step.anchor, before, point)) open.push(step.next);
    }
    return false;
  }

  for (let at = 0; ; turn++) {
    const point = at < length ? /** @type {number} */ (text.codePointAt(at)) : -1;
    // What was taken leads here, and the pattern may begin anywhere.
    for (const step of now) if (step.take(before) && reach(step.next, point)) return true;
    if (reach(start, point)) return true;
    if (point < 0) return false;
    [now, then] = [then, now];
    then.length = 0;
    before = point;
    at += point > 0xffff ? 2 : 1;
  }
}

/** @param {"^" | "$" | "b"} anchor @param {number} before @param {number} after */
function holds(anchor, before, after) {
  if (anchor === "^") return before < 0;
  if (anchor === "$") return after < 0;
  return isWord(before) !== isWord(after);
}

/** @param {number} point */
function isWord(point) {
  return (point >= 48 && point <= 57) || (point >= 65 && point <= 90) || point === 95 || (point >= 97 && point <= 122);
}

/**
 * Return the test of a set. ASCII is looked up; the rest is compared, or folded by the platform's own tables.
 * @param {CharacterSet} set
 * @param {boolean} ignoreCase
 * @returns {(point: number) => boolean}
 */
function memberOf(set, ignoreCase) {
  const inRanges = ignoreCase ? foldedTest(set.ranges) : rangeTest(set.ranges);
  const table = new Uint8Array(128);
  for (let point = 0; point < 128; point++) table[point] = Number(inRanges(point) !== set.negated);
  return (point) => (point < 128 ? table[point] === 1 : inRanges(point) !== set.negated);
}

/** @param {[number, number][]} ranges @returns {(point: number) => boolean} */
function rangeTest(ranges) {
  return (point) => ranges.some(([low, high]) => point >= low && point <= high);
}

/**
 * One character against one class cannot take long, and the flags `i` and `u` fold as spec/regex.md has it.
 * @param {[number, number][]} ranges
 * @returns {(point: number) => boolean}
 */
function foldedTest(ranges) {
  const written = ranges.map(([low, high]) => `\\u{${low.toString(16)}}-\\u{${high.toString(16)}}`);
  const expression = new RegExp(`^[${written.join("")}]$`, "iu");
  return (point) => expression.test(String.fromCodePoint(point));
}
